//! Where the servers listen and where the peers' datagrams leave from.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use anyhow::Context;

use super::subject::Subject;
use crate::net::Network;
use crate::target::{ServerOptions, isolation};

/// The same for all servers that the bench starts: a figure that one got over another path than its neighbour would not be
/// comparable.
pub struct Ground {
    network: Network,
}

impl Ground {
    /// A network namespace of our own, which Janus needs, unless a target runs already and would be outside of it. Without
    /// the right to make one, loopback. To be called before any thread starts. `options` gets the address of the servers.
    pub fn prepare(options: &mut ServerOptions) -> Ground {
        if options.url.is_some() {
            return Ground { network: Network::LOOPBACK };
        }
        match isolation::enter() {
            Ok(isolation) => {
                options.address = IpAddr::V4(isolation.server);
                Ground { network: isolation.network() }
            }
            Err(error) => {
                eprintln!("on loopback, without Janus: {error:#}");
                Ground { network: Network::LOOPBACK }
            }
        }
    }

    /// Towards this target.
    pub fn network(&self, subject: &Subject) -> anyhow::Result<Network> {
        match &subject.options.url {
            Some(url) => Ok(Network::towards(resolve(url)?)?),
            None => Ok(self.network),
        }
    }
}

/// The address in `ws://host:port`.
fn resolve(url: &str) -> anyhow::Result<SocketAddr> {
    let (scheme, rest) =
        url.split_once("://").with_context(|| format!("--url: no ws:// or http:// in {url}"))?;
    let host = rest.split('/').next().unwrap_or_default();
    let port = if matches!(scheme, "wss" | "https") { 443 } else { 80 };
    let found = match host.to_socket_addrs() {
        Ok(mut found) => found.next(),
        Err(_) => (host.trim_matches(['[', ']']), port).to_socket_addrs()?.next(),
    };
    found.with_context(|| format!("--url: {host} has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_server_is_in_its_url() {
        assert_eq!(resolve("ws://127.0.0.1:7880/rtc").unwrap(), "127.0.0.1:7880".parse().unwrap());
        assert_eq!(resolve("https://127.0.0.1").unwrap(), "127.0.0.1:443".parse().unwrap());
        assert_eq!(resolve("http://[::1]").unwrap(), "[::1]:80".parse().unwrap());
        assert!(resolve("127.0.0.1:80").is_err());
    }
}
