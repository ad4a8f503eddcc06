//! What a setting's text may be: one `Setting` implementation for each type.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use crate::units::{self, Size};
use crate::{Approval, Credential, Format, Level, MailTls, Secret, SmsGateway, Tls};

/// A value that can stand in the file and in the environment.
pub(crate) trait Setting: Sized {
    /// Never repeated in an error.
    const SECRET: bool = false;
    /// What is accepted, as the end of a sentence "allowed: ...".
    fn allowed() -> String;
    /// `None` when the value is not of this kind.
    fn read(value: &DeValue<'_>) -> Option<Self>;
    /// From an environment variable: TOML if it reads as such, else the bare text.
    fn from_text(text: &str) -> Option<Self> {
        let document = format!("value = {text}");
        if let Ok(table) = DeTable::parse(&document)
            && let Some(value) = table.get_ref().get("value")
            && table.get_ref().len() == 1
            && let Some(read) = Self::read(value.get_ref())
        {
            return Some(read);
        }
        Self::read(&DeValue::String(text.into()))
    }
    /// As TOML.
    fn show(&self) -> String;
}

pub(crate) fn quote(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

fn text<'a>(value: &'a DeValue<'_>) -> Option<&'a str> {
    value.as_str()
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

impl Setting for bool {
    fn allowed() -> String {
        "true or false".into()
    }
    fn read(value: &DeValue<'_>) -> Option<bool> {
        value.as_bool()
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

/// Every u16 here is a port or a small count.
impl Setting for u16 {
    fn allowed() -> String {
        "a whole number from 0 to 65535".into()
    }
    fn read(value: &DeValue<'_>) -> Option<u16> {
        integer(value)?.try_into().ok()
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for u32 {
    fn allowed() -> String {
        "a whole number from 0 to 4294967295".into()
    }
    fn read(value: &DeValue<'_>) -> Option<u32> {
        integer(value)?.try_into().ok()
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

/// A port that can be switched off.
impl Setting for Option<u16> {
    fn allowed() -> String {
        "a port number from 0 to 65535, or \"off\"".into()
    }
    fn read(value: &DeValue<'_>) -> Option<Option<u16>> {
        match text(value) {
            Some("off") => Some(None),
            _ => u16::read(value).map(Some),
        }
    }
    fn show(&self) -> String {
        self.map_or_else(|| quote("off"), |port| port.to_string())
    }
}

impl Setting for String {
    fn allowed() -> String {
        "a text in quotes".into()
    }
    fn read(value: &DeValue<'_>) -> Option<String> {
        text(value).map(str::to_owned)
    }
    /// A text in the environment is itself: `CHEVET_...=12` is not a number.
    fn from_text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }
    fn show(&self) -> String {
        quote(self)
    }
}

impl Setting for Credential {
    const SECRET: bool = true;

    fn allowed() -> String {
        "a text in quotes, or { file = \"path\" } for a file that holds it".into()
    }
    fn read(value: &DeValue<'_>) -> Option<Credential> {
        match (text(value), value.as_table()) {
            (Some(secret), _) => Some(Credential::Text(Secret::new(secret))),
            (_, Some(table)) if table.len() == 1 => {
                Some(Credential::File(PathBuf::read(table.get("file")?.get_ref())?))
            }
            _ => None,
        }
    }
    /// The text is the secret itself, whatever it looks like, unless it names a file.
    fn from_text(text: &str) -> Option<Credential> {
        let document = format!("value = {text}");
        let table = text.trim_start().starts_with('{').then(|| DeTable::parse(&document).ok()).flatten();
        let file =
            table.and_then(|table| <Credential as Setting>::read(table.get_ref().get("value")?.get_ref()));
        Some(file.unwrap_or_else(|| Credential::Text(Secret::new(text))))
    }
    fn show(&self) -> String {
        match self {
            Credential::Text(secret) if secret.expose().is_empty() => quote(""),
            Credential::Text(secret) => {
                quote(&format!("*** ({} characters)", secret.expose().chars().count()))
            }
            Credential::File(path) => format!("{{ file = {} }}", path.show()),
        }
    }
}

impl Setting for PathBuf {
    fn allowed() -> String {
        "a path in quotes".into()
    }
    fn read(value: &DeValue<'_>) -> Option<PathBuf> {
        text(value).filter(|path| !path.is_empty()).map(PathBuf::from)
    }
    fn from_text(text: &str) -> Option<PathBuf> {
        (!text.is_empty()).then(|| PathBuf::from(text))
    }
    fn show(&self) -> String {
        quote(&self.to_string_lossy())
    }
}

impl Setting for IpAddr {
    fn allowed() -> String {
        "an IPv4 or IPv6 address in quotes, such as \"0.0.0.0\" or \"::1\"".into()
    }
    fn read(value: &DeValue<'_>) -> Option<IpAddr> {
        text(value)?.parse().ok()
    }
    fn show(&self) -> String {
        quote(&self.to_string())
    }
}

impl Setting for Duration {
    fn allowed() -> String {
        units::DURATION_ALLOWED.into()
    }
    fn read(value: &DeValue<'_>) -> Option<Duration> {
        units::duration(text(value)?)
    }
    fn show(&self) -> String {
        quote(&units::show_duration(*self))
    }
}

impl Setting for Size {
    fn allowed() -> String {
        units::SIZE_ALLOWED.into()
    }
    fn read(value: &DeValue<'_>) -> Option<Size> {
        units::parse_size(text(value)?)
    }
    fn show(&self) -> String {
        quote(&units::show_size(*self))
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn allowed() -> String {
        format!("a list, each of it {}", T::allowed())
    }
    fn read(value: &DeValue<'_>) -> Option<Vec<T>> {
        value.as_array()?.iter().map(|element| T::read(element.get_ref())).collect()
    }
    /// `a,b` as well as `["a", "b"]`.
    fn from_text(text: &str) -> Option<Vec<T>> {
        let text = text.trim();
        if text.starts_with('[') {
            let document = format!("value = {text}");
            let table = DeTable::parse(&document).ok()?;
            return Self::read(table.get_ref().get("value")?.get_ref());
        }
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(T::from_text).collect()
    }
    fn show(&self) -> String {
        let elements: Vec<String> = self.iter().map(T::show).collect();
        format!("[{}]", elements.join(", "))
    }
}

impl Setting for Tls {
    fn allowed() -> String {
        "\"off\", \"self-signed\", or { cert = \"path\", key = \"path\" }".into()
    }
    fn read(value: &DeValue<'_>) -> Option<Tls> {
        match (text(value), value.as_table()) {
            (Some("off"), _) => Some(Tls::Off),
            (Some("self-signed"), _) => Some(Tls::SelfSigned),
            (_, Some(table)) if table.len() == 2 => Some(Tls::Files {
                cert: PathBuf::read(table.get("cert")?.get_ref())?,
                key: PathBuf::read(table.get("key")?.get_ref())?,
            }),
            _ => None,
        }
    }
    fn show(&self) -> String {
        match self {
            Tls::Off => quote("off"),
            Tls::SelfSigned => quote("self-signed"),
            Tls::Files { cert, key } => format!("{{ cert = {}, key = {} }}", cert.show(), key.show()),
        }
    }
}

/// A setting that is one word of a few.
macro_rules! words {
    ($type:ty { $($word:literal => $value:expr),+ $(,)? }) => {
        impl Setting for $type {
            fn allowed() -> String {
                [$(concat!("\"", $word, "\"")),+].join(", ")
            }
            fn read(value: &DeValue<'_>) -> Option<$type> {
                match text(value)? {
                    $($word => Some($value),)+
                    _ => None,
                }
            }
            fn show(&self) -> String {
                $(if *self == $value { return quote($word); })+
                String::new()
            }
        }
    };
}

words!(Level {
    "error" => Level::Error,
    "warn" => Level::Warn,
    "info" => Level::Info,
    "debug" => Level::Debug,
    "trace" => Level::Trace,
});
words!(Approval { "auto" => Approval::Auto, "manual" => Approval::Manual, "psc" => Approval::Psc });
words!(MailTls { "starttls" => MailTls::StartTls, "implicit" => MailTls::Implicit, "off" => MailTls::Off });
words!(SmsGateway {
    "off" => SmsGateway::Off,
    "http" => SmsGateway::Http,
    "ovh" => SmsGateway::Ovh,
    "twilio" => SmsGateway::Twilio,
});
words!(Format { "text" => Format::Text, "json" => Format::Json });

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }
}
