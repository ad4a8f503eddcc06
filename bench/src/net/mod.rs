//! Addresses, sockets, clocks.
