//! From where a request comes, for rate limits and the network prefix in the audit trail.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;

/// The address of the caller. A proxy on this machine is believed when it names somebody else (the last entry of
/// `X-Forwarded-For`, which is the one that it added itself); nobody else is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub Option<IpAddr>);

impl Peer {
    /// Whom a rate limit counts: an IPv4 address, or the /64 of an IPv6 one, which is one customer's.
    pub fn subject(self) -> String {
        match self.0 {
            None => "nowhere".to_owned(),
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}")
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Peer, Infallible> {
        let connected =
            parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
        let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back();
        let named = forwarded
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.rsplit(',').next())
            .and_then(|address| address.trim().parse::<IpAddr>().ok())
            .map(|address| address.to_canonical());
        Ok(Peer(match connected {
            Some(proxy) if proxy.is_loopback() => Some(named.unwrap_or(proxy)),
            other => other,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn peer(connected: &str, forwarded: Option<&str>) -> Option<String> {
        let mut request = http::Request::new(());
        let address: SocketAddr = connected.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(address));
        if let Some(forwarded) = forwarded {
            request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
        }
        let (mut parts, ()) = request.into_parts();
        let Ok(peer) = Peer::from_request_parts(&mut parts, &()).await;
        peer.0.map(|address| address.to_string())
    }

    #[tokio::test]
    async fn only_a_proxy_on_this_machine_may_name_somebody_else() {
        assert_eq!(peer("192.0.2.1:1", None).await.as_deref(), Some("192.0.2.1"));
        assert_eq!(peer("192.0.2.1:1", Some("198.51.100.7")).await.as_deref(), Some("192.0.2.1"));
        assert_eq!(
            peer("127.0.0.1:1", Some("203.0.113.5, 198.51.100.7")).await.as_deref(),
            Some("198.51.100.7")
        );
        assert_eq!(peer("[::1]:1", Some("nonsense")).await.as_deref(), Some("::1"));
        assert_eq!(peer("[::ffff:192.0.2.1]:1", None).await.as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn one_customers_ipv6_addresses_are_one_subject() {
        let subject = |text: &str| Peer(Some(text.parse().unwrap())).subject();
        assert_eq!(subject("2001:db8:1:2::3"), subject("2001:db8:1:2:ffff::1"));
        assert_ne!(subject("2001:db8:1:2::3"), subject("2001:db8:1:3::3"));
    }
}
