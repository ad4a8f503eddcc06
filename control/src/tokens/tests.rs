use proptest::prelude::*;

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn tokens() -> Tokens {
    let keys = [("key".to_owned(), SECRET.to_owned()), ("other".to_owned(), SECRET.replace('0', "9"))];
    Tokens::new(keys.into(), false).expect("good keys")
}

fn join_claims() -> Claims {
    Claims {
        iss: "key".into(),
        sub: "alice".into(),
        name: "Alice".into(),
        attributes: [("role".to_owned(), "doctor".to_owned())].into(),
        video: Some(VideoGrant { room_join: true, room: "r".into(), ..VideoGrant::default() }),
        ..Claims::default()
    }
}

/// Signs any JSON with any algorithm of the HMAC family.
fn sign(alg: Algorithm, claims: &Value, secret: &str) -> String {
    jsonwebtoken::encode(&Header::new(alg), claims, &EncodingKey::from_secret(secret.as_bytes()))
        .expect("HMAC signs")
}

fn base64url(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

#[test]
fn an_issued_token_is_read_back() {
    let tokens = tokens();
    let token = tokens.issue(join_claims(), Duration::from_secs(60)).expect("key exists");
    let claims = tokens.verify(&token).expect("our own token");
    assert_eq!(claims.identity(), "alice");
    assert_eq!(claims.video, join_claims().video);
    assert_eq!(claims.attributes, join_claims().attributes);
}

#[test]
fn alg_none_is_refused_with_and_without_a_signature() {
    let claims = serde_json::json!({"iss": "key", "sub": "eve", "exp": unix_seconds() + 600});
    let body = base64url(&claims.to_string());
    for alg in ["none", "None", "NONE", ""] {
        let header = base64url(&format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#));
        for signature in ["", "AAAA"] {
            let token = format!("{header}.{body}.{signature}");
            assert_eq!(tokens().verify(&token), Err(TokenError::Malformed), "{alg:?} {signature:?}");
        }
    }
}

#[test]
fn other_algorithms_of_the_family_are_refused() {
    let claims = serde_json::json!({"iss": "key", "exp": unix_seconds() + 600});
    for alg in [Algorithm::HS384, Algorithm::HS512] {
        assert_eq!(tokens().verify(&sign(alg, &claims, SECRET)), Err(TokenError::Malformed));
    }
}

#[test]
fn the_secret_of_another_key_does_not_sign() {
    let claims = serde_json::json!({"iss": "other", "exp": unix_seconds() + 600});
    assert_eq!(tokens().verify(&sign(Algorithm::HS256, &claims, SECRET)), Err(TokenError::Forged));
    let claims = serde_json::json!({"iss": "nobody", "exp": unix_seconds() + 600});
    assert_eq!(tokens().verify(&sign(Algorithm::HS256, &claims, SECRET)), Err(TokenError::UnknownKey));
    let claims = serde_json::json!({"exp": unix_seconds() + 600});
    assert_eq!(tokens().verify(&sign(Algorithm::HS256, &claims, SECRET)), Err(TokenError::UnknownKey));
}

#[test]
fn times_are_checked_with_a_minute_of_leeway() {
    let now = unix_seconds();
    let verify = |claims: Value| tokens().verify(&sign(Algorithm::HS256, &claims, SECRET));
    assert!(verify(serde_json::json!({"iss": "key", "exp": now - 30})).is_ok());
    assert_eq!(verify(serde_json::json!({"iss": "key", "exp": now - 90})), Err(TokenError::Expired));
    assert!(verify(serde_json::json!({"iss": "key", "exp": now + 600, "nbf": now + 30})).is_ok());
    assert_eq!(
        verify(serde_json::json!({"iss": "key", "exp": now + 600, "nbf": now + 90})),
        Err(TokenError::NotYet)
    );
    assert_eq!(verify(serde_json::json!({"iss": "key"})), Err(TokenError::Malformed));
}

#[test]
fn nulls_fractions_and_unknown_claims_are_tolerated() {
    let claims = serde_json::json!({
        "iss": "key", "jti": "bob", "exp": unix_seconds() as f64 + 600.5, "metadata": null, "sip": {"call": true},
        "video": {"roomJoin": true, "room": "r", "canPublish": null, "novelty": 1},
        "roomConfig": {"maxParticipants": 3, "egress": {"unheardOf": 1}},
    });
    let claims = tokens().verify(&sign(Algorithm::HS256, &claims, SECRET)).expect("tolerated");
    assert_eq!(claims.identity(), "bob");
    assert!(claims.grant().permission().can_publish);
    assert_eq!(claims.room_config.map(|config| config.max_participants), Some(3));
}

#[test]
fn absent_grants_default_as_the_clients_expect() {
    let permission = VideoGrant { can_publish: Some(false), ..VideoGrant::default() }.permission();
    assert!(permission.can_subscribe && !permission.can_publish && !permission.can_publish_data);
    assert!(!permission.can_update_metadata);
    let listed =
        VideoGrant { can_publish_sources: vec!["camera".into(), "hologram".into()], ..VideoGrant::default() };
    assert_eq!(listed.permission().can_publish_sources, [1, 0]);
    let mut again = VideoGrant::default();
    again.set_permission(&listed.permission());
    assert_eq!(again.permission(), listed.permission());
}

#[test]
fn short_secrets_are_for_trying_only() {
    let keys: BTreeMap<_, _> = [("devkey".to_owned(), "secret".to_owned())].into();
    assert!(matches!(Tokens::new(keys.clone(), false), Err(KeyError::Short { len: 6, .. })));
    assert!(Tokens::new(keys, true).is_ok());
    assert!(matches!(Tokens::new(BTreeMap::new(), true), Err(KeyError::None)));
}

#[test]
fn api_credentials_need_key_and_secret() {
    let tokens = tokens();
    assert_eq!(tokens.api_key(&format!("key:{SECRET}")), Some("key"));
    assert_eq!(tokens.api_key(&format!("other:{SECRET}")), None);
    assert_eq!(tokens.api_key("key:"), None);
    assert_eq!(tokens.api_key(SECRET), None);
}

proptest! {
    #[test]
    fn a_changed_token_never_verifies(at in 0_usize..10_000, to in "[A-Za-z0-9_-]") {
        let tokens = tokens();
        let token = tokens.issue(join_claims(), Duration::from_secs(60)).expect("key exists");
        let at = at % token.len();
        let mut changed = token.clone();
        changed.replace_range(at..=at, &to);
        // The last character of the signature carries padding bits that the decoder may ignore or refuse.
        if changed != token && at + 1 != token.len() {
            prop_assert!(tokens.verify(&changed).is_err());
        }
    }

    #[test]
    fn no_text_at_all_makes_the_verifier_panic(text in "\\PC{0,200}", dots in "[A-Za-z0-9_.-]{0,200}") {
        prop_assert!(tokens().verify(&text).is_err());
        prop_assert!(tokens().verify(&dots).is_err());
    }
}
