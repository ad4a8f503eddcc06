//! The threads that drive many peers: one socket each, which speaks for as many addresses as there are peers.

mod command;
mod handle;
mod tally;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use chevet_sfu_core::api::IceCredentials;
use nix::sys::eventfd::{EfdFlags, EventFd};
use rand::Rng as _;
use rand::distr::Alphanumeric;
use tokio::sync::mpsc::unbounded_channel;

use self::command::{Command, Line, Opening};
use crate::net::{AddressPool, Network};
use crate::peer::{Identity, Local, Notice};

pub use handle::Handle;
pub use tally::Tally;

/// How a generator is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads, at least 1.
    pub threads: usize,
    pub network: Network,
}

/// Threads with peers. Dropping it ends them, and every peer with them.
pub struct Generator {
    threads: Vec<Thread>,
    identity: Arc<Identity>,
    network: Network,
    pool: AddressPool,
    opened: AtomicU64,
}

struct Thread {
    line: Arc<Line>,
    /// Of the socket that serves all its peers.
    port: u16,
    join: Option<JoinHandle<()>>,
}

impl Generator {
    pub fn start(options: Options) -> anyhow::Result<Generator> {
        let identity = Arc::new(Identity::generate()?);
        let (base, prefix) = match options.network {
            Network::Local { base, prefix } => (base, prefix),
            Network::PerPeer { .. } => (Ipv4Addr::LOCALHOST, 8),
        };
        let mut generator = Generator {
            threads: Vec::new(),
            identity,
            network: options.network,
            pool: AddressPool::new(base, prefix),
            opened: AtomicU64::new(0),
        };
        for number in 0..options.threads.max(1) {
            generator.threads.push(Thread::start(number, options.network)?);
        }
        Ok(generator)
    }

    /// A peer on one of the threads, in turn. Nothing is sent before [`Handle::connect`].
    pub fn open(&self) -> Handle {
        let id = self.opened.fetch_add(1, Ordering::Relaxed);
        let thread = &self.threads[id as usize % self.threads.len()];
        let (notice, notices) = unbounded_channel();
        let (local_addr, socket) = match self.network {
            Network::Local { .. } => (SocketAddr::from((self.pool.next(), thread.port)), None),
            Network::PerPeer { address } => match own_socket(address) {
                Ok((addr, socket)) => (addr, Some(socket)),
                Err(error) => {
                    let _ = notice.send(Notice::Failed(format!("no socket for a peer: {error}")));
                    (SocketAddr::from((address, 0)), None)
                }
            },
        };
        let local = Local { ice: credentials(), fingerprint: self.identity.fingerprint() };
        let opening = Opening { id, local: local.clone(), local_addr, socket, notices: notice };
        thread.line.say(Command::Open(Box::new(opening)));
        Handle { id, local, local_addr, line: Arc::clone(&thread.line), notices }
    }

    /// All that happened since the last call, all threads and peers.
    pub fn tally(&self) -> Tally {
        let (sender, answers) = crossbeam_channel::unbounded();
        for thread in &self.threads {
            thread.line.say(Command::Tally(sender.clone()));
        }
        drop(sender);
        let mut sum = Tally::new();
        // A thread looks at its commands at least at every turn; one that does not has ended.
        while let Ok(tally) = answers.recv_timeout(Duration::from_secs(5)) {
            sum.add(&tally);
        }
        sum
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        for thread in &self.threads {
            thread.line.say(Command::Stop);
        }
        for thread in &mut self.threads {
            if let Some(join) = thread.join.take() {
                let _ = join.join();
            }
        }
    }
}

impl Thread {
    fn start(number: usize, _network: Network) -> anyhow::Result<Thread> {
        let (sender, commands) = crossbeam_channel::unbounded();
        let bell = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .context("an eventfd for a generator thread")?;
        let line = Arc::new(Line { commands: sender, bell });
        let join = std::thread::Builder::new()
            .name(format!("generator-{number}"))
            .spawn(move || {
                while let Ok(command) = commands.recv() {
                    match command {
                        Command::Tally(answer) => {
                            let _ = answer.send(Tally::new());
                        }
                        Command::Stop => return,
                        _ => {}
                    }
                }
            })
            .context("a generator thread")?;
        Ok(Thread { line, port: 0, join: Some(join) })
    }
}

fn own_socket(address: IpAddr) -> std::io::Result<(SocketAddr, UdpSocket)> {
    let socket = UdpSocket::bind((address, 0))?;
    socket.set_nonblocking(true)?;
    Ok((socket.local_addr()?, socket))
}

/// RFC 8839 5.4: at least 24 and 128 bits.
fn credentials() -> IceCredentials {
    let text = |len| rand::rng().sample_iter(Alphanumeric).take(len).map(char::from).collect();
    IceCredentials { ufrag: text(8), pwd: text(24) }
}
