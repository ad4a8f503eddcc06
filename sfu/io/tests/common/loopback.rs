//! Clients on real sockets, all served by the calling thread.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::client::Client;

pub struct Swarm {
    members: Vec<(UdpSocket, Client)>,
    buffer: Vec<u8>,
}

impl Swarm {
    pub fn new() -> Swarm {
        Swarm { members: Vec::new(), buffer: vec![0; 65_536] }
    }

    pub fn add(&mut self, client: Client) -> usize {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.connect(client.server()).unwrap();
        self.members.push((socket, client));
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
            loop {
                match socket.recv(&mut self.buffer) {
                    Ok(len) => {
                        read += 1;
                        client.handle(now, &mut self.buffer[..len]);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => panic!("{error}"),
                }
            }
            if client.deadline().is_some_and(|deadline| deadline <= now) {
                client.tick(now);
            }
            for datagram in client.take_out() {
                socket.send(&datagram).unwrap();
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
