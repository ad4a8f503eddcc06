//! What goes wrong with notices, in the way of each provider.

use aws_lc_rs::hmac;

use super::*;
use crate::audit::Action as Audited;
use crate::crypto::secret::hex;

fn providers() -> [Value; 3] {
    [emulator(), stripe(), payzen()]
}

fn mac(secret: &str, text: &str) -> String {
    hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text.as_bytes()).as_ref())
}

impl Till {
    /// Posts a notice as a provider does, and gives the answer's status.
    async fn notice(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> u16 {
        let url = format!("{}/api/v1/payment-events/{path}", self.world.clinic.config().public_url);
        let mut request = Request::post(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        fetch(request.body(body.into()).unwrap()).await.0.as_u16()
    }
}

/// Long enough for a notice to have come.
async fn a_moment() {
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
}

#[tokio::test]
async fn a_notice_with_a_wrong_signature_changes_nothing_and_the_provider_can_be_asked() {
    for credentials in providers() {
        let till = Till::open().await;
        let account = till.enable(credentials.clone()).await;
        let call = till.call().await;
        let payment = till.ask(&call, 2500).await;
        till.payments.next(Fault::WrongSignature);
        till.pay(&call, &payment).await;
        a_moment().await;
        assert_eq!(till.record(&payment).state.as_str(), "opened", "{credentials}");
        let own = credentials["provider"].as_str().unwrap();
        assert_eq!(till.notice(&format!("{own}/{account}"), &[], "{}").await, 401, "{own}");
        for other in ["emulator", "stripe", "payzen"].into_iter().filter(|other| *other != own) {
            assert_eq!(till.notice(&format!("{other}/{account}"), &[], "{}").await, 404, "{own} {other}");
        }
        assert_eq!(till.notice(&format!("{own}/x"), &[], "").await, 404, "{own}");
        assert_eq!(till.notice(&format!("{own}/{account}"), &[], vec![b'x'; 200_000]).await, 413, "{own}");

        let path = Till::path(&call, &payment, "refresh");
        let refreshed = till.world.did(&till.doctor, &path, Value::Null).await;
        assert_eq!(refreshed["state"], "paid", "{credentials}");
    }
}

#[tokio::test]
async fn another_amount_or_currency_is_no_payment_and_is_not_asked_for_again() {
    for credentials in providers() {
        let till = Till::open().await;
        till.enable(credentials.clone()).await;
        let call = till.call().await;
        for (fault, failure) in
            [(Fault::Amount(100), "amount-mismatch"), (Fault::Currency("USD".into()), "currency-mismatch")]
        {
            let payment = till.ask(&call, 2500).await;
            till.payments.next(fault);
            till.pay(&call, &payment).await;
            till.state(&payment, "failed").await;
            assert_eq!(till.record(&payment).failure.as_deref(), Some(failure), "{credentials}");
            let open = format!("/p/v1/payments/{payment}/open");
            assert_eq!(till.world.refused(&call.guest, &open, Value::Null).await.0, 409);
            let retry = Till::path(&call, &payment, "retry");
            assert_eq!(till.world.refused(&till.doctor, &retry, Value::Null).await.0, 409);
        }
        assert_eq!(till.audited(Audited::PaymentFailed), 2, "{credentials}");
    }
}

#[tokio::test]
async fn a_refused_card_can_be_tried_again_and_what_comes_late_or_in_the_wrong_order_does_no_harm() {
    for credentials in providers() {
        let till = Till::open().await;
        till.enable(credentials.clone()).await;
        let call = till.call().await;
        let payment = till.ask(&call, 2500).await;
        let first = till.open_page(&call, &payment).await;
        assert!(till.payments.press(&first, "cancel"), "the buyer goes back and may come again");
        assert!(till.payments.press(&first, "fail"));
        till.state(&payment, "failed").await;
        till.world.did(&till.doctor, &Till::path(&call, &payment, "retry"), Value::Null).await;
        till.payments.next(Fault::Reordered);
        let second = till.open_page(&call, &payment).await;
        assert_ne!(first, second, "{credentials}");
        assert!(till.payments.press(&second, "pay"));
        till.state(&payment, "paid").await;
        a_moment().await;
        assert_eq!(till.record(&payment).state.as_str(), "paid", "the refusal came after the money");

        // Taken back while the money was on its way: it shows, and can go back.
        let payment = till.ask(&call, 1000).await;
        till.payments.next(Fault::Late(300));
        till.pay(&call, &payment).await;
        till.world.did(&till.doctor, &Till::path(&call, &payment, "cancel"), Value::Null).await;
        assert_eq!(till.record(&payment).state.as_str(), "cancelled");
        till.state(&payment, "paid").await;
    }
}

#[tokio::test]
async fn a_request_expires_a_day_after_the_end_and_a_lost_notice_is_asked_for_before() {
    for credentials in providers() {
        let till = Till::open().await;
        till.enable(credentials).await;
        let call = till.call().await;
        let (unpaid, lost) = (till.ask(&call, 2500).await, till.ask(&call, 900).await);
        till.payments.next(Fault::Lost);
        till.pay(&call, &lost).await;
        till.world.later(5);
        till.world.did(&till.doctor, &format!("/api/v1/consultations/{}/end", call.id), json!({})).await;
        till.world.later(24 * 60 - 1);
        a_moment().await;
        assert_eq!(till.record(&unpaid).state.as_str(), "requested");
        till.world.later(2);
        till.state(&unpaid, "expired").await;
        till.state(&lost, "paid").await;
    }
}

#[tokio::test]
async fn the_keys_of_one_account_say_nothing_of_the_payments_of_another() {
    let till = Till::open().await;
    let own = till.enable(stripe()).await;
    let (other, other_id) = till.world.professional("paul@cabinet.example").await;
    till.world.did(&other, "/api/v1/me/payment-activation", Value::Null).await;
    let accounts = till.world.get(&till.admin, "/api/v1/payment-accounts").await;
    let accounts = accounts["items"].as_array().unwrap();
    let theirs = accounts.iter().find(|one| one["professional_id"] == json!(other_id.as_str())).unwrap();
    let theirs = theirs["id"].as_str().unwrap();
    let keys = json!({ "provider": "stripe", "secret_key": "sk_test_2", "webhook_secret": "whsec_2" });
    let path = format!("/api/v1/payment-accounts/{theirs}/credentials");
    assert_eq!(till.world.call(&till.admin, Method::PUT, &path, keys).await.status, StatusCode::OK);

    let call = till.call().await;
    let payment = till.ask(&call, 2500).await;
    let reference = till.open_page(&call, &payment).await;
    let paid = json!({ "id": "evt_1", "type": "checkout.session.completed", "data": { "object": {
        "id": reference, "metadata": { "payment_id": payment }, "payment_status": "paid", "status": "complete",
        "amount_total": 2500, "currency": "eur", "payment_intent": "pi_1",
    } } })
    .to_string();
    let at = till.world.clinic.clock().now().as_second();
    for (secret, account, status, state) in [
        ("whsec_2", &*own, 401, "opened"),
        ("whsec_2", theirs, 200, "opened"),
        ("whsec_1", theirs, 401, "opened"),
        ("whsec_1", &*own, 200, "paid"),
    ] {
        let signature = format!("t={at},v1={}", mac(secret, &format!("{at}.{paid}")));
        let path = format!("stripe/{account}");
        assert_eq!(till.notice(&path, &[("stripe-signature", &signature)], paid.clone()).await, status);
        assert_eq!(till.record(&payment).state.as_str(), state, "{secret} {status}");
    }
}

#[tokio::test]
async fn what_comes_back_with_the_browser_or_of_another_shop_is_no_notice_of_payzen() {
    let till = Till::open().await;
    let account = till.enable(payzen()).await;
    let call = till.call().await;
    let payment = till.ask(&call, 2500).await;
    till.open_page(&call, &payment).await;
    let path = format!("payzen/{account}");
    let kind = ("content-type", "application/x-www-form-urlencoded");
    for (shop, key, algorithm, status, state) in [
        (SHOP, "sha256_hmac", "sha256_hmac", 401, "opened"),
        (SHOP, "password", "sha256", 401, "opened"),
        ("11111111", "password", "sha256_hmac", 400, "opened"),
        (SHOP, "password", "sha256_hmac", 200, "paid"),
    ] {
        let transaction = json!({ "uuid": "t1", "operationType": "DEBIT", "status": "PAID", "amount": 2500, "currency": "EUR" });
        let answer = json!({ "shopId": shop, "orderStatus": "PAID", "orderDetails": { "orderId": payment },
            "transactions": [transaction] })
        .to_string();
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("kr-hash-algorithm", algorithm)
            .append_pair("kr-hash-key", key)
            .append_pair("kr-hash", &mac(PASSWORD, &answer))
            .append_pair("kr-answer", &answer)
            .finish();
        assert_eq!(till.notice(&path, &[kind], body).await, status, "{shop} {key} {algorithm}");
        assert_eq!(till.record(&payment).state.as_str(), state, "{shop} {key} {algorithm}");
    }
}
