//! UDP sockets as the generator wants them.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::socket::{setsockopt, sockopt};

/// Bytes of receive buffer asked for: a second of what one thread may receive.
const RECEIVE_BUFFER: usize = 64 << 20;
const SEND_BUFFER: usize = 8 << 20;

/// A socket that stamps arrivals, tells of drops, and takes joined datagrams.
#[derive(Debug)]
pub struct Socket {
    socket: UdpSocket,
    local: SocketAddr,
    /// Speaks for many addresses: every datagram says which.
    shared: bool,
}

impl Socket {
    /// For all addresses of this host, at a port that the system picks.
    pub fn shared() -> io::Result<Socket> {
        Socket::open(([0, 0, 0, 0], 0).into(), true)
    }

    /// For one address.
    pub fn at(address: IpAddr) -> io::Result<Socket> {
        Socket::open((address, 0).into(), false)
    }

    fn open(at: SocketAddr, shared: bool) -> io::Result<Socket> {
        let socket = UdpSocket::bind(at)?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        if shared {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        }
        // Kernels before 5.0 have no UDP_GRO; nothing is lost but time.
        let _ = setsockopt(&socket, sockopt::UdpGroSegment, &true);
        // Past the system's limit when we may.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
        }
        if setsockopt(&socket, sockopt::SndBufForce, &SEND_BUFFER).is_err() {
            setsockopt(&socket, sockopt::SndBuf, &SEND_BUFFER)?;
        }
        let local = socket.local_addr()?;
        Ok(Socket { socket, local, shared })
    }

    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// One that speaks for many addresses.
    pub fn is_shared(&self) -> bool {
        self.shared
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
