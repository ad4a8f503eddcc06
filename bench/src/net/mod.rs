//! Addresses, sockets, clocks.

mod addresses;
pub mod clock;
mod outlet;
mod socket;
pub mod sys;

pub use addresses::{AddressPool, Network};
pub use outlet::{DATAGRAM_MAX, Outlet};
pub use socket::Socket;
