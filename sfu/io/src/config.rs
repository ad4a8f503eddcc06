//! How the media server is set up.

use std::net::{IpAddr, Ipv4Addr};

use chevet_sfu_core::engine::CompanySettings;

/// Settings of [`crate::Sfu::start`].
#[derive(Clone, Debug)]
pub struct SfuConfig {
    /// Media threads; 0 takes one per core.
    pub workers: usize,
    /// The address of the sockets. On a host with several addresses name the one that clients reach: a reply from a
    /// wildcard socket takes its source from the routing table, and ICE refuses a reply from another address.
    /// `::` serves IPv4 too.
    pub bind: IpAddr,
    /// UDP: worker n has `udp_port + n`. With 0 the system picks one for each.
    pub udp_port: u16,
    /// ICE-TCP: one port for all workers. None for no TCP; 0 lets the system pick.
    pub tcp_port: Option<u16>,
    /// Addresses told to the clients, for a server behind a 1:1 NAT. Empty: detected.
    pub advertise: Vec<IpAddr>,
    /// Accepted ICE-TCP connections of one worker.
    pub tcp_connections_max: usize,
    /// Commands that may wait for one worker.
    pub commands_max: usize,
    /// Events that may wait for the reader.
    pub events_max: usize,
    /// Members of one room that a worker takes before the next worker is used for it. 0 keeps every room on one worker.
    pub room_spread: usize,
    /// Each worker stays on a core of its own, if there are enough of them.
    pub pin: bool,
    /// Segmentation offload (UDP_SEGMENT). The sender turns it off by itself where the kernel refuses it.
    pub segmentation_offload: bool,
    /// When video packets wait for the next ones of their frame.
    pub company: CompanySettings,
}

impl Default for SfuConfig {
    fn default() -> Self {
        SfuConfig {
            workers: 0,
            bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            udp_port: 7882,
            tcp_port: Some(7881),
            advertise: Vec::new(),
            tcp_connections_max: 1024,
            commands_max: 8192,
            events_max: 8192,
            room_spread: 0,
            pin: false,
            segmentation_offload: true,
            company: CompanySettings::default(),
        }
    }
}

/// Why the media server could not start.
#[derive(Debug, thiserror::Error)]
pub enum SfuError {
    #[error("cannot open UDP {addr}: {source}")]
    Udp { addr: std::net::SocketAddr, source: std::io::Error },
    #[error("cannot listen on TCP {addr}: {source}")]
    Tcp { addr: std::net::SocketAddr, source: std::io::Error },
    #[error("{workers} workers do not fit between UDP port {udp_port} and 65535, or are more than {max}")]
    Workers { workers: usize, udp_port: u16, max: usize },
    #[error("cannot make the certificate: {0}")]
    Certificate(String),
    #[error("cannot start a worker: {0}")]
    Thread(#[from] std::io::Error),
}

/// The worker has more commands waiting than it may, or has stopped: the command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the media worker is overloaded or has stopped")]
pub struct Overloaded;
