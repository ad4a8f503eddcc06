//! Access tokens and the join links that carry them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use chevet_config::{Config, Secret, Tls};
use chevet_control::tokens::{Claims, Tokens, VideoGrant};

use crate::cli::TokenRequest;

/// What people type in front of every path, without a slash at the end.
pub fn base_url(config: &Config, listening: SocketAddr) -> String {
    let given = config.server.public_url.trim_end_matches('/');
    if !given.is_empty() {
        return given.to_owned();
    }
    let scheme = if config.server.tls == Tls::Off { "http" } else { "https" };
    let host = match listening.ip() {
        // Listening everywhere: the address that media clients are told is the best guess.
        ip if ip.is_unspecified() => {
            config.rtc.advertise.first().copied().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
        }
        ip => ip,
    };
    format!("{scheme}://{}", SocketAddr::new(host, listening.port()))
}

pub fn signer(keys: &BTreeMap<String, Secret>, dev: bool) -> anyhow::Result<Tokens> {
    let keys = keys.iter().map(|(key, secret)| (key.clone(), secret.expose().to_owned())).collect();
    Ok(Tokens::new(keys, dev)?)
}

pub fn token(tokens: &Tokens, request: &TokenRequest) -> anyhow::Result<String> {
    anyhow::ensure!(
        !request.room.is_empty() && !request.identity.is_empty(),
        "room and identity must not be empty"
    );
    let publish = request.listen_only.then_some(false);
    let video = VideoGrant {
        room_join: true,
        room: request.room.clone(),
        room_admin: request.admin,
        can_publish: publish,
        can_publish_data: publish,
        ..VideoGrant::default()
    };
    let claims = Claims {
        sub: request.identity.clone(),
        name: request.name.clone(),
        video: Some(video),
        ..Claims::default()
    };
    tokens.issue(claims, request.ttl).context("there is no API key to sign with")
}

/// The token stands behind `#`: browsers send that part to no server, so it reaches no log.
pub fn join_link(base: &str, token: &str) -> String {
    format!("{base}/join#token={token}")
}

/// Two people for one room, to try a call with: each name with its link.
pub fn demo(base: &str, tokens: &Tokens) -> anyhow::Result<Vec<(String, String)>> {
    ["Camille", "Dominique"]
        .into_iter()
        .map(|name| {
            let request = TokenRequest {
                room: "demo".into(),
                identity: name.to_lowercase(),
                name: name.into(),
                ttl: Duration::from_secs(24 * 3600),
                listen_only: false,
                admin: false,
            };
            Ok((name.to_owned(), join_link(base, &token(tokens, &request)?)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_what_a_browser_can_open() {
        let mut config = Config::default();
        assert_eq!(base_url(&config, "127.0.0.1:7880".parse().unwrap()), "http://127.0.0.1:7880");
        assert_eq!(base_url(&config, "[::1]:80".parse().unwrap()), "http://[::1]:80");
        config.server.tls = Tls::SelfSigned;
        config.rtc.advertise = vec!["192.0.2.7".parse().unwrap()];
        assert_eq!(base_url(&config, "0.0.0.0:443".parse().unwrap()), "https://192.0.2.7:443");
        config.server.public_url = "https://visio.example.org/".into();
        assert_eq!(base_url(&config, "0.0.0.0:443".parse().unwrap()), "https://visio.example.org");
    }

    #[test]
    fn a_demo_link_holds_a_token_that_the_server_takes() {
        let config = Config::dev();
        let tokens = signer(&config.keys, true).unwrap();
        let links = demo("http://127.0.0.1:7880", &tokens).unwrap();
        let identities: Vec<String> = links
            .iter()
            .map(|(_, link)| tokens.verify(link.split_once("/join#token=").unwrap().1).unwrap().sub)
            .collect();
        assert_eq!(identities, ["camille", "dominique"]);
    }
}
