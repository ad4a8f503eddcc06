//! What every provider can do, and what they say, in our words.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::emulator::Emulator;
use super::payzen::Payzen;
use super::settings::PaymentConfig;
use super::stripe::Stripe;
use crate::client::{ClientError, HttpClient};
use crate::http::{Code, Problem};
use crate::ids::PaymentId;
use crate::model::{PaymentAccount, Provider as Which};

/// For a whole exchange with a provider; somebody waits before a screen.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A signed time further away is refused: a copied notice must not work for ever.
pub const TOLERANCE: SignedDuration = SignedDuration::from_secs(300);

/// An amount that somebody is asked to pay. Nothing in it tells of a person or of care.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    pub payment: &'a PaymentId,
    /// Counts the tries of this payment; names the order with the payment's id.
    pub attempt: u32,
    pub amount_cents: u32,
    /// `EUR`.
    pub currency: &'a str,
    /// `fr` or `en`.
    pub locale: &'a str,
    /// On the hosted page: a word for all payments of a kind.
    pub title: &'a str,
    pub back_url: &'a str,
    pub cancel_url: &'a str,
    /// For providers that are told with each order.
    pub notify_url: &'a str,
    pub now: Timestamp,
    pub expires_at: Timestamp,
}

/// The hosted page of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    pub reference: String,
    pub url: String,
    /// When the provider closes the page.
    pub until: Timestamp,
}

/// A provider's notice, proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub payment: PaymentId,
    /// The order it is about, if it names one.
    pub reference: Option<String>,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Processing,
    Paid {
        amount_cents: u64,
        currency: String,
        transaction: String,
    },
    Failed,
    /// The hosted page was closed unpaid; another can be made.
    Lapsed,
    /// All that went back so far.
    RefundedTotal {
        amount_cents: u64,
    },
    /// One sum that went back.
    RefundedOne {
        reference: String,
        amount_cents: u64,
    },
}

/// What the provider says when asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// `None`: nobody has tried to pay yet.
    pub what: Option<What>,
    /// What went back, as notices would have told it.
    pub refunds: Vec<What>,
}

impl Standing {
    pub fn refunded_cents(&self) -> u64 {
        let cents = |told: &What| match told {
            What::RefundedTotal { amount_cents } | What::RefundedOne { amount_cents, .. } => *amount_cents,
            _ => 0,
        };
        self.refunds.iter().map(cents).fold(0, u64::saturating_add)
    }
}

/// Money that is to go back.
#[derive(Clone, Debug)]
pub struct Refund<'a> {
    pub payment: &'a PaymentId,
    pub transaction: &'a str,
    pub amount_cents: u32,
    pub currency: &'a str,
    /// All that was paid.
    pub whole: bool,
    /// The same for every try of the same refund.
    pub key: &'a str,
}

/// Why a provider did not do it. The words are stable and hold nothing of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// It may have been done all the same.
    #[error("unavailable")]
    Unavailable,
    /// The account's keys are not taken.
    #[error("credentials-refused")]
    Credentials,
    /// It will not, for this request.
    #[error("refused")]
    Refused,
}

impl From<ClientError> for ProviderError {
    fn from(_: ClientError) -> ProviderError {
        ProviderError::Unavailable
    }
}

impl From<ProviderError> for Problem {
    fn from(error: ProviderError) -> Problem {
        tracing::warn!(%error, "a payment provider did not do what was asked");
        Problem::new(Code::ProviderUnavailable)
    }
}

/// Why a notice is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproved {
    /// The signature is missing, wrong or too old.
    Signature,
    /// Rightly signed, and not what the provider's documentation says.
    Shape,
}

/// A provider, with the keys of one account.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Makes an order with a hosted page. The same order twice is one where the provider can tell.
    async fn create(&self, order: &Order<'_>) -> Result<Created, ProviderError>;

    /// Proves a notice over its raw body, before anything of it is read. `None`: rightly signed, and of no interest.
    fn verify(&self, now: Timestamp, headers: &HeaderMap, body: &[u8]) -> Result<Option<Event>, Unproved>;

    /// How an order stands.
    async fn fetch(&self, payment: &PaymentId, reference: &str) -> Result<Standing, ProviderError>;

    /// Gives the provider's name for the refund.
    async fn refund(&self, refund: &Refund<'_>) -> Result<String, ProviderError>;

    /// Closes the hosted page, where the provider can.
    async fn close(&self, _reference: &str) -> Result<(), ProviderError> {
        Ok(())
    }
}

/// The keys of an account at its provider, as an administrator enters them.
#[derive(Clone, Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(tag = "provider", rename_all = "snake_case", deny_unknown_fields)]
pub enum Credentials {
    Stripe {
        /// `sk_...` or `rk_...`.
        secret_key: String,
        /// `whsec_...`, of the endpoint for `webhook_url`.
        webhook_secret: String,
    },
    Payzen {
        shop_id: String,
        /// Of the REST API; proves notices too.
        password: String,
    },
    /// Only where this server runs one; it has no keys.
    Emulator {},
}

impl Credentials {
    pub fn provider(&self) -> Which {
        match self {
            Credentials::Stripe { .. } => Which::Stripe,
            Credentials::Payzen { .. } => Which::Payzen,
            Credentials::Emulator {} => Which::Emulator,
        }
    }

    /// Refuses what cannot be keys, so that a mix-up shows at once.
    pub fn check(&self) -> Result<(), Problem> {
        let plain =
            |text: &str| (1..=300).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let good = |pointer: &str, text: &str, prefixes: &[&str]| {
            let named = prefixes.is_empty() || prefixes.iter().any(|prefix| text.starts_with(prefix));
            if plain(text) && named { Ok(()) } else { Err(Problem::field(pointer, "invalid")) }
        };
        match self {
            Credentials::Stripe { secret_key, webhook_secret } => {
                good("/secret_key", secret_key, &["sk_", "rk_"])?;
                good("/webhook_secret", webhook_secret, &["whsec_"])
            }
            Credentials::Payzen { shop_id, password } => {
                good("/shop_id", shop_id, &[])?;
                if shop_id.contains(':') {
                    return Err(Problem::field("/shop_id", "invalid"));
                }
                good("/password", password, &[])
            }
            Credentials::Emulator {} => Ok(()),
        }
    }
}

/// The provider of an account. 501 when this server does not know it, or no keys were entered yet.
pub fn provider_of(config: &PaymentConfig, account: &PaymentAccount) -> Result<Box<dyn Provider>, Problem> {
    let missing = || Problem::new(Code::AdapterNotConfigured);
    let credentials = serde_json::from_value(account.credentials.clone()).map_err(|_| missing())?;
    let client = HttpClient::new(TIMEOUT);
    Ok(match credentials {
        Credentials::Stripe { secret_key, webhook_secret } => {
            let base = config.stripe.clone().ok_or_else(missing)?;
            Box::new(Stripe { client, base, secret_key, webhook_secret })
        }
        Credentials::Payzen { shop_id, password } => {
            let base = config.payzen.clone().ok_or_else(missing)?;
            Box::new(Payzen { client, base, shop_id, password })
        }
        Credentials::Emulator {} => {
            let config = config.emulator.clone().ok_or_else(missing)?;
            Box::new(Emulator { client, config })
        }
    })
}

/// Sends and reads an answer of 2xx as JSON.
pub(super) async fn exchange(
    client: &HttpClient,
    request: Result<Request<Bytes>, http::Error>,
) -> Result<serde_json::Value, ProviderError> {
    let request = request.map_err(|_| ProviderError::Refused)?;
    let answer = client.send(request).await?;
    match answer.status {
        status if status.is_success() => {
            serde_json::from_slice(&answer.body).map_err(|_| ProviderError::Unavailable)
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(ProviderError::Credentials),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT => Err(ProviderError::Unavailable),
        status if status.is_client_error() => Err(ProviderError::Refused),
        _ => Err(ProviderError::Unavailable),
    }
}

/// A text of an answer, not longer than names of providers are.
pub(super) fn text(value: &serde_json::Value, pointer: &str) -> Option<String> {
    let text = value.pointer(pointer)?.as_str()?;
    (!text.is_empty() && text.len() <= 255).then(|| text.to_owned())
}

/// The address of a hosted page: only such that a browser may be sent to.
pub(super) fn page_url(value: &serde_json::Value, pointer: &str) -> Result<String, ProviderError> {
    let url = value.pointer(pointer).and_then(|url| url.as_str()).unwrap_or_default();
    let parsed = url::Url::parse(url).map_err(|_| ProviderError::Unavailable)?;
    let local = matches!(parsed.host_str(), Some("127.0.0.1" | "localhost"));
    let good = url.len() <= 4096 && (parsed.scheme() == "https" || (parsed.scheme() == "http" && local));
    if good { Ok(url.to_owned()) } else { Err(ProviderError::Unavailable) }
}

/// Bytes of hexadecimal text.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || text.len() > 128 {
        return None;
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}
