//! Ids: a prefix that says what it names and a UUIDv7 (RFC 9562), such as `cs_0193f2c0a4d17c2b9d5e6f708192a3b4`.
//!
//! They sort by the time of their making and say nothing else. One type for each kind, so that they cannot be mixed up.

use jiff::Timestamp;

use crate::crypto::fill_random;

/// Longest id text, in characters; everything that takes ids from outside may refuse longer ones unseen.
pub const CHARS_MAX: usize = 48;

/// The text is not an id of the kind that was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct BadId;

fn make(prefix: &str, now: Timestamp) -> String {
    let mut random = [0; 10];
    fill_random(&mut random);
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    format!("{prefix}_{}", uuid.simple())
}

fn check(prefix: &str, text: &str) -> Result<(), BadId> {
    let hex = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or(BadId)?;
    let lower = hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if hex.len() == 32 && lower { Ok(()) } else { Err(BadId) }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal),+ $(,)?) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
            #[serde(transparent)]
            #[schema(value_type = String)]
            pub struct $name(String);

            impl $name {
                pub const PREFIX: &'static str = $prefix;

                /// A new one, that carries `now` in milliseconds.
                pub fn new(now: Timestamp) -> $name {
                    $name(make(Self::PREFIX, now))
                }

                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl AsRef<str> for $name {
                fn as_ref(&self) -> &str {
                    &self.0
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(&self.0)
                }
            }

            impl std::str::FromStr for $name {
                type Err = BadId;

                fn from_str(text: &str) -> Result<$name, BadId> {
                    check(Self::PREFIX, text)?;
                    Ok($name(text.to_owned()))
                }
            }

            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                }
            }
        )+

        #[cfg(test)]
        const PREFIXES: &[&str] = &[$($prefix),+];
    };
}

ids! {
    AccountId "acc",
    ApiClientId "api",
    CheckId "chk",
    ConsentId "cst",
    ConsultationId "cs",
    DeliveryId "dlv",
    DocumentId "doc",
    FacilityId "fac",
    IncidentId "inc",
    InvitationId "inv",
    JobId "job",
    MessageId "msg",
    ParticipantId "par",
    PatientId "pat",
    PaymentAccountId "pac",
    PaymentId "pay",
    ReportId "rep",
    SessionId "ses",
    SupportId "sup",
    /// An upload or any other bytes beside the store.
    BlobId "blb",
    WebhookId "whk",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_time_of_their_making_and_read_back() {
        let at = |millis| ConsultationId::new(Timestamp::from_millisecond(millis).unwrap());
        let (first, second) = (at(1_764_000_000_000), at(1_764_000_000_001));
        assert!(first < second);
        assert_eq!(first.as_str().parse(), Ok(first.clone()));
        let text = serde_json::to_string(&first).unwrap();
        assert_eq!(serde_json::from_str::<ConsultationId>(&text).unwrap(), first);
    }

    #[test]
    fn an_id_of_another_kind_or_shape_is_refused() {
        let id = ConsultationId::new(Timestamp::UNIX_EPOCH);
        assert!(id.as_str().parse::<PatientId>().is_err());
        let upper = id.as_str().to_uppercase();
        for text in ["", "cs_", "cs_0193", upper.as_str(), "cs_0193f2c0a4d17c2b9d5e6f708192a3b4x", "csx0193"]
        {
            assert_eq!(text.parse::<ConsultationId>(), Err(BadId), "{text}");
        }
    }

    #[test]
    fn no_two_kinds_share_a_prefix() {
        let mut prefixes = PREFIXES.to_vec();
        prefixes.sort_unstable();
        prefixes.dedup();
        assert_eq!(prefixes.len(), PREFIXES.len());
        assert!(PREFIXES.iter().all(|prefix| prefix.len() + 33 <= CHARS_MAX));
    }
}
