//! Short messages by a gateway: any that takes a POST, OVH's, Twilio's.

mod http;
mod ovh;
mod twilio;

use std::time::Duration;

use ::http::header::RETRY_AFTER;
use async_trait::async_trait;
use jiff::SignedDuration;

use super::kinds::Kind;
use super::settings::{GatewayConfig, SmsConfig};
use super::words;
use crate::client::{Answer, ClientError, HttpClient};
use crate::clock::Clock;
use crate::outbox::{Deliver, DeliveryError, Message, Receipt};

pub use ovh::{Ovh, Standing};
pub use twilio::is_signed;

/// For one exchange with a gateway.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What a gateway is given.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// E.164.
    pub to: &'a str,
    pub text: &'a str,
    pub sender: &'a str,
    /// The same for all tries.
    pub reference: &'a str,
    /// Where receipts about this message go.
    pub callback: &'a str,
}

/// A gateway's protocol.
#[async_trait]
pub trait Gateway: Send + Sync + 'static {
    /// One try.
    async fn send(&self, message: Outgoing<'_>) -> Result<Receipt, DeliveryError>;
    /// The path that receipts about a message go to.
    fn receipts_path(&self, reference: &str) -> String;
}

/// Sends short messages by one gateway.
pub struct ShortMessages {
    gateway: Box<dyn Gateway>,
    sender: String,
    public_url: String,
}

impl ShortMessages {
    pub fn new(config: &SmsConfig, public_url: &str, clock: Clock) -> ShortMessages {
        let client = HttpClient::new(TIMEOUT);
        let gateway: Box<dyn Gateway> = match &config.gateway {
            GatewayConfig::Http { url, body, content_type, header, secret } => Box::new(http::HttpGateway {
                client,
                url: url.clone(),
                body: body.clone(),
                content_type: content_type.clone(),
                header: header.clone(),
                secret: secret.clone(),
            }),
            ovh @ GatewayConfig::Ovh { .. } => Box::new(Ovh::new(ovh, client, clock)),
            GatewayConfig::Twilio { url, account, token } => Box::new(twilio::Twilio {
                client,
                url: url.clone(),
                account: account.clone(),
                token: token.clone(),
            }),
        };
        ShortMessages { gateway, sender: config.sender.clone(), public_url: public_url.to_owned() }
    }
}

#[async_trait]
impl Deliver for ShortMessages {
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        let permanent = |reason: &str| DeliveryError::Permanent(reason.to_owned());
        let kind = Kind::read(&message.template, &message.data).ok_or_else(|| permanent("text-missing"))?;
        let text = words::sms(&kind, &message.locale).map_err(|error| permanent(&error.to_string()))?;
        let reference = message.id.as_str();
        let callback = format!("{}{}", self.public_url, self.gateway.receipts_path(reference));
        let outgoing = Outgoing {
            to: &message.destination,
            text: &text,
            sender: &self.sender,
            reference,
            callback: &callback,
        };
        self.gateway.send(outgoing).await
    }
}

fn temporary(reason: impl std::fmt::Display) -> DeliveryError {
    DeliveryError::Temporary { reason: format!("gateway-{reason}"), retry_in: None }
}

fn permanent(reason: impl std::fmt::Display) -> DeliveryError {
    DeliveryError::Permanent(format!("gateway-{reason}"))
}

/// What an answer means before its body is looked at. Refusals that are about us and not about the message (credentials,
/// credit, rate) are tried again: somebody will mend them.
fn classified(answer: Result<Answer, ClientError>) -> Result<Answer, DeliveryError> {
    let answer = answer.map_err(temporary)?;
    let status = answer.status.as_u16();
    match status {
        200..=299 => Ok(answer),
        401 | 402 | 403 | 407 | 408 | 409 | 425 | 429 | 500..=599 => {
            let wait = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            Err(DeliveryError::Temporary {
                reason: format!("gateway-{status}"),
                retry_in: wait.map(|seconds: u32| SignedDuration::from_secs(seconds.into())),
            })
        }
        _ => Err(permanent(status)),
    }
}

/// A field of a JSON answer as text; numbers too.
fn field(body: &serde_json::Value, name: &str) -> Option<String> {
    match body.get(name)? {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
