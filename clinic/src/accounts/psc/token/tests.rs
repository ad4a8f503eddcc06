use super::*;

fn audience(json: serde_json::Value) -> Audience {
    serde_json::from_value(json).unwrap()
}

#[test]
fn a_token_is_for_us_only_if_nobody_else_is_its_party() {
    let one = audience(serde_json::json!("us"));
    assert!(one.is_for("us", None) && one.is_for("us", Some("us")) && !one.is_for("us", Some("them")));
    let several = audience(serde_json::json!(["us", "them"]));
    assert!(
        several.is_for("us", Some("us"))
            && !several.is_for("us", None)
            && !several.is_for("us", Some("them"))
    );
    let alone = audience(serde_json::json!(["us"]));
    assert!(alone.is_for("us", None) && !alone.is_for("them", None));
}

#[test]
fn what_is_no_token_is_no_token() {
    let keys = JwkSet { keys: Vec::new() };
    for text in ["", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA"] {
        assert_eq!(open::<serde_json::Value>(text, &keys).unwrap_err(), Distrust::Algorithm, "{text}");
    }
    assert_eq!(open::<serde_json::Value>("eyJhbGciOiJSUzI1NiJ9.e30.AAAA", &keys).unwrap_err(), Distrust::Key);
}
