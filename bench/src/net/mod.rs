//! Addresses, sockets, clocks.

mod addresses;
pub mod clock;

pub use addresses::{AddressPool, Network};
