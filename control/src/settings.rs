//! What the control plane needs to be told. Plain values: `main` fills them from the configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use livekit_protocol as proto;

/// Settings of [`crate::Control::start`].
#[derive(Clone, Debug)]
pub struct ControlConfig {
    /// API key to secret. Secrets are used as the raw bytes of the text.
    pub keys: BTreeMap<String, String>,
    /// Allows short secrets and opens `/debug`.
    pub dev: bool,
    /// What tokens and join links name: `http(s)://host[:port]`, no slash at the end.
    pub public_url: String,
    pub room: RoomDefaults,
    pub limits: Limits,
    /// Each with its own key.
    pub webhooks: Vec<WebhookConfig>,
    pub timing: Timing,
}

/// What a room is unless its creator says otherwise.
#[derive(Clone, Debug)]
pub struct RoomDefaults {
    /// A join makes the room.
    pub auto_create: bool,
    /// A room that nobody ever joined ends after this, in seconds.
    pub empty_timeout_s: u32,
    /// A room that everybody has left ends after this, in seconds.
    pub departure_timeout_s: u32,
    /// 0 for no limit.
    pub max_participants: u32,
    pub enabled_codecs: Vec<proto::Codec>,
    /// The API may unmute a participant's track.
    pub remote_unmute: bool,
}

/// Bounds on what clients and API callers send, in characters or bytes.
#[derive(Clone, Debug)]
pub struct Limits {
    pub room_name_chars: usize,
    pub identity_chars: usize,
    pub name_chars: usize,
    pub metadata_bytes: usize,
    /// Keys and values together.
    pub attributes_bytes: usize,
    /// Rooms at one time, 0 for no limit.
    pub rooms: usize,
    /// Participants at one time in all rooms, 0 for no limit.
    pub participants: usize,
    /// The body of an API request.
    pub body_bytes: usize,
    /// Payload of one SendData request: one data packet has to fit a message that every client accepts (64,000 bytes).
    pub data_bytes: usize,
    /// Notices that may wait for one session.
    pub notices: usize,
}

#[derive(Clone, Debug)]
pub struct WebhookConfig {
    pub urls: Vec<String>,
    /// The key whose secret signs.
    pub api_key: String,
    /// Events that may wait for one receiver, per lane; more are dropped and counted.
    pub queue: usize,
    /// Waits between tries; the number of tries is one more.
    pub backoff: Vec<Duration>,
    /// For one try.
    pub timeout: Duration,
}

impl WebhookConfig {
    pub fn new(urls: Vec<String>, api_key: String) -> WebhookConfig {
        let backoff = [500, 1000, 2000, 4000, 8000].map(Duration::from_millis).to_vec();
        WebhookConfig { urls, api_key, queue: 1000, backoff, timeout: Duration::from_secs(5) }
    }
}

#[derive(Clone, Debug)]
pub struct Timing {
    /// From join to ACTIVE.
    pub join: Duration,
    /// A participant without a socket is kept this long. The client's retries (0, 0.3, 1.2, 2.7, 4.8, 7, 7 s ...) fit in.
    pub resume: Duration,
    /// The same once its media transport has failed too.
    pub resume_without_media: Duration,
    /// Life of a token made by a refresh.
    pub refreshed_token: Duration,
    /// Participant counts of a room are told at most this often.
    pub counts: Duration,
}

impl Default for ControlConfig {
    fn default() -> Self {
        ControlConfig {
            keys: BTreeMap::new(),
            dev: false,
            public_url: "http://localhost:7880".to_owned(),
            room: RoomDefaults::default(),
            limits: Limits::default(),
            webhooks: Vec::new(),
            timing: Timing::default(),
        }
    }
}

impl Default for RoomDefaults {
    fn default() -> Self {
        let codec = |mime: &str| proto::Codec { mime: mime.to_owned(), fmtp_line: String::new() };
        RoomDefaults {
            auto_create: true,
            empty_timeout_s: 300,
            departure_timeout_s: 20,
            max_participants: 0,
            // Video first and VP8 first: livekit-client publishes the first of a kind when the app names none.
            enabled_codecs: ["video/VP8", "video/H264", "video/VP9", "video/AV1", "audio/opus", "audio/red"]
                .map(codec)
                .to_vec(),
            remote_unmute: false,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            room_name_chars: 256,
            identity_chars: 256,
            name_chars: 256,
            metadata_bytes: 512 * 1024,
            attributes_bytes: 64 * 1024,
            rooms: 0,
            participants: 0,
            body_bytes: 10 * 1024 * 1024,
            data_bytes: 63_000,
            notices: 1024,
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            join: Duration::from_secs(60),
            resume: Duration::from_secs(30),
            resume_without_media: Duration::from_secs(8),
            refreshed_token: Duration::from_secs(600),
            counts: Duration::from_secs(2),
        }
    }
}
