use super::*;
use crate::audit::Action as Audited;
use crate::model::Scope;

#[tokio::test]
async fn online_payment_is_asked_for_by_mail_and_works_once_it_is_configured_tested_and_enabled() {
    let till = Till::open().await;
    let (world, doctor, admin) = (&till.world, &till.doctor, &till.admin);
    let call = till.call().await;
    let requests = format!("/api/v1/consultations/{}/payment-requests", call.id);
    let wanted = json!({ "amount_cents": 2500, "label": "Téléconsultation du 3 décembre" });
    let early = world.post(doctor, &requests, wanted.clone()).await;
    assert_eq!(early.status, StatusCode::FORBIDDEN);
    assert_eq!(
        (&early.body["code"], &early.body["reason"]),
        (&json!("capability-not-available"), &json!("payment_not_enabled"))
    );

    assert_eq!(world.get(doctor, "/api/v1/me/payment-activation").await, json!({ "available": true }));
    let asked = world.did(doctor, "/api/v1/me/payment-activation", Value::Null).await;
    assert_eq!(asked["status"], "requested");
    world.mail(ADMIN, "payment-activation-requested").await;
    world.did(doctor, "/api/v1/me/payment-activation", Value::Null).await;
    assert_eq!(world.refused(doctor, "/api/v1/payment-accounts/x/test", Value::Null).await.0, 404);

    let listed = world.get(admin, "/api/v1/payment-accounts").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let id = listed["items"][0]["id"].as_str().unwrap();
    let path = format!("/api/v1/payment-accounts/{id}");
    let conflict = (409, "invalid-transition".to_owned());
    for verb in ["test", "enable", "disable"] {
        assert_eq!(world.refused(admin, &format!("{path}/{verb}"), Value::Null).await, conflict, "{verb}");
    }
    let keys = json!({ "provider": "stripe", "secret_key": "sk_live_wrong", "webhook_secret": "whsec_1" });
    let put = world.call(admin, Method::PUT, &format!("{path}/credentials"), keys).await;
    assert_eq!(put.body["status"], "configured");
    assert!(!put.body.to_string().contains("sk_live"), "{}", put.body);
    let stored = world.get(admin, &path).await.to_string();
    assert!(!stored.contains("sk_live") && !stored.contains("whsec"), "{stored}");
    // The provider does not take these keys; others are given and taken.
    assert_eq!(
        world.refused(admin, &format!("{path}/test"), Value::Null).await,
        (422, "validation-failed".into())
    );
    let swapped = json!({ "provider": "stripe", "secret_key": "whsec_1", "webhook_secret": "sk_test_1" });
    let refused = world.call(admin, Method::PUT, &format!("{path}/credentials"), swapped).await;
    assert_eq!(refused.body["errors"][0]["pointer"], "/secret_key");
    world.call(admin, Method::PUT, &format!("{path}/credentials"), emulator()).await;
    assert_eq!(world.refused(admin, &format!("{path}/enable"), Value::Null).await, conflict);
    assert_eq!(world.did(admin, &format!("{path}/test"), Value::Null).await["status"], "tested");
    assert_eq!(world.post(doctor, &requests, wanted.clone()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.did(admin, &format!("{path}/enable"), Value::Null).await["status"], "enabled");
    world.mail(DOCTOR, "payment-activated").await;
    assert_eq!(
        world.templates(ADMIN).iter().filter(|one| *one == "payment-activation-requested").count(),
        1,
        "asking again writes to nobody"
    );

    let made = world.did(doctor, &requests, wanted.clone()).await;
    assert_eq!(
        (&made["state"], &made["label"]),
        (&json!("requested"), &json!("Téléconsultation du 3 décembre"))
    );
    assert_eq!(world.did(admin, &format!("{path}/disable"), Value::Null).await["status"], "disabled");
    assert_eq!(world.post(doctor, &requests, wanted).await.body["reason"], "payment_not_enabled");
    assert_eq!(till.audited(Audited::PaymentAccountEnabled), 1);
}

/// Pays, is told twice, pays back a part and then the rest.
async fn whole_way(credentials: Value) {
    let till = Till::open().await;
    till.enable(credentials.clone()).await;
    let (world, doctor) = (&till.world, &till.doctor);
    let call = till.call().await;
    let payment = till.ask(&call, 2500).await;
    let seen = world.get(&call.guest, "/p/v1/payments").await;
    assert_eq!((&seen[0]["amount_cents"], &seen[0]["payable"]), (&json!(2500), &json!(true)));

    let mut hints = world.clinic.live().hints();
    till.payments.next(Fault::Twice);
    let reference = till.open_page(&call, &payment).await;
    assert_eq!(till.open_page(&call, &payment).await, reference, "the page that is open comes again");
    let page = Request::get(format!("{}/pay/{reference}", till.payments.url())).body(Bytes::new()).unwrap();
    let (_, html) = fetch(page).await;
    assert!(html.contains("25,00\u{a0}EUR") && html.contains("Payer") && html.contains("Annuler"), "{html}");
    assert!(html.contains("Teleconsultation"), "{html}");
    assert!(till.payments.press(&reference, "pay"));
    till.state(&payment, "paid").await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(till.audited(Audited::PaymentPaid), 1, "{credentials}");
    let told = std::iter::from_fn(|| hints.try_recv().ok()).filter(|hint| {
        hint.what == crate::consultations::What::Payments && hint.consultation.as_str() == call.id
    });
    assert!(told.count() >= 2, "opened and paid");
    let seen = world.get(&call.guest, "/p/v1/payments").await;
    assert_eq!((&seen[0]["state"], &seen[0]["payable"]), (&json!("paid"), &json!(false)));
    let open = format!("/p/v1/payments/{payment}/open");
    assert_eq!(world.refused(&call.guest, &open, Value::Null).await.0, 409);
    assert_eq!(world.refused(doctor, &Till::path(&call, &payment, "cancel"), Value::Null).await.0, 409);

    let refund = Till::path(&call, &payment, "refund");
    assert_eq!(world.refused(doctor, &refund, json!({ "amount_cents": 2501 })).await.0, 422);
    let back = world.did(doctor, &refund, json!({ "amount_cents": 1000 })).await;
    assert_eq!((&back["state"], &back["refunded_cents"]), (&json!("partially_refunded"), &json!(1000)));
    // The provider's own notice of it counts no second time.
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    assert_eq!(till.record(&payment).refunded_cents, 1000, "{credentials}");
    assert_eq!(till.audited(Audited::PaymentRefunded), 1, "{credentials}");
    let back = world.did(doctor, &refund, json!({})).await;
    assert_eq!((&back["state"], &back["refunded_cents"]), (&json!("refunded"), &json!(2500)));
    assert_eq!(world.refused(doctor, &refund, json!({})).await.0, 409);
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    let order = till.payments.orders().into_iter().find(|order| order.reference == reference).unwrap();
    assert_eq!((order.refunded_cents, till.record(&payment).refunded_cents), (2500, 2500));
    assert_eq!(till.audited(Audited::PaymentRefunded), 2, "{credentials}");
}

#[tokio::test]
async fn a_payment_goes_its_whole_way_with_the_emulator() {
    whole_way(emulator()).await;
}

#[tokio::test]
async fn a_payment_goes_its_whole_way_with_stripe() {
    whole_way(stripe()).await;
}

#[tokio::test]
async fn a_payment_goes_its_whole_way_with_payzen() {
    whole_way(payzen()).await;
}

#[tokio::test]
async fn the_same_request_twice_is_one_and_bad_amounts_are_refused() {
    let till = Till::open().await;
    till.enable(emulator()).await;
    let call = till.call().await;
    let path = format!("/api/v1/consultations/{}/payment-requests", call.id);
    let with_key = async |body: Value| {
        let mut request = till.world.request(&till.doctor, Method::POST, &path, &body);
        request.headers_mut().insert("idempotency-key", "a".parse().unwrap());
        till.world.send(request).await.0
    };
    let first = with_key(json!({ "amount_cents": 2500 })).await;
    let again = with_key(json!({ "amount_cents": 2500 })).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(with_key(json!({ "amount_cents": 2600 })).await.body["code"], "idempotency-key-reuse");
    assert_eq!(till.world.get(&till.doctor, &path).await.as_array().unwrap().len(), 1);
    for (body, pointer) in [
        (json!({ "amount_cents": 99 }), "/amount_cents"),
        (json!({ "amount_cents": 100_001 }), "/amount_cents"),
        (json!({ "amount_cents": 25.5 }), "/amount_cents"),
        (json!({ "amount_cents": 2500, "label": " " }), "/label"),
        (json!({ "amount_cents": 2500, "label": "x".repeat(81) }), "/label"),
        (json!({ "amount_cents": 2500, "label": "a\nb" }), "/label"),
    ] {
        let refused = till.world.post(&till.doctor, &path, body).await;
        assert_eq!((refused.status.as_u16(), &refused.body["errors"][0]["pointer"]), (422, &json!(pointer)));
    }
}

#[tokio::test]
async fn an_immediate_call_has_no_payment_and_others_do_not_learn_that_there_is_one() {
    let till = Till::open().await;
    till.enable(emulator()).await;
    let (world, doctor) = (&till.world, &till.doctor);
    let (id, _, guest, _) = world.in_call(doctor).await;
    let path = format!("/api/v1/consultations/{id}/payment-requests");
    let refused = world.post(doctor, &path, json!({ "amount_cents": 2500 })).await;
    assert_eq!((refused.status.as_u16(), &refused.body["reason"]), (403, &json!("immediate_consultation")));
    let refused = world.call(&guest, Method::GET, "/p/v1/payments", Value::Null).await;
    assert_eq!((refused.status.as_u16(), &refused.body["reason"]), (403, &json!("immediate_consultation")));

    let patient = json!({ "patient": dossier()["patient"] });
    world.did(doctor, &format!("/api/v1/consultations/{id}/upgrade"), patient).await;
    let call = Call { id, guest };
    let payment = till.ask(&call, 2500).await;
    let (other, _) = world
        .person("paul@cabinet.example", |_, other| {
            other.national_number = "10101010113".into();
            other.national_number_hash =
                world.clinic.lookup().hash(crate::crypto::Purpose::NationalId, "10101010113");
        })
        .await;
    assert_eq!(world.refused(&other, &path, json!({ "amount_cents": 2500 })).await.0, 404);
    assert_eq!(world.call(&other, Method::GET, &path, Value::Null).await.status, StatusCode::NOT_FOUND);
    for verb in ["cancel", "refund", "retry", "refresh"] {
        let path = Till::path(&call, &payment, verb);
        assert_eq!(world.refused(&other, &path, json!({})).await.0, 404, "{verb}");
    }
    // Another consultation of the same professional: not there either.
    let elsewhere = world.dossier(doctor, |_| ()).await;
    let moved =
        format!("/api/v1/consultations/{}/payment-requests/{payment}", elsewhere["id"].as_str().unwrap());
    assert_eq!(world.call(doctor, Method::GET, &moved, Value::Null).await.status, StatusCode::NOT_FOUND);
    let reader = portal(world, &[Scope::ConsultationsRead]).await;
    assert_eq!(
        world.refused(&reader, &path, json!({ "amount_cents": 2500 })).await,
        (403, "scope-missing".into())
    );
    let writer = portal(world, &[Scope::PaymentsWrite]).await;
    assert_eq!(world.get(&writer, &path).await[0]["id"], payment);
}

#[tokio::test]
async fn without_a_provider_the_server_says_so() {
    let world = World::new().await;
    let (doctor, _) = world.professional(DOCTOR).await;
    let refused = world.refused(&doctor, "/api/v1/me/payment-activation", Value::Null).await;
    assert_eq!(refused, (501, "adapter-not-configured".into()));
    assert_eq!(world.get(&doctor, "/api/v1/me/payment-activation").await, json!({ "available": false }));
}

#[tokio::test]
async fn a_receipt_is_had_by_both_sides_once_it_is_paid_and_tells_what_went_back() {
    let till = Till::open().await;
    till.enable(emulator()).await;
    let (world, call) = (&till.world, till.call().await);
    let payment = till.ask(&call, 2500).await;
    let own = Till::path(&call, &payment, "receipt");
    let guests = format!("/p/v1/payments/{payment}/receipt");
    for (who, path) in [(&till.doctor, &own), (&call.guest, &guests)] {
        let early = world.call(who, Method::GET, path, Value::Null).await;
        assert_eq!((early.status.as_u16(), &early.body["code"]), (409, &json!("invalid-transition")));
    }
    till.pay(&call, &payment).await;
    till.state(&payment, "paid").await;
    let paid = till.pdf(&till.doctor, &own).await;
    assert!(paid.starts_with(b"%PDF-"));
    assert_eq!(paid, till.pdf(&call.guest, &guests).await);
    world.did(&till.doctor, &Till::path(&call, &payment, "refund"), json!({ "amount_cents": 1000 })).await;
    assert_ne!(till.pdf(&call.guest, &guests).await, paid);
    let (stranger, _) = world.professional("paul@cabinet.example").await;
    assert_eq!(world.call(&stranger, Method::GET, &own, Value::Null).await.status.as_u16(), 404);
}
