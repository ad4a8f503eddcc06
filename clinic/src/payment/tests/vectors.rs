//! Signatures that were computed elsewhere.

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};

use crate::payment::{emulator, payzen, stripe};

const STRIPE: &str = "0b25a9f2a19d722f2d0ce4d852d67a015941586f4c31754b4a4052697fe1ee86";
const STRIPE_BODY: &[u8] = br#"{"id":"evt_1","type":"ping"}"#;
const PAYZEN_ANSWER: &str = r#"{"shopId":"69876357","orderStatus":"PAID","note":"a\/b"}"#;

fn at() -> Timestamp {
    Timestamp::from_second(1_796_304_600).unwrap()
}

fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
    all.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
}

#[test]
fn stripes_signature_holds_for_its_body_its_secret_and_five_minutes() {
    let signed = |header: &str, secret: &str, now: Timestamp, body: &[u8]| {
        stripe::is_signed(secret, now, &headers(&[("stripe-signature", header)]), body)
    };
    let good = format!("t=1796304600,v1={STRIPE}");
    assert!(signed(&good, "whsec_test", at(), STRIPE_BODY));
    assert!(signed(&good, "whsec_test", at() + SignedDuration::from_secs(300), STRIPE_BODY));
    assert!(signed(&good, "whsec_test", at() - SignedDuration::from_secs(300), STRIPE_BODY));
    // While a secret is exchanged there are two.
    let two = format!("t=1796304600,v1={},v1={STRIPE},v0=00", "0".repeat(64));
    assert!(signed(&two, "whsec_test", at(), STRIPE_BODY));

    assert!(!signed(&good, "whsec_test", at() + SignedDuration::from_secs(301), STRIPE_BODY));
    assert!(!signed(&good, "whsec_test", at() - SignedDuration::from_secs(301), STRIPE_BODY));
    assert!(!signed(&good, "whsec_other", at(), STRIPE_BODY));
    assert!(!signed(&good, "whsec_test", at(), br#"{"id":"evt_2","type":"ping"}"#));
    let moved = format!("t=1796304601,v1={STRIPE}");
    assert!(!signed(&moved, "whsec_test", at(), STRIPE_BODY));
    let old = format!("t=1796304600,v0={STRIPE}");
    for header in ["", "t=1796304600", "v1=00", "t=x,v1=00", "t=1796304600,v1=zz", old.as_str()] {
        assert!(!signed(header, "whsec_test", at(), STRIPE_BODY), "{header}");
    }
}

#[test]
fn lyras_hash_holds_over_the_answer_with_and_without_escaped_slashes() {
    let (raw, bare) = (
        "cbb6530b1b986ecb72062360fd9d4b6146d1c56812a2912b24829cb7e673a59f",
        "d8e20f993fd6fe481f9f37b27b67a7e092a89d1515d0e526d0da1bf5ea08d446",
    );
    assert!(payzen::is_signed("testpassword_x", PAYZEN_ANSWER, raw));
    assert!(payzen::is_signed("testpassword_x", PAYZEN_ANSWER, bare));
    assert!(!payzen::is_signed("testpassword_y", PAYZEN_ANSWER, raw));
    assert!(!payzen::is_signed("testpassword_x", &PAYZEN_ANSWER.replace("PAID", "paid"), raw));
    for hash in ["", "00", "é", "zz", &raw[..62]] {
        assert!(!payzen::is_signed("testpassword_x", PAYZEN_ANSWER, hash), "{hash}");
    }
}

#[test]
fn the_emulators_signature_is_that_of_standard_webhooks() {
    let tag = "v1,+bihyATuuMAijbWSXQOA/rZ7pm0950Td0Jq9yb1g+cw=";
    let all = |tag| {
        headers(&[("webhook-id", "msg_1"), ("webhook-timestamp", "1796304600"), ("webhook-signature", tag)])
    };
    assert!(emulator::is_signed("emu_x", at(), &all(tag), b"{}"));
    assert!(!emulator::is_signed("emu_y", at(), &all(tag), b"{}"));
    assert!(!emulator::is_signed("emu_x", at(), &all(tag), b"{ }"));
    assert!(!emulator::is_signed("emu_x", at(), &all(&tag[3..]), b"{}"));
    assert!(!emulator::is_signed("emu_x", at() + SignedDuration::from_secs(301), &all(tag), b"{}"));
}
