//! Typed settings of a Chevet server, from one TOML file and the environment.
//!
//! Four layers, each over the one before: the defaults (`chevet.toml` in this crate, embedded and tested to say
//! exactly what [`Config::default`] says), the `--dev` preset, the file, the environment. An unknown key or a bad
//! value is refused with its key, its line and what is allowed there; all problems are told at once.
//!
//! [`Config::visit`] is the one list of settings. Reading, the environment, the suggestions for misspelt keys and
//! `chevet config` all walk it, so none of them can forget a key.

mod check;
mod documents;
mod logins;
mod messages;
mod problem;
mod read;
mod show;
mod units;
mod value;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

pub use documents::Documents;
pub use logins::{Cps, Psc};
pub use messages::{Credential, Mail, MailTls, Payment, Sms, SmsGateway};
pub use problem::{ConfigError, Problem};
pub use read::{Loaded, Origin, Sources};
pub use show::effective;
pub use units::{Size, duration};

use value::Setting;

/// The documented file of defaults, as shipped.
pub const EXAMPLE: &str = include_str!("../chevet.toml");

/// The API key of the `--dev` preset. Every LiveKit SDK's own test suite assumes this pair.
pub const DEV_KEY: &str = "devkey";
/// The secret of the `--dev` preset: known to everybody, so the preset listens on loopback only.
pub const DEV_SECRET: &str = "secret";

/// Shortest API secret accepted outside `--dev`, in characters: an HS256 key shorter than its hash is guessable.
pub const SECRET_CHARS_MIN: usize = 32;

/// Everything an operator can set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    pub server: Server,
    pub rtc: Rtc,
    /// API key -> secret.
    pub keys: BTreeMap<String, Secret>,
    pub room: Room,
    pub limits: Limits,
    pub webhooks: Webhooks,
    pub clinic: Clinic,
    pub logging: Logging,
    /// Started with `--dev`: short secrets are accepted and clients may ask for simulated failures.
    /// Set by the command line only, never by the file.
    pub dev: bool,
}

/// The one HTTP and WebSocket listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub bind: IpAddr,
    /// 0 lets the system choose.
    pub port: u16,
    /// Empty: derived from `bind`, `port` and `tls`.
    pub public_url: String,
    pub tls: Tls,
    /// Where what must outlive the process is kept.
    pub data_dir: PathBuf,
    /// How long an orderly stop may take.
    pub stop_timeout: Duration,
}

/// How the listener is secured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    Off,
    SelfSigned,
    /// PEM files, read again when they change.
    Files {
        cert: PathBuf,
        key: PathBuf,
    },
}

/// The media ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rtc {
    pub bind: IpAddr,
    /// Worker `n` uses `udp_port + n`. 0 lets the system choose.
    pub udp_port: u16,
    /// `None`: no ICE-TCP.
    pub tcp_port: Option<u16>,
    /// Addresses told to clients. Empty: those found on the network interfaces.
    pub advertise: Vec<IpAddr>,
    /// 0: one for each core.
    pub workers: u16,
    /// Participants of one room on a worker before the room uses the next worker. 0: a room stays on one.
    pub room_spread: u32,
    pub pin_workers: bool,
    /// Zero: video packets never wait for company.
    pub hold_max: Duration,
}

/// What a new room starts with. A CreateRoom call may say otherwise for one room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    pub auto_create: bool,
    pub empty_timeout: Duration,
    pub departure_timeout: Duration,
    /// 0: no limit.
    pub max_participants: u32,
    pub enable_remote_unmute: bool,
}

/// Sizes above which the server says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub request_body: Size,
    pub request_header: Size,
    pub metadata: Size,
    pub attributes: Size,
    /// Room names, identities and participant names, in characters.
    pub name_chars: u32,
    pub connections: u32,
    /// 0: no limit.
    pub rooms: u32,
    /// In all rooms together. 0: no limit.
    pub participants: u32,
}

/// Who is told what happens in the rooms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Webhooks {
    pub urls: Vec<String>,
    /// The key of `[keys]` that signs. Empty: the first one.
    pub api_key: String,
}

/// The teleconsultation itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clinic {
    /// `false`: rooms and tokens only.
    pub enabled: bool,
    /// How messages and pages name whoever runs this server.
    pub organisation: String,
    pub approval: Approval,
    /// E-mail addresses whose registration makes an administrator.
    pub administrators: Vec<String>,
    /// Takes professionals' numbers whose key is wrong: those of the authorities' test environments.
    pub accept_test_identifiers: bool,
    /// Webhooks may go to private addresses and without TLS.
    pub webhooks_to_private_networks: bool,
    pub mail: Mail,
    pub sms: Sms,
    pub payment: Payment,
    pub documents: Documents,
    pub psc: Psc,
    pub seal: Seal,
    pub cps: Cps,
}

/// What makes a confirmed registration active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    Auto,
    Manual,
    Psc,
}

/// The seal of reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seal {
    /// PKCS#8 as PEM; empty: a key of one's own, kept in the store.
    pub key_file: String,
    /// The certificate of the key, then whoever issued it, as PEM.
    pub chain_file: String,
    /// A time stamp service (RFC 3161); empty: no time stamps.
    pub tsa_url: String,
    /// Certificates (PEM) of authorities that vouch for time stamp services.
    pub tsa_ca_file: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    pub level: Level,
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// A value that never shows itself in logs, in errors or in `chevet config`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Default for Server {
    fn default() -> Server {
        Server {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 7880,
            public_url: String::new(),
            tls: Tls::Off,
            data_dir: PathBuf::from("data"),
            stop_timeout: Duration::from_secs(10),
        }
    }
}

impl Default for Rtc {
    fn default() -> Rtc {
        Rtc {
            bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            udp_port: 7882,
            tcp_port: Some(7881),
            advertise: Vec::new(),
            workers: 0,
            room_spread: 100,
            pin_workers: true,
            hold_max: Duration::from_millis(5),
        }
    }
}

impl Default for Room {
    fn default() -> Room {
        Room {
            auto_create: true,
            empty_timeout: Duration::from_secs(300),
            departure_timeout: Duration::from_secs(20),
            max_participants: 0,
            enable_remote_unmute: false,
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            request_body: Size::mebibytes(10),
            request_header: Size::kibibytes(128),
            metadata: Size::kibibytes(512),
            attributes: Size::kibibytes(64),
            name_chars: 256,
            connections: 20_000,
            rooms: 0,
            participants: 0,
        }
    }
}

impl Default for Clinic {
    fn default() -> Clinic {
        Clinic {
            enabled: true,
            organisation: "Chevet".to_owned(),
            approval: Approval::Manual,
            administrators: Vec::new(),
            accept_test_identifiers: false,
            webhooks_to_private_networks: false,
            mail: Mail::default(),
            sms: Sms::default(),
            payment: Payment::default(),
            documents: Documents::default(),
            psc: Psc::default(),
            seal: Seal::default(),
            cps: Cps::default(),
        }
    }
}

impl Default for Logging {
    fn default() -> Logging {
        Logging { level: Level::Info, format: Format::Text }
    }
}

impl Config {
    /// The `--dev` preset: HTTP on loopback, port 7880, one key that everybody knows, and registrations of anybody with any
    /// number, since nobody is there to approve them.
    pub fn dev() -> Config {
        let mut config = Config { dev: true, ..Config::default() };
        config.keys.insert(DEV_KEY.into(), Secret::new(DEV_SECRET));
        config.clinic.approval = Approval::Auto;
        config.clinic.accept_test_identifiers = true;
        config
    }

    /// The one list of settings, in the order of the file.
    fn visit(&mut self, visit: &mut impl Visit) {
        let Config { server, rtc, keys, room, limits, webhooks, clinic, logging, dev: _ } = self;

        visit.section("server");
        visit.setting("bind", &mut server.bind);
        visit.setting("port", &mut server.port);
        visit.setting("public_url", &mut server.public_url);
        visit.setting("tls", &mut server.tls);
        visit.setting("data_dir", &mut server.data_dir);
        visit.setting("stop_timeout", &mut server.stop_timeout);

        visit.section("rtc");
        visit.setting("bind", &mut rtc.bind);
        visit.setting("udp_port", &mut rtc.udp_port);
        visit.setting("tcp_port", &mut rtc.tcp_port);
        visit.setting("advertise", &mut rtc.advertise);
        visit.setting("workers", &mut rtc.workers);
        visit.setting("room_spread", &mut rtc.room_spread);
        visit.setting("pin_workers", &mut rtc.pin_workers);
        visit.setting("hold_max", &mut rtc.hold_max);

        visit.section("keys");
        visit.secrets(keys);

        visit.section("room");
        visit.setting("auto_create", &mut room.auto_create);
        visit.setting("empty_timeout", &mut room.empty_timeout);
        visit.setting("departure_timeout", &mut room.departure_timeout);
        visit.setting("max_participants", &mut room.max_participants);
        visit.setting("enable_remote_unmute", &mut room.enable_remote_unmute);

        visit.section("limits");
        visit.setting("request_body", &mut limits.request_body);
        visit.setting("request_header", &mut limits.request_header);
        visit.setting("metadata", &mut limits.metadata);
        visit.setting("attributes", &mut limits.attributes);
        visit.setting("name_chars", &mut limits.name_chars);
        visit.setting("connections", &mut limits.connections);
        visit.setting("rooms", &mut limits.rooms);
        visit.setting("participants", &mut limits.participants);

        visit.section("webhooks");
        visit.setting("urls", &mut webhooks.urls);
        visit.setting("api_key", &mut webhooks.api_key);

        visit.section("clinic");
        visit.setting("enabled", &mut clinic.enabled);
        visit.setting("organisation", &mut clinic.organisation);
        visit.setting("approval", &mut clinic.approval);
        visit.setting("administrators", &mut clinic.administrators);
        visit.setting("accept_test_identifiers", &mut clinic.accept_test_identifiers);
        visit.setting("webhooks_to_private_networks", &mut clinic.webhooks_to_private_networks);

        let mail = &mut clinic.mail;
        visit.section("clinic.mail");
        visit.setting("server", &mut mail.server);
        visit.setting("port", &mut mail.port);
        visit.setting("tls", &mut mail.tls);
        visit.setting("ca_file", &mut mail.ca_file);
        visit.setting("user", &mut mail.user);
        visit.setting("password", &mut mail.password);
        visit.setting("from", &mut mail.from);
        visit.setting("reply_to", &mut mail.reply_to);

        let sms = &mut clinic.sms;
        visit.section("clinic.sms");
        visit.setting("gateway", &mut sms.gateway);
        visit.setting("sender", &mut sms.sender);
        visit.setting("url", &mut sms.url);
        visit.setting("account", &mut sms.account);
        visit.setting("application_key", &mut sms.application_key);
        visit.setting("consumer_key", &mut sms.consumer_key);
        visit.setting("secret", &mut sms.secret);
        visit.setting("receipts_secret", &mut sms.receipts_secret);
        visit.setting("body", &mut sms.body);
        visit.setting("content_type", &mut sms.content_type);
        visit.setting("header", &mut sms.header);
        visit.setting("per_professional", &mut sms.per_professional);
        visit.setting("per_number", &mut sms.per_number);

        let seal = &mut clinic.seal;
        visit.section("clinic.seal");
        visit.setting("key_file", &mut seal.key_file);
        visit.setting("chain_file", &mut seal.chain_file);
        visit.setting("tsa_url", &mut seal.tsa_url);
        visit.setting("tsa_ca_file", &mut seal.tsa_ca_file);
        let payment = &mut clinic.payment;
        visit.section("clinic.payment");
        visit.setting("stripe", &mut payment.stripe);
        visit.setting("stripe_url", &mut payment.stripe_url);
        visit.setting("payzen", &mut payment.payzen);
        visit.setting("payzen_url", &mut payment.payzen_url);
        let documents = &mut clinic.documents;
        visit.section("clinic.documents");
        visit.setting("file_kb", &mut documents.file_kb);
        visit.setting("files", &mut documents.files);
        visit.setting("total_kb", &mut documents.total_kb);
        visit.setting("clamd", &mut documents.clamd);
        visit.setting("scan_required", &mut documents.scan_required);

        let psc = &mut clinic.psc;
        visit.section("clinic.psc");
        visit.setting("discovery_url", &mut psc.discovery_url);
        visit.setting("client_id", &mut psc.client_id);
        visit.setting("client_secret", &mut psc.client_secret);
        visit.setting("private_key_file", &mut psc.private_key_file);
        visit.setting("acr", &mut psc.acr);
        visit.setting("ca_file", &mut psc.ca_file);

        let cps = &mut clinic.cps;
        visit.section("clinic.cps");
        visit.setting("enabled", &mut cps.enabled);
        visit.setting("bind", &mut cps.bind);
        visit.setting("port", &mut cps.port);
        visit.setting("public_url", &mut cps.public_url);
        visit.setting("cert_file", &mut cps.cert_file);
        visit.setting("key_file", &mut cps.key_file);
        visit.setting("authorities", &mut cps.authorities);
        visit.setting("revocation_lists", &mut cps.revocation_lists);
        visit.setting("accept_stale_lists", &mut cps.accept_stale_lists);

        visit.section("logging");
        visit.setting("level", &mut logging.level);
        visit.setting("format", &mut logging.format);
    }
}

/// Something that walks every setting once.
trait Visit {
    fn section(&mut self, name: &'static str);
    fn setting<T: Setting>(&mut self, key: &'static str, value: &mut T);
    /// A section whose keys the operator names.
    fn secrets(&mut self, secrets: &mut BTreeMap<String, Secret>);
}
