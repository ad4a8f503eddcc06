//! A network namespace for the whole bench: one kind of path for every server.
//!
//! Janus does not offer addresses of the loopback interface, and a way through a veth pair costs more than `lo`. Inside a
//! namespace of our own an interface without a loopback flag carries the server's address; the kernel takes traffic to an
//! address of the same host over `lo` whatever interface it belongs to. So every server is loaded over `lo`, under the
//! same address. The namespace ends with the last process in it.

use std::net::Ipv4Addr;
use std::process::Command;

use anyhow::{Context, ensure};
use nix::sched::{CloneFlags, unshare};

use crate::net::Network;

/// What the namespace holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isolation {
    /// For servers.
    pub server: Ipv4Addr,
    /// A range whose addresses are all local, for the generator's peers.
    pub peers: Ipv4Addr,
    pub prefix: u8,
}

impl Isolation {
    pub fn network(&self) -> Network {
        Network::Local { base: self.peers, prefix: self.prefix }
    }
}

const ISOLATION: Isolation =
    Isolation { server: Ipv4Addr::new(10, 77, 0, 1), peers: Ipv4Addr::new(10, 78, 0, 0), prefix: 16 };

/// Moves this process, and so its future children, into a new namespace. To be called before any thread is started: threads
/// that are there would stay outside. Needs root, or a kernel that lets users have namespaces of their own.
pub fn enter() -> anyhow::Result<Isolation> {
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    ensure!(
        threads == 1,
        "there are {threads} threads already, which would stay outside the network namespace"
    );
    enter_thread()
}

/// The same for the calling thread, and the threads and processes that it starts from now on. Among several threads this
/// needs root.
pub fn enter_thread() -> anyhow::Result<Isolation> {
    if nix::unistd::geteuid().is_root() {
        unshare(CloneFlags::CLONE_NEWNET).context("no network namespace of our own")?;
    } else {
        let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
            .context("no network namespace of our own: run as root, or allow user namespaces")?;
        std::fs::write("/proc/self/setgroups", "deny")?;
        std::fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
        std::fs::write("/proc/self/gid_map", format!("0 {group} 1"))?;
    }
    let Isolation { server, peers, prefix } = ISOLATION;
    ip("link set lo up")?;
    // Not every kernel has dummy interfaces; both ends of a veth pair in one namespace will do, as nothing ever crosses it.
    ip("link add chv0 type dummy").or_else(|_| ip("link add chv0 type veth peer name chv1"))?;
    ip("link set chv0 up")?;
    let _ = ip("link set chv1 up");
    ip(&format!("addr add {server}/16 dev chv0"))?;
    // Janus binds its sockets to the interface (IP_UNICAST_IF), which only routes of that interface serve. They lead over
    // `lo` all the same, but the kernel makes such a route anew for every packet, about 0.3 us; so whoever binds to no
    // interface finds a route of `lo` before it.
    ip(&format!("route add local {peers}/{prefix} dev chv0"))?;
    ip(&format!("route prepend local {peers}/{prefix} dev lo"))?;
    ip(&format!("route prepend local {server} dev lo"))?;
    Ok(ISOLATION)
}

fn ip(words: &str) -> anyhow::Result<()> {
    let output = Command::new("ip")
        .args(words.split(' '))
        .output()
        .context("the program `ip` is missing: apt-get install iproute2")?;
    ensure!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
