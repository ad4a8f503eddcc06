//! Twilio's Messages resource: a form with basic authentication.

use async_trait::async_trait;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;

use super::{Gateway, Outgoing, classified, field, permanent, temporary};
use crate::client::HttpClient;
use crate::crypto::Secret;
use crate::outbox::{DeliveryError, Receipt};

pub(super) struct Twilio {
    pub client: HttpClient,
    pub url: String,
    pub account: String,
    pub token: Secret,
}

/// Codes of a 400 that are about the account and not about the message.
const MENDABLE: [u64; 5] = [20003, 20429, 21606, 21608, 30002];

#[async_trait]
impl Gateway for Twilio {
    async fn send(&self, message: Outgoing<'_>) -> Result<Receipt, DeliveryError> {
        let fields = [
            ("To", message.to),
            ("From", message.sender),
            ("Body", message.text),
            ("StatusCallback", message.callback),
        ];
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let login = STANDARD.encode(format!("{}:{}", self.account, self.token.expose()));
        let request =
            Request::post(format!("{}/2010-04-01/Accounts/{}/Messages.json", self.url, self.account))
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(AUTHORIZATION, format!("Basic {login}"))
                .header("idempotency-key", message.reference)
                .body(Bytes::from(form))
                .map_err(|_| permanent("request-malformed"))?;
        let answer = self.client.send(request).await;
        if let Ok(answer) = &answer
            && answer.status == 400
        {
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let code = body.get("code").and_then(Value::as_u64).unwrap_or(400);
            return Err(if MENDABLE.contains(&code) { temporary(code) } else { permanent(code) });
        }
        let answer = classified(answer)?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok(Receipt { provider_id: field(&body, "sid"), delivered: false })
    }

    fn receipts_path(&self, reference: &str) -> String {
        format!("/api/v1/receipts/twilio/{reference}")
    }
}

/// Checks `X-Twilio-Signature`: base64 of HMAC-SHA1 over the address that was called and the form's fields, sorted.
pub fn is_signed(token: &Secret, url: &str, fields: &[(String, String)], signature: &str) -> bool {
    let mut fields: Vec<&(String, String)> = fields.iter().collect();
    fields.sort();
    let mut text = url.to_owned();
    for (name, value) in fields {
        text.push_str(name);
        text.push_str(value);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.expose().as_bytes());
    STANDARD.decode(signature).is_ok_and(|tag| hmac::verify(&key, text.as_bytes(), &tag).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_of_the_provider_s_own_example_is_accepted_and_no_other() {
        // From Twilio's page on webhook security.
        let fields: Vec<(String, String)> = [
            ("Digits", "1234"),
            ("To", "+18005551212"),
            ("From", "+14158675310"),
            ("Caller", "+14158675310"),
            ("CallSid", "CA1234567890ABCDE"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let token = Secret::new("12345");
        assert!(is_signed(&token, url, &fields, "GvWf1cFY/Q7PnoempGyD5oXAezc="));
        assert!(!is_signed(&Secret::new("12346"), url, &fields, "GvWf1cFY/Q7PnoempGyD5oXAezc="));
        assert!(!is_signed(
            &token,
            "https://mycompany.com/myapp.php",
            &fields,
            "GvWf1cFY/Q7PnoempGyD5oXAezc="
        ));
        assert!(!is_signed(&token, url, &fields, "no base64"));
    }
}
