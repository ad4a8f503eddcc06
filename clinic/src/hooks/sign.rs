//! Signatures of Standard Webhooks: HMAC-SHA-256 over `id.timestamp.body`, and secrets as `whsec_` and base64.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::fill_random;

/// What begins a secret.
const PREFIX: &str = "whsec_";
/// Bytes of a secret; the standard asks for 24 to 64.
const SECRET_BYTES: usize = 32;

pub fn new_secret() -> String {
    let mut bytes = [0; SECRET_BYTES];
    fill_random(&mut bytes);
    format!("{PREFIX}{}", STANDARD.encode(bytes))
}

/// The header `webhook-signature`: one signature for each secret, separated by spaces.
pub fn signatures<'a>(
    secrets: impl IntoIterator<Item = &'a str>,
    id: &str,
    timestamp: i64,
    body: &str,
) -> String {
    let signed = format!("{id}.{timestamp}.{body}");
    let sign = |secret: &str| {
        let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
        Some(format!("v1,{}", STANDARD.encode(tag)))
    };
    secrets.into_iter().filter_map(sign).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standards_own_example() {
        // From the specification's reference libraries.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signature =
            signatures([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_give_two_signatures() {
        let secrets = [new_secret(), new_secret()];
        let both = signatures(secrets.iter().map(String::as_str), "dlv_1", 1, "{}");
        let each: Vec<String> =
            secrets.iter().map(|secret| signatures([secret.as_str()], "dlv_1", 1, "{}")).collect();
        assert_eq!(both, each.join(" "));
        assert_ne!(each[0], each[1]);
    }
}
