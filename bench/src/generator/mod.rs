//! The threads that drive many peers: one socket each, which speaks for as many addresses as there are peers.

mod command;
mod handle;
mod tally;
#[cfg(test)]
mod tests;
mod worker;

use std::net::{Ipv4Addr, SocketAddr};
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
use self::worker::Worker;
use crate::net::{AddressPool, Network, Socket};
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
            generator.threads.push(Thread::start(number, options.network, Arc::clone(&generator.identity))?);
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
            Network::PerPeer { address } => match Socket::at(address) {
                Ok(socket) => (socket.local(), Some(socket)),
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
    fn start(number: usize, network: Network, identity: Arc<Identity>) -> anyhow::Result<Thread> {
        let (sender, commands) = crossbeam_channel::unbounded();
        let bell = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .context("an eventfd for a generator thread")?;
        let line = Arc::new(Line { commands: sender, bell });
        let shared = match network {
            Network::Local { .. } => Some(Socket::shared().context("a socket for many peers")?),
            Network::PerPeer { .. } => None,
        };
        let port = shared.as_ref().map_or(0, |socket| socket.local().port());
        let (started, whether) = crossbeam_channel::bounded(1);
        let workers_line = Arc::clone(&line);
        let join = std::thread::Builder::new()
            .name(format!("generator-{number}"))
            .spawn(move || match Worker::new(commands, workers_line, identity, shared) {
                Ok(worker) => {
                    let _ = started.send(Ok(()));
                    worker.run();
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            })
            .context("a generator thread")?;
        whether.recv().context("a generator thread ended at once")??;
        Ok(Thread { line, port, join: Some(join) })
    }
}

/// RFC 8839 5.4: at least 24 and 128 bits.
fn credentials() -> IceCredentials {
    let text = |len| rand::rng().sample_iter(Alphanumeric).take(len).map(char::from).collect();
    IceCredentials { ufrag: text(8), pwd: text(24) }
}
