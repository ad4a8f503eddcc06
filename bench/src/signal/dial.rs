//! Tokens, addresses, the WebSocket.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use livekit_protocol as proto;
use prost::Message;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream};

use crate::target::Protocol;

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The number that livekit-client 2.23 tells of itself.
const SIGNAL_PROTOCOL: i32 = 17;

/// Valid for six hours, as the SDKs make them.
pub fn token(key: &str, secret: &str, room: &str, identity: &str) -> anyhow::Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = json!({
        "iss": key,
        "sub": identity,
        "name": identity,
        // Clocks may differ.
        "nbf": now.saturating_sub(60),
        "exp": now + 6 * 3600,
        "video": { "roomJoin": true, "room": room },
    });
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).context("no token could be signed")
}

/// The address of the signalling. `offer`: v1 sends it along.
pub fn address(
    base: &str,
    protocol: Protocol,
    token: &str,
    subscribe: bool,
    offer: Option<proto::SessionDescription>,
) -> anyhow::Result<String> {
    let base = base.trim_end_matches('/');
    let base = match base.split_once("://") {
        Some(("http" | "ws", rest)) => format!("ws://{rest}"),
        Some(("https" | "wss", rest)) => format!("wss://{rest}"),
        _ => bail!("{base}: no ws:// or wss:// address"),
    };
    Ok(match protocol {
        Protocol::V1 => {
            let request = join_request(subscribe, offer)?;
            format!("{base}/rtc/v1?access_token={token}&join_request={request}")
        }
        Protocol::V0 => format!(
            "{base}/rtc?auto_subscribe={}&sdk=js&version=2.23.0&protocol={SIGNAL_PROTOCOL}&access_token={token}",
            u8::from(subscribe)
        ),
    })
}

fn join_request(subscribe: bool, offer: Option<proto::SessionDescription>) -> anyhow::Result<String> {
    let request = proto::JoinRequest {
        client_info: Some(proto::ClientInfo {
            sdk: proto::client_info::Sdk::Js as i32,
            version: "2.23.0".to_owned(),
            protocol: SIGNAL_PROTOCOL,
            ..proto::ClientInfo::default()
        }),
        connection_settings: Some(proto::ConnectionSettings {
            auto_subscribe: subscribe,
            ..proto::ConnectionSettings::default()
        }),
        publisher_offer: offer,
        ..proto::JoinRequest::default()
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&request.encode_to_vec())?;
    let wrapped = proto::WrappedJoinRequest {
        compression: proto::wrapped_join_request::Compression::Gzip as i32,
        join_request: gzip.finish()?,
    };
    Ok(URL_SAFE_NO_PAD.encode(wrapped.encode_to_vec()))
}

/// Trusts the public authorities, and those of a PEM file.
///
/// # Errors
/// The file cannot be read or has no certificate.
pub fn tls(ca: Option<&Path>) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(path) = ca {
        let ours = CertificateDer::pem_file_iter(path).with_context(|| path.display().to_string())?;
        let before = roots.len();
        for certificate in ours {
            roots.add(certificate.with_context(|| path.display().to_string())?)?;
        }
        anyhow::ensure!(roots.len() > before, "{}: no certificate", path.display());
    }
    // Named, because another package of a build may bring a second provider.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Opens the WebSocket. A refusal is told with the server's words.
pub async fn connect(address: &str, tls: &Arc<ClientConfig>) -> anyhow::Result<Socket> {
    let connector = Some(Connector::Rustls(tls.clone()));
    match tokio_tungstenite::connect_async_tls_with_config(address, None, true, connector).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            bail!("the server answers {}: {}", response.status(), String::from_utf8_lossy(body).trim())
        }
        // Without the address: the token is in it.
        Err(error) => bail!("no signalling connection: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_v1_packs_into_the_address_can_be_unpacked() {
        let offer = proto::SessionDescription { sdp: "v=0".into(), id: 1, ..Default::default() };
        let url = address("http://[::1]:7880/", Protocol::V1, "jwt", true, Some(offer)).expect("an address");
        let (start, packed) = url.split_once("&join_request=").expect("v1");
        assert_eq!(start, "ws://[::1]:7880/rtc/v1?access_token=jwt");
        let bytes = URL_SAFE_NO_PAD.decode(packed).expect("base64");
        let wrapped = proto::WrappedJoinRequest::decode(&bytes[..]).expect("wrapped");
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(&wrapped.join_request[..]).read_to_end(&mut bytes).expect("gzip");
        let request = proto::JoinRequest::decode(&bytes[..]).expect("a request");
        assert_eq!(request.publisher_offer.expect("the offer").sdp, "v=0");
        assert!(request.connection_settings.expect("settings").auto_subscribe);
    }

    #[test]
    fn v0_asks_by_parameters_and_other_schemes_are_refused() {
        let url = address("ws://h:1", Protocol::V0, "jwt", false, None).expect("an address");
        assert!(
            url.starts_with("ws://h:1/rtc?auto_subscribe=0&") && url.ends_with("&access_token=jwt"),
            "{url}"
        );
        let url = address("https://h/", Protocol::V0, "jwt", false, None).expect("an address");
        assert!(url.starts_with("wss://h/rtc?"), "{url}");
        assert!(address("h:1", Protocol::V0, "jwt", false, None).is_err());
    }
}
