//! OVHcloud's API: `POST /sms/{service}/jobs`, signed.

use async_trait::async_trait;
use aws_lc_rs::digest;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use serde_json::{Value, json};

use super::super::settings::GatewayConfig;
use super::{Gateway, Outgoing, classified, field, permanent, temporary};
use crate::client::{Answer, ClientError, HttpClient};
use crate::clock::Clock;
use crate::crypto::Secret;
use crate::crypto::secret::hex;
use crate::outbox::{DeliveryError, Receipt};

/// The API with the keys of one application.
pub struct Ovh {
    client: HttpClient,
    clock: Clock,
    url: String,
    service: String,
    application_key: String,
    application_secret: Secret,
    consumer_key: Secret,
}

/// How OVH says that a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    UnderWay,
    Delivered,
    Failed,
}

impl Ovh {
    /// `config`: the one of OVH; of another gateway it makes an adapter that reaches nothing.
    pub fn new(config: &GatewayConfig, client: HttpClient, clock: Clock) -> Ovh {
        let empty = || Secret::new("");
        match config.clone() {
            GatewayConfig::Ovh { url, service, application_key, application_secret, consumer_key } => {
                Ovh { client, clock, url, service, application_key, application_secret, consumer_key }
            }
            _ => Ovh {
                client,
                clock,
                url: String::new(),
                service: String::new(),
                application_key: String::new(),
                application_secret: empty(),
                consumer_key: empty(),
            },
        }
    }

    async fn call(&self, method: Method, path: &str, body: String) -> Result<Answer, ClientError> {
        let url = format!("{}{path}", self.url);
        let timestamp = self.clock.now().as_second().to_string();
        let signature = signature(
            self.application_secret.expose(),
            self.consumer_key.expose(),
            &[method.as_str(), &url, &body, &timestamp],
        );
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .header("x-ovh-application", &self.application_key)
            .header("x-ovh-consumer", self.consumer_key.expose())
            .header("x-ovh-timestamp", &timestamp)
            .header("x-ovh-signature", signature)
            // The very bytes that were signed.
            .body(Bytes::from(body))
            .map_err(|_| ClientError::Unreachable)?;
        self.client.send(request).await
    }

    /// What became of a message, asked of OVH itself: a callback is only the occasion to ask.
    ///
    /// `deliveryReceipt` follows the masks of delivery reports: 1 delivered, 2 failed, 16 rejected; others are under way.
    pub async fn standing(&self, id: u64) -> Result<Standing, DeliveryError> {
        let path = format!("/sms/{}/outgoing/{id}", self.service);
        let answer = classified(self.call(Method::GET, &path, String::new()).await)?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok(match body.get("deliveryReceipt").and_then(Value::as_u64) {
            Some(1) => Standing::Delivered,
            Some(2 | 16) => Standing::Failed,
            _ => Standing::UnderWay,
        })
    }
}

/// `$1$` and the SHA-1 of secret, consumer key and the four parts, joined by `+`.
fn signature(secret: &str, consumer: &str, parts: &[&str]) -> String {
    let text = format!("{secret}+{consumer}+{}", parts.join("+"));
    format!("$1${}", hex(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref()))
}

#[async_trait]
impl Gateway for Ovh {
    async fn send(&self, message: Outgoing<'_>) -> Result<Receipt, DeliveryError> {
        let mut body = json!({
            "message": message.text,
            "receivers": [message.to],
            "charset": "UTF-8",
            "coding": "7bit",
            "class": "phoneDisplay",
            "priority": "high",
            // An appointment is no advertisement: no opt-out line, and sent at night as well.
            "noStopClause": true,
            // A named sender takes no answers.
            "senderForResponse": message.sender.is_empty(),
            "tag": message.reference,
        });
        if let (Some(fields), false) = (body.as_object_mut(), message.sender.is_empty()) {
            fields.insert("sender".to_owned(), message.sender.into());
        }
        let path = format!("/sms/{}/jobs", self.service);
        let answer = match self.call(Method::POST, &path, body.to_string()).await {
            // Our clock and theirs disagree for the moment.
            Ok(answer)
                if answer.status == 400 && answer.body.windows(14).any(|at| at == b"QUERY_TIME_OUT") =>
            {
                return Err(temporary("clock"));
            }
            answer => classified(answer)?,
        };
        let body: Value = serde_json::from_slice(&answer.body).map_err(|_| temporary("bad-answer"))?;
        let listed =
            |name: &str| body.get(name).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        if listed("invalidReceivers") && !listed("validReceivers") {
            return Err(permanent("number-refused"));
        }
        let id = body.get("ids").and_then(Value::as_array).and_then(|ids| ids.first()).cloned();
        Ok(Receipt { provider_id: field(&json!({ "id": id }), "id"), delivered: false })
    }

    /// OVH takes one callback for all messages, set in its console.
    fn receipts_path(&self, _reference: &str) -> String {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_provider_s_description() {
        // SHA-1 of "EgWIz07P0HYwtQDs+MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1+GET+https://eu.api.ovh.com/1.0/domains/++1366560945",
        // computed by Python's hashlib.
        let parts = ["GET", "https://eu.api.ovh.com/1.0/domains/", "", "1366560945"];
        let signed = signature("EgWIz07P0HYwtQDs", "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1", &parts);
        assert_eq!(signed, "$1$9a6bc34335812d25724c162bca10008b3df6c00e");
    }
}
