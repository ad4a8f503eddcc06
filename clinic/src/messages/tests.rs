//! Through real SMTP and HTTP, against the emulators.

use std::time::Duration;

use chevet_emulators::{Answer, Emulators, ReceiptPlan};
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;

use super::settings::{GatewayConfig, MailConfig, MailTls, SmsConfig};
use super::*;
use crate::SmsQuota;
use crate::audit::{self, Action};
use crate::crypto::{DataKeyId, Purpose, Secret};
use crate::ids::{AccountId, ConsultationId, InvitationId, ParticipantId};
use crate::model::{Invitation, InvitationChannel, InvitationStatus, ParticipantRole, RecipientKind};
use crate::outbox::{Message, Status};
use crate::store::StoreError;
use crate::testing::TestClinic;

const NUMBER: &str = "+33612345678";
const ADDRESS: &str = "jeanne@example.org";

struct World {
    emulators: Emulators,
    clinic: TestClinic,
}

fn http(emulators: &Emulators) -> GatewayConfig {
    let config = chevet_settings();
    GatewayConfig::Http {
        url: emulators.http_gateway(),
        body: config.0,
        content_type: config.1,
        header: "Authorization: Bearer {secret}".into(),
        secret: Secret::new(&*emulators.secrets().sms),
    }
}

/// As in the documented settings.
fn chevet_settings() -> (String, String) {
    let text = include_str!("../../../config/chevet.toml");
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = ")).unwrap();
        line.trim_matches(['\'', '"']).to_owned()
    };
    (value("body"), value("content_type"))
}

fn ovh(emulators: &Emulators) -> GatewayConfig {
    GatewayConfig::Ovh {
        url: emulators.ovh(),
        service: "sms-ab12345-1".into(),
        application_key: "app".into(),
        application_secret: Secret::new(&*emulators.secrets().sms),
        consumer_key: Secret::new(&*emulators.secrets().consumer_key),
    }
}

fn twilio(emulators: &Emulators) -> GatewayConfig {
    GatewayConfig::Twilio {
        url: emulators.twilio(),
        account: "AC0123".into(),
        token: Secret::new(&*emulators.secrets().sms),
    }
}

impl World {
    async fn start(gateway: fn(&Emulators) -> GatewayConfig) -> World {
        let emulators = Emulators::start().await.unwrap();
        let mail = MailConfig {
            server: "127.0.0.1".into(),
            port: emulators.smtp().port(),
            tls: MailTls::Off,
            ca_pem: None,
            login: None,
            from: "Cabinet <rdv@cabinet.example>".into(),
            reply_to: String::new(),
        };
        World::with(emulators, gateway, mail).await
    }

    async fn with(emulators: Emulators, gateway: fn(&Emulators) -> GatewayConfig, mail: MailConfig) -> World {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let public_url = format!("http://{}", listener.local_addr().unwrap());
        let sms = SmsConfig {
            gateway: gateway(&emulators),
            sender: "Cabinet".into(),
            receipts_secret: Secret::new(&*emulators.secrets().sms),
        };
        emulators.set_ovh_callback(&format!("{public_url}/api/v1/receipts/ovh/{}", emulators.secrets().sms));
        let clinic = TestClinic::with(|config| {
            config.public_url = public_url;
            config.mail = Some(mail);
            config.sms = Some(sms);
            config.sms_quota = SmsQuota { per_professional: 3, per_number: 2 };
        })
        .await;
        // Receipts are signed with the time of the machine.
        clinic.clock().set(Timestamp::now());
        let router = clinic.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        World { emulators, clinic }
    }

    /// An invitation to an appointment tomorrow, posted as consultations do.
    async fn invite(&self, channel: Channel, to: &str) -> (InvitationId, Posted) {
        let clinic = &self.clinic;
        let now = clinic.clock().now();
        let secret = Secret::link();
        let consultation = ConsultationId::new(now);
        let key = DataKeyId::new(consultation.as_str());
        let mut invitation = Invitation {
            id: InvitationId::new(now),
            consultation: consultation.clone(),
            participant: ParticipantId::new(now),
            role: ParticipantRole::Patient,
            recipient: RecipientKind::Patient,
            recipient_name: None,
            channel: if channel == Channel::Sms { InvitationChannel::Sms } else { InvitationChannel::Email },
            destination: to.to_owned(),
            secret: clinic.lookup().hash(Purpose::LinkSecret, secret.expose()),
            status: InvitationStatus::Queued,
            created_at: now,
            sent_at: None,
            delivered_at: None,
            opened_at: None,
            revoked_at: None,
            message: None,
            resent: 0,
            last_error: None,
            locale: "fr".into(),
            wrong_answers: 0,
            locked_until: None,
            code: None,
            older_secrets: Vec::new(),
        };
        let start = now + SignedDuration::from_hours(24);
        let appointment = Appointment {
            consultation,
            start,
            end: start + SignedDuration::from_mins(20),
            zone: "Europe/Paris".into(),
            sequence: 0,
            link: link(clinic, &secret),
            professional: "Dr Martin".into(),
        };
        let letter = Letter {
            kind: Kind::Invitation { recipient: RecipientKind::Patient, appointment },
            channel,
            to: to.to_owned(),
            locale: "fr".into(),
            about: invitation.id.to_string(),
            data_key: Some(key.clone()),
            professional: Some("acc_0193f2c0a4d17c2b9d5e6f708192a3b4".parse::<AccountId>().unwrap()),
            expires_at: None,
        };
        let posted = clinic
            .store()
            .write(|tx| {
                tx.create_key(&key)?;
                let posted = post(clinic, tx, &letter)?;
                invitation.message = Some(posted.id.clone());
                tx.insert(&invitation)?;
                Ok::<_, StoreError>(posted)
            })
            .await
            .unwrap();
        clinic.outbox().wake();
        (invitation.id, posted)
    }

    fn invitation(&self, id: &InvitationId) -> Invitation {
        self.clinic.store().get::<Invitation>(id).unwrap().unwrap().value
    }

    fn message(&self, posted: &Posted) -> Message {
        self.clinic.store().get::<Message>(&posted.id).unwrap().unwrap().value
    }

    async fn light(&self, id: &InvitationId, wanted: InvitationStatus) -> Invitation {
        until(|| self.invitation(id), |invitation| invitation.status == wanted).await
    }

    async fn standing(&self, posted: &Posted, wanted: impl Fn(&Message) -> bool) -> Message {
        until(|| self.message(posted), wanted).await
    }

    fn references(&self) -> Vec<String> {
        self.emulators.sms().into_iter().map(|sms| sms.reference).collect()
    }

    fn audited(&self, id: &InvitationId) -> Vec<Action> {
        let events = audit::read(self.clinic.store(), 0, 1000).unwrap();
        let about = events.into_iter().filter(|stored| stored.event.object.as_deref() == Some(id.as_str()));
        about.map(|stored| stored.event.action).collect()
    }
}

async fn until<T: std::fmt::Debug>(look: impl Fn() -> T, wanted: impl Fn(&T) -> bool) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(15);
    loop {
        let seen = look();
        if wanted(&seen) {
            return seen;
        }
        assert!(tokio::time::Instant::now() < deadline, "stayed {seen:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(150)).await;
}

#[tokio::test]
async fn a_short_message_by_each_gateway_arrives_once_and_its_receipt_moves_the_lights() {
    for (gateway, protocol) in [(http as fn(&Emulators) -> _, "http"), (ovh, "ovh"), (twilio, "twilio")] {
        let world = World::start(gateway).await;
        let (id, posted) = world.invite(Channel::Sms, NUMBER).await;
        let invitation = world.light(&id, InvitationStatus::Delivered).await;
        assert!(invitation.sent_at.is_some() && invitation.delivered_at.is_some(), "{protocol}");
        let message = world.message(&posted);
        assert_eq!(
            (message.status, message.destination.as_str(), message.attempts),
            (Status::Delivered, "", 1)
        );
        let [sms] = world.emulators.sms().try_into().unwrap();
        assert_eq!((sms.protocol, sms.to.as_str(), sms.from.as_str()), (protocol, NUMBER, "Cabinet"));
        assert_eq!(sms.reference, posted.id.to_string());
        assert!(gsm7::is_one_segment(&sms.text) && sms.text.contains("/c#"), "{}", sms.text);
        let events = world.audited(&id);
        assert_eq!(events, [Action::InvitationSent, Action::InvitationDelivered], "{protocol}");
    }
}

#[tokio::test]
async fn a_gateway_that_fails_is_tried_again_later_each_time_with_the_same_key() {
    let world = World::start(http).await;
    world.emulators.script(|script| script.sms.extend([Answer::Status(503), Answer::RetryAfter(429, 120)]));
    let (id, posted) = world.invite(Channel::Sms, NUMBER).await;
    let waiting =
        world.standing(&posted, |message| message.status == Status::Queued && message.attempts == 1).await;
    assert_eq!(waiting.last_error.as_deref(), Some("gateway-503"));
    assert_eq!(world.invitation(&id).status, InvitationStatus::Queued);
    a_moment().await;
    world.clinic.clock().advance(SignedDuration::from_secs(4));
    a_moment().await;
    assert_eq!(world.references().len(), 1);
    world.clinic.clock().advance(SignedDuration::from_secs(3));
    world.standing(&posted, |message| message.status == Status::Queued && message.attempts == 2).await;
    a_moment().await;
    // The gateway asked for two minutes.
    world.clinic.clock().advance(SignedDuration::from_secs(100));
    a_moment().await;
    assert_eq!(world.references().len(), 2);
    world.clinic.clock().advance(SignedDuration::from_secs(25));
    world.light(&id, InvitationStatus::Delivered).await;
    assert_eq!(world.references(), vec![posted.id.to_string(); 3]);
}

#[tokio::test]
async fn what_a_gateway_refuses_for_good_is_seen_as_failed_with_its_reason() {
    let code = Answer::Body(400, r#"{"code":21211,"message":"Invalid 'To' Phone Number"}"#.into());
    for (gateway, answer, reason) in [
        (http as fn(&Emulators) -> _, Answer::Status(422), "gateway-422"),
        (ovh, Answer::Invalid, "gateway-number-refused"),
        (twilio, code, "gateway-21211"),
    ] {
        let world = World::start(gateway).await;
        world.emulators.script(|script| script.sms.push_back(answer));
        let (id, posted) = world.invite(Channel::Sms, NUMBER).await;
        let invitation = world.light(&id, InvitationStatus::Failed).await;
        assert_eq!(invitation.last_error.as_deref(), Some(reason));
        let message = world.message(&posted);
        assert_eq!((message.status, message.destination.as_str()), (Status::Failed, ""));
        world.clinic.clock().advance(SignedDuration::from_hours(12));
        a_moment().await;
        assert_eq!(world.references().len(), 1, "{reason}");
        assert_eq!(world.audited(&id), [Action::InvitationFailed]);
    }
}

#[tokio::test]
async fn a_receipt_that_says_it_did_not_arrive_is_seen() {
    for (gateway, reason) in
        [(http as fn(&Emulators) -> _, "absent"), (ovh, "undelivered"), (twilio, "gateway-30003")]
    {
        let world = World::start(gateway).await;
        world.emulators.script(|script| script.receipts = ReceiptPlan::Failed);
        let (id, _) = world.invite(Channel::Sms, NUMBER).await;
        let invitation = world.light(&id, InvitationStatus::Failed).await;
        assert_eq!(invitation.last_error.as_deref(), Some(reason));
        assert!(invitation.sent_at.is_some());
    }
}

#[tokio::test]
async fn forged_receipts_change_nothing_and_of_repeated_ones_the_first_counts() {
    for gateway in [http as fn(&Emulators) -> _, ovh, twilio] {
        let world = World::start(gateway).await;
        world.emulators.script(|script| script.receipts = ReceiptPlan::Forged);
        let (id, _) = world.invite(Channel::Sms, NUMBER).await;
        world.light(&id, InvitationStatus::Sent).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(world.invitation(&id).status, InvitationStatus::Sent);

        world.emulators.script(|script| script.receipts = ReceiptPlan::Repeated);
        let (id, _) = world.invite(Channel::Sms, NUMBER).await;
        world.light(&id, InvitationStatus::Delivered).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(world.invitation(&id).status, InvitationStatus::Delivered);
    }
}

#[tokio::test]
async fn an_invitation_by_mail_carries_text_page_and_calendar_entry_and_its_own_name() {
    let world = World::start(http).await;
    let (id, posted) = world.invite(Channel::Email, ADDRESS).await;
    world.light(&id, InvitationStatus::Sent).await;
    let [mail] = world.emulators.mails().try_into().unwrap();
    assert_eq!((mail.from.as_str(), mail.to.as_slice()), ("rdv@cabinet.example", &[ADDRESS.to_owned()][..]));
    assert_eq!(mail.message_id, format!("<{}@cabinet.example>", posted.id));
    assert!(mail.subject.starts_with("Rendez-vous vidéo, "), "{}", mail.subject);
    let link = mail.text.split_whitespace().find(|word| word.contains("/c#")).unwrap();
    assert!(mail.html.contains(&format!("href=\"{link}\"")));
    assert_eq!(mail.calendar_method.as_deref(), Some("REQUEST"));
    let entry = mail.calendar.unwrap().replace("\r\n ", "");
    assert!(entry.contains(&format!("URL:{link}\r\n")) && entry.contains("METHOD:REQUEST\r\n"), "{entry}");
}

#[tokio::test]
async fn a_relay_that_refuses_for_now_gets_the_same_mail_again_and_one_for_good_is_a_bounce() {
    let world = World::start(http).await;
    world.emulators.script(|script| script.mail.push_back("451 4.7.1 Greylisted".into()));
    let (id, posted) = world.invite(Channel::Email, ADDRESS).await;
    let waiting =
        world.standing(&posted, |message| message.status == Status::Queued && message.attempts == 1).await;
    assert_eq!(waiting.last_error.as_deref(), Some("smtp-451"));
    a_moment().await;
    world.clinic.clock().advance(SignedDuration::from_secs(10));
    world.light(&id, InvitationStatus::Sent).await;

    world.emulators.script(|script| script.mail.push_back("550 5.1.1 No such user".into()));
    let (id, _) = world.invite(Channel::Email, "nobody@example.org").await;
    let bounced = world.light(&id, InvitationStatus::Bounced).await;
    assert_eq!(bounced.last_error.as_deref(), Some("smtp-550"));
    assert_eq!(world.emulators.mails().len(), 1);
}

#[tokio::test]
async fn mail_goes_by_tls_with_a_login_and_never_without() {
    for implicit in [false, true] {
        let mut emulators = Emulators::start().await.unwrap();
        let (address, pem) = emulators.secure_relay(implicit).await.unwrap();
        let secrets = emulators.secrets().clone();
        let good = MailConfig {
            server: "localhost".into(),
            port: address.port(),
            tls: if implicit { MailTls::Implicit } else { MailTls::StartTls },
            ca_pem: Some(pem.into_bytes()),
            login: Some((secrets.user.clone(), Secret::new(&*secrets.password))),
            from: "rdv@cabinet.example".into(),
            reply_to: String::new(),
        };
        let stranger = MailConfig { ca_pem: None, ..good.clone() };
        let intruder = MailConfig { login: Some((secrets.user, Secret::new("wrong"))), ..good.clone() };
        let message = |kind: &Kind| Message {
            destination: ADDRESS.into(),
            ..Message::new(Timestamp::now(), Channel::Email, &kind.template(), "acc_1")
        };
        let message = message(&Kind::PasswordChanged);
        use crate::outbox::{Deliver, DeliveryError};
        for (config, reason) in [(stranger, "smtp-tls"), (intruder, "smtp-535")] {
            let refused = Smtp::new(&config, "Chevet").unwrap().deliver(&message).await;
            match refused {
                Err(DeliveryError::Temporary { reason: found, .. }) => assert_eq!(found, reason),
                other => panic!("{other:?}"),
            }
        }
        assert!(emulators.mails().is_empty());
        Smtp::new(&good, "Chevet").unwrap().deliver(&message).await.unwrap();
        let [mail] = emulators.mails().try_into().unwrap();
        assert!(mail.tls && mail.user.is_some() && mail.subject == "Votre mot de passe a changé");
    }
}

#[tokio::test]
async fn above_a_day_s_quota_messages_are_kept_as_suppressed_and_not_sent() {
    let world = World::start(http).await;
    let other = "+33687654321";
    let mut outcomes = Vec::new();
    for to in [NUMBER, NUMBER, NUMBER, other, other] {
        outcomes.push(world.invite(Channel::Sms, to).await.1);
    }
    let suppressed: Vec<_> = outcomes.iter().map(|posted| posted.suppressed).collect();
    let expected = [None, None, Some(Suppressed::QuotaNumber), None, Some(Suppressed::QuotaProfessional)];
    assert_eq!(suppressed, expected);
    let message = world.message(&outcomes[2]);
    assert_eq!((message.status, message.last_error.as_deref()), (Status::Suppressed, Some("quota-number")));
    assert_eq!((message.destination.as_str(), &message.data), ("", &serde_json::Value::Null));
    until(|| world.references().len(), |count| *count == 3).await;
    a_moment().await;
    assert_eq!(world.references().len(), 3);
    // Mail costs nothing and is not counted.
    assert_eq!(world.invite(Channel::Email, ADDRESS).await.1.suppressed, None);
    world.clinic.clock().advance(SignedDuration::from_hours(24));
    assert_eq!(world.invite(Channel::Sms, NUMBER).await.1.suppressed, None);
}

#[tokio::test]
async fn without_settings_the_adapters_say_so_and_so_does_the_status() {
    use http_body_util::BodyExt;
    use tower::ServiceExt;
    let clinic = TestClinic::start().await;
    let letter = Letter {
        kind: Kind::TestMessage,
        channel: Channel::Sms,
        to: NUMBER.into(),
        locale: "fr".into(),
        about: "x".into(),
        data_key: None,
        professional: None,
        expires_at: None,
    };
    let posted = clinic.store().write(|tx| post(&clinic, tx, &letter)).await.unwrap();
    clinic.outbox().wake();
    let stored = || clinic.store().get::<Message>(&posted.id).unwrap().unwrap().value;
    let failed = until(stored, |message| message.status == Status::Failed).await;
    assert_eq!(failed.last_error.as_deref(), Some("adapter-not-configured"));
    let ask = async |method: &str, path: &str| {
        let request =
            ::http::Request::builder().method(method).uri(path).body(axum::body::Body::empty()).unwrap();
        let answer = clinic.router().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice::<serde_json::Value>(&body).unwrap())
    };
    let (_, status) = ask("GET", "/api/v1/status").await;
    assert_eq!((&status["email"], &status["sms"]), (&false.into(), &false.into()));
    let (status, problem) = ask("POST", "/api/v1/receipts/sms").await;
    assert_eq!((status, &problem["code"]), (501, &"adapter-not-configured".into()));
}
