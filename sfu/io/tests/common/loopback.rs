//! Clients on real sockets, all served by the calling thread.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::client::Client;

pub struct Swarm {
    members: Vec<(Socket, Client)>,
    buffer: Vec<u8>,
}

enum Socket {
    Udp(UdpSocket),
    /// With what was read of an unfinished frame.
    Tcp(TcpStream, Vec<u8>),
}

impl Socket {
    /// The next datagram, if one is there.
    fn receive<'a>(&mut self, buffer: &'a mut [u8]) -> Option<&'a mut [u8]> {
        match self {
            Socket::Udp(socket) => match socket.recv(buffer) {
                Ok(len) => Some(&mut buffer[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => None,
                Err(error) => panic!("{error}"),
            },
            Socket::Tcp(stream, held) => {
                match stream.read(buffer) {
                    Ok(len) => held.extend_from_slice(&buffer[..len]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => panic!("{error}"),
                }
                // RFC 4571.
                let end = 2 + usize::from(u16::from_be_bytes(*held.first_chunk()?));
                if held.len() < end {
                    return None;
                }
                buffer[..end - 2].copy_from_slice(&held[2..end]);
                held.drain(..end);
                Some(&mut buffer[..end - 2])
            }
        }
    }

    fn send(&mut self, datagram: &[u8]) {
        match self {
            Socket::Udp(socket) => assert_eq!(socket.send(datagram).unwrap(), datagram.len()),
            Socket::Tcp(stream, _) => {
                let frame = [&(datagram.len() as u16).to_be_bytes()[..], datagram].concat();
                // The server reads at once, so that this does not block.
                assert_eq!(stream.write(&frame).unwrap(), frame.len());
            }
        }
    }
}

impl Swarm {
    pub fn new() -> Swarm {
        Swarm { members: Vec::new(), buffer: vec![0; 65_536] }
    }

    pub fn add(&mut self, client: Client) -> usize {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.connect(client.server()).unwrap();
        self.members.push((Socket::Udp(socket), client));
        self.members.len() - 1
    }

    /// Connects by ICE-TCP instead.
    pub fn add_tcp(&mut self, client: Client, server: SocketAddr) -> usize {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
        self.members.push((Socket::Tcp(stream, Vec::new()), client));
        self.members.len() - 1
    }

    pub fn client(&mut self, index: usize) -> &mut Client {
        &mut self.members[index].1
    }

    pub fn clients(&mut self) -> impl Iterator<Item = &mut Client> {
        self.members.iter_mut().map(|(_, client)| client)
    }

    /// Reads, ticks and writes once. Returns the datagrams read.
    pub fn turn(&mut self) -> usize {
        let mut read = 0;
        for (socket, client) in &mut self.members {
            let now = Instant::now();
            while let Some(datagram) = socket.receive(&mut self.buffer) {
                read += 1;
                client.handle(now, datagram);
            }
            if client.deadline().is_some_and(|deadline| deadline <= now) {
                client.tick(now);
            }
            for datagram in client.take_out() {
                socket.send(&datagram);
            }
        }
        read
    }

    pub fn run_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn();
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    /// False when the condition does not come to hold in time.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&mut Swarm) -> bool) -> bool {
        let end = Instant::now() + limit;
        while !done(self) {
            if Instant::now() >= end {
                return false;
            }
            self.turn();
            std::thread::sleep(Duration::from_micros(500));
        }
        true
    }
}
