//! What a client asks for in the URL: the query parameters of v0, the packed `join_request` of v1.

use std::collections::HashMap;
use std::io::Read;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chevet_control::registry::JoinOptions;
use http::StatusCode;
use livekit_protocol as proto;
use prost::Message;

use crate::session::{Hello, Protocol};

/// Characters of the packed `join_request`.
const PACKED_MAX: usize = 256 * 1024;
/// Bytes of it when unpacked; more is a bomb.
const UNPACKED_MAX: u64 = 1024 * 1024;
/// Of those a client claims to have; there are fewer than ten.
const CAPABILITIES_MAX: usize = 64;

const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Query parameters; the first of a name counts.
pub(crate) type Query = HashMap<String, String>;

/// A connection as asked for.
#[derive(Debug)]
pub(crate) struct Ask {
    pub options: JoinOptions,
    pub hello: Hello,
    /// The session to resume.
    pub resume: Option<String>,
}

/// Why the parameters are no good, with the HTTP status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AskError {
    #[error("join_request is missing")]
    Missing,
    #[error("join_request cannot be read: {0}")]
    Malformed(&'static str),
    #[error("join_request is too large")]
    TooLarge,
    #[error("attributes are no base64url of a JSON object of strings")]
    Attributes,
}

impl AskError {
    pub fn status(&self) -> StatusCode {
        match self {
            AskError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

pub(crate) fn ask(protocol: Protocol, query: &Query) -> Result<Ask, AskError> {
    match protocol {
        Protocol::Dual => by_parameters(query),
        Protocol::Single => by_join_request(query),
    }
}

fn by_parameters(query: &Query) -> Result<Ask, AskError> {
    let text = |name: &str| query.get(name).cloned().unwrap_or_default();
    let number = |name: &str| query.get(name).and_then(|value| value.parse().ok()).unwrap_or(0);
    let flag = |name: &str, default: bool| match query.get(name).map(String::as_str) {
        Some("1" | "true") => true,
        Some("0" | "false") => false,
        _ => default,
    };
    let client = proto::ClientInfo {
        sdk: sdk(&text("sdk")) as i32,
        version: text("version"),
        protocol: number("protocol"),
        os: text("os"),
        os_version: text("os_version"),
        device_model: text("device_model"),
        browser: text("browser"),
        browser_version: text("browser_version"),
        network: text("network"),
        client_protocol: number("client_protocol"),
        capabilities: text("capabilities")
            .split(',')
            .filter_map(proto::client_info::Capability::from_str_name)
            .map(|capability| capability as i32)
            .take(64)
            .collect(),
        ..proto::ClientInfo::default()
    };
    let attributes = match query.get("attributes").filter(|packed| !packed.is_empty()) {
        Some(packed) => attributes(packed).ok_or(AskError::Attributes)?,
        None => HashMap::new(),
    };
    Ok(Ask {
        resume: flag("reconnect", false).then(|| text("sid")),
        hello: Hello {
            protocol: Protocol::Dual,
            auto_subscribe: flag("auto_subscribe", true),
            auto_subscribe_data: flag("auto_subscribe_data_track", false),
            adaptive_stream: flag("adaptive_stream", false),
            client: client.clone(),
            add_tracks: Vec::new(),
            offer: None,
            sync_state: None,
        },
        options: JoinOptions { client, metadata: None, attributes },
    })
}

fn by_join_request(query: &Query) -> Result<Ask, AskError> {
    let packed = query.get("join_request").filter(|packed| !packed.is_empty()).ok_or(AskError::Missing)?;
    let request = unpack(packed)?;
    let settings = request.connection_settings.unwrap_or_default();
    let mut client = request.client_info.unwrap_or_default();
    // Everybody in the room is told of them.
    client.capabilities.truncate(CAPABILITIES_MAX);
    Ok(Ask {
        resume: request.reconnect.then_some(request.participant_sid),
        hello: Hello {
            protocol: Protocol::Single,
            auto_subscribe: settings.auto_subscribe,
            auto_subscribe_data: settings.auto_subscribe_data_track.unwrap_or(false),
            adaptive_stream: settings.adaptive_stream,
            client: client.clone(),
            add_tracks: request.add_track_requests,
            offer: request.publisher_offer,
            sync_state: request.sync_state,
        },
        options: JoinOptions {
            client,
            metadata: (!request.metadata.is_empty()).then_some(request.metadata),
            attributes: request.participant_attributes,
        },
    })
}

fn unpack(packed: &str) -> Result<proto::JoinRequest, AskError> {
    if packed.len() > PACKED_MAX {
        return Err(AskError::TooLarge);
    }
    let bytes = decode(packed).ok_or(AskError::Malformed("no base64"))?;
    let wrapped = proto::WrappedJoinRequest::decode(bytes.as_slice())
        .map_err(|_| AskError::Malformed("no WrappedJoinRequest"))?;
    let bytes = match wrapped.compression() {
        proto::wrapped_join_request::Compression::None => wrapped.join_request,
        proto::wrapped_join_request::Compression::Gzip => {
            let mut bytes = Vec::new();
            let limit = UNPACKED_MAX.saturating_add(1);
            flate2::read::GzDecoder::new(wrapped.join_request.as_slice())
                .take(limit)
                .read_to_end(&mut bytes)
                .map_err(|_| AskError::Malformed("no gzip"))?;
            if bytes.len() as u64 > UNPACKED_MAX {
                return Err(AskError::TooLarge);
            }
            bytes
        }
    };
    proto::JoinRequest::decode(bytes.as_slice()).map_err(|_| AskError::Malformed("no JoinRequest"))
}

/// Either alphabet of base64, with or without padding. A `+` of the standard alphabet arrives as a space.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text: String = text
        .trim()
        .chars()
        .map(|char| match char {
            '+' | ' ' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    URL_SAFE.decode(text).ok()
}

fn attributes(packed: &str) -> Option<HashMap<String, String>> {
    if packed.len() > PACKED_MAX {
        return None;
    }
    serde_json::from_slice(&decode(packed)?).ok()
}

fn sdk(name: &str) -> proto::client_info::Sdk {
    use proto::client_info::Sdk;
    match name {
        "js" => Sdk::Js,
        "swift" | "ios" => Sdk::Swift,
        "android" => Sdk::Android,
        "flutter" => Sdk::Flutter,
        "go" => Sdk::Go,
        "unity" => Sdk::Unity,
        "reactnative" => Sdk::ReactNative,
        "rust" => Sdk::Rust,
        "python" => Sdk::Python,
        "cpp" => Sdk::Cpp,
        "unityweb" => Sdk::UnityWeb,
        "node" => Sdk::Node,
        "esp32" => Sdk::Esp32,
        _ => Sdk::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn pack(request: &proto::JoinRequest, gzip: bool) -> String {
        let mut bytes = request.encode_to_vec();
        if gzip {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(&bytes).expect("into memory");
            bytes = encoder.finish().expect("into memory");
        }
        let wrapped = proto::WrappedJoinRequest { compression: i32::from(gzip), join_request: bytes };
        URL_SAFE.encode(wrapped.encode_to_vec())
    }

    fn single(packed: String) -> Result<Ask, AskError> {
        ask(Protocol::Single, &HashMap::from([("join_request".to_owned(), packed)]))
    }

    #[test]
    fn a_join_request_is_read_packed_and_plain_with_and_without_padding() {
        let request = proto::JoinRequest {
            client_info: Some(proto::ClientInfo { client_protocol: 2, ..proto::ClientInfo::default() }),
            connection_settings: Some(proto::ConnectionSettings {
                auto_subscribe: true,
                ..proto::ConnectionSettings::default()
            }),
            reconnect: true,
            participant_sid: "PA_x".into(),
            ..proto::JoinRequest::default()
        };
        for gzip in [false, true] {
            let packed = pack(&request, gzip);
            let standard = packed.replace('-', "+").replace('_', "/");
            for text in [packed.clone(), packed.trim_end_matches('=').to_owned(), standard] {
                let ask = single(text).expect("read");
                assert_eq!(ask.resume.as_deref(), Some("PA_x"));
                assert!(ask.hello.auto_subscribe);
                assert_eq!(ask.options.client.client_protocol, 2);
            }
        }
    }

    #[test]
    fn a_gzip_bomb_is_refused_unread() {
        let request = proto::JoinRequest { metadata: "0".repeat(8 << 20), ..proto::JoinRequest::default() };
        assert_eq!(single(pack(&request, true)).err(), Some(AskError::TooLarge));
        assert_eq!(single("!".into()).err(), Some(AskError::Malformed("no base64")));
        assert_eq!(single(String::new()).err(), Some(AskError::Missing));
        assert_eq!(single("a".repeat(PACKED_MAX + 1)).err(), Some(AskError::TooLarge));
    }

    #[test]
    fn the_query_of_python_is_read() {
        let query: Query = [
            ("sdk", "python"),
            ("protocol", "18"),
            ("client_protocol", "2"),
            ("auto_subscribe", "0"),
            ("adaptive_stream", "1"),
            ("capabilities", "CAP_PACKET_TRAILER,CAP_NEVER_HEARD_OF"),
            ("attributes", "eyJhIjoiYiJ9"),
            ("reconnect", "1"),
            ("sid", "PA_y"),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
        let ask = ask(Protocol::Dual, &query).expect("read");
        assert_eq!(ask.options.client.sdk, proto::client_info::Sdk::Python as i32);
        assert_eq!(ask.options.client.protocol, 18);
        assert_eq!(ask.options.client.capabilities.len(), 1);
        assert_eq!(ask.options.attributes.get("a").map(String::as_str), Some("b"));
        assert!(!ask.hello.auto_subscribe && ask.hello.adaptive_stream);
        assert_eq!(ask.resume.as_deref(), Some("PA_y"));
    }
}
