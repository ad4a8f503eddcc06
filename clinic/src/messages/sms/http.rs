//! Any gateway that takes a POST: the operator writes the request's body.

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use super::{Gateway, Outgoing, classified, field, permanent};
use crate::client::HttpClient;
use crate::crypto::Secret;
use crate::outbox::{DeliveryError, Receipt};

pub(super) struct HttpGateway {
    pub client: HttpClient,
    pub url: String,
    pub body: String,
    pub content_type: String,
    pub header: String,
    pub secret: Secret,
}

impl HttpGateway {
    fn request(&self, message: Outgoing<'_>) -> Option<Request<Bytes>> {
        let mut request = Request::post(&self.url)
            .header(CONTENT_TYPE, &self.content_type)
            // For gateways that know it; the others have the reference.
            .header("idempotency-key", message.reference)
            .body(Bytes::from(filled(&self.body, &self.content_type, message)))
            .ok()?;
        if let Some((name, value)) = self.header.split_once(':') {
            let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
            let value = value.trim().replace("{secret}", self.secret.expose());
            let mut value = HeaderValue::from_str(&value).ok()?;
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        Some(request)
    }
}

#[async_trait]
impl Gateway for HttpGateway {
    /// An answer of 2xx is a message taken. Its `id` or `message_id`, if it is JSON, is kept.
    async fn send(&self, message: Outgoing<'_>) -> Result<Receipt, DeliveryError> {
        let request = self.request(message).ok_or_else(|| permanent("request-malformed"))?;
        let answer = classified(self.client.send(request).await)?;
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let provider_id = field(&body, "id").or_else(|| field(&body, "message_id"));
        Ok(Receipt { provider_id, delivered: false })
    }

    fn receipts_path(&self, _reference: &str) -> String {
        "/api/v1/receipts/sms".to_owned()
    }
}

/// The template with its values, each escaped as the type wants it. Values are not searched for names again.
fn filled(template: &str, content_type: &str, message: Outgoing<'_>) -> String {
    let escape = |value: &str| {
        if content_type.contains("json") {
            let quoted = serde_json::Value::from(value).to_string();
            quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned()
        } else if content_type.contains("x-www-form-urlencoded") {
            form_urlencoded::byte_serialize(value.as_bytes()).collect()
        } else if content_type.contains("xml") {
            value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
        } else {
            value.to_owned()
        }
    };
    let mut out = String::with_capacity(template.len().saturating_add(256));
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (value, next) = match after.split_once('}') {
            Some(("to", next)) => (message.to, next),
            Some(("text", next)) => (message.text, next),
            Some(("sender", next)) => (message.sender, next),
            Some(("reference", next)) => (message.reference, next),
            Some(("callback", next)) => (message.callback, next),
            _ => {
                // A brace of the format itself.
                out.push('{');
                rest = after;
                continue;
            }
        };
        out.push_str(&escape(value));
        rest = next;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing() -> Outgoing<'static> {
        Outgoing {
            to: "+33612345678",
            text: "Rappel \"{to}\" : à 14h30 & plus\n",
            sender: "Cabinet",
            reference: "msg_1",
            callback: "https://x/y",
        }
    }

    #[test]
    fn values_are_escaped_as_the_type_wants_and_never_read_as_names() {
        let json = filled(
            r#"{"a":{"to":"{to}"},"text":"{text}","{x}":1}"#,
            "application/json; charset=utf-8",
            outgoing(),
        );
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["text"], outgoing().text);
        assert_eq!(read["a"]["to"], "+33612345678");
        let form =
            filled("to={to}&text={text}&ref={reference}", "application/x-www-form-urlencoded", outgoing());
        let pairs: Vec<(String, String)> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        assert_eq!(pairs[0], ("to".into(), "+33612345678".into()));
        assert_eq!(pairs[1], ("text".into(), outgoing().text.into()));
    }
}
