use super::*;
use crate::ids::ConsultationId;
use crate::messages::catalogue::LOCALES;
use crate::messages::{CalendarMethod, Channel};

pub(crate) const RECIPIENTS: [RecipientKind; 6] = [
    RecipientKind::Patient,
    RecipientKind::Carer,
    RecipientKind::Facility,
    RecipientKind::Colleague,
    RecipientKind::Interpreter,
    RecipientKind::BedsideProfessional,
];

/// The longest link that the settings accept without a warning: 44 characters of public URL, `/c#` and the secret.
fn longest_link() -> String {
    format!("https://{}/c#{}", "x".repeat(36), "Z".repeat(22))
}

fn appointment(link: String) -> Appointment {
    let start: Timestamp = "2026-12-30T22:55:00Z".parse().unwrap();
    Appointment {
        consultation: ConsultationId::new(start),
        start,
        end: start + jiff::SignedDuration::from_mins(20),
        zone: "Europe/Paris".into(),
        sequence: 0,
        link,
        professional: "Dr Anne-Sophie d’Hérouville-Montmorency".into(),
    }
}

/// One of each, with data as long as they get.
pub(crate) fn every_kind() -> Vec<Kind> {
    let at: Timestamp = "2026-12-30T22:55:00Z".parse().unwrap();
    let (zone, link) = ("America/Argentina/Buenos_Aires".to_owned(), longest_link());
    let mut kinds = vec![
        Kind::RegistrationConfirm { link: link.clone() },
        Kind::RegistrationExists,
        Kind::RegistrationPending,
        Kind::RegistrationValidated { link: link.clone() },
        Kind::RegistrationRefused { reason: "Numéro inconnu".into() },
        Kind::RegistrationRefused { reason: String::new() },
        Kind::PasswordReset { link: link.clone() },
        Kind::PasswordChanged,
        Kind::SecondFactorSet,
        Kind::SecondFactorReset,
        Kind::TestMessage,
        Kind::RecoveryCodeUsed,
        Kind::AccountClosed,
        Kind::LoginAlert { at, zone: zone.clone() },
        Kind::AccountLocked { until: at, zone: zone.clone() },
        Kind::ImmediateCall { link: link.clone(), minutes: 240 },
        Kind::DocumentsAvailable { link: link.clone(), until: at, zone: zone.clone() },
        Kind::PaymentRequested { link: link.clone(), amount_cents: 100_000 },
        Kind::PaymentReceipt { amount_cents: 2500, paid_at: at, zone, reference: "pay_1".into() },
        Kind::PaymentRefunded { amount_cents: 2505, reference: "pay_1".into() },
        Kind::PaymentActivationRequested { link: link.clone() },
        Kind::PaymentActivated { link: link.clone() },
        Kind::RetentionWarning { link: link.clone(), days: 7 },
        Kind::RetentionWarning { link: link.clone(), days: 1 },
        Kind::WebhookDisabled { link: link.clone() },
    ];
    for recipient in RECIPIENTS {
        kinds.push(Kind::Invitation { recipient, appointment: appointment(link.clone()) });
        kinds.push(Kind::Moved { recipient, appointment: appointment(link.clone()) });
        kinds.push(Kind::Reminder { recipient, appointment: appointment(link.clone()) });
        kinds.push(Kind::Cancelled { recipient, appointment: appointment(String::new()) });
    }
    kinds
}

#[test]
fn every_kind_reads_back_from_what_the_outbox_keeps() {
    for kind in every_kind() {
        let (template, data) = kind.parts();
        assert!(!template.is_empty());
        assert_eq!(Kind::read(&template, &data), Some(kind.clone()), "{template}");
    }
    // As accounts put them.
    let link = serde_json::json!({ "link": "https://x/y#z" });
    assert!(matches!(Kind::read("password-reset", &link), Some(Kind::PasswordReset { .. })));
    assert_eq!(Kind::read("password-changed", &serde_json::Value::Null), Some(Kind::PasswordChanged));
    assert_eq!(Kind::read("password-reset", &serde_json::Value::Null), None);
    assert_eq!(Kind::read("no-such-text", &link), None);
}

#[test]
fn every_kind_has_the_words_of_a_mail_in_both_languages() {
    for kind in every_kind() {
        for locale in LOCALES {
            let words = mail(&kind, locale, "Cabinet d’essai")
                .unwrap_or_else(|error| panic!("{kind:?} {locale}: {error}"));
            assert!(words.paragraphs.len() >= 2, "{kind:?} {locale}");
            assert!(words.subject.chars().count() <= 100, "{} is long", words.subject);
            assert_eq!(words.action.as_ref().map(|(_, link)| link.as_str()), kind.link());
            let mut all = words.paragraphs.join(" ");
            for more in words.after.iter().chain([&words.subject, &words.footer]) {
                all.push_str(more);
            }
            assert!(!all.contains(['{', '}', '$']), "{all}");
            assert!(words.footer.contains("Cabinet d’essai"));
        }
        let [french, english] = LOCALES.map(|locale| mail(&kind, locale, "x").unwrap());
        assert_ne!(french.paragraphs, english.paragraphs, "{kind:?} is not translated");
    }
}

#[test]
fn every_short_message_is_one_segment_of_gsm_7_with_the_longest_data_and_names_nothing_of_health() {
    const FORBIDDEN: [&str; 30] = [
        "consult",
        "médec",
        "medic",
        "docteur",
        "doctor",
        "dr ",
        "patient",
        "santé",
        "health",
        "soins",
        "care ",
        "hôpital",
        "hospital",
        "clini",
        "ordonnance",
        "prescri",
        "maladie",
        "disease",
        "diagnos",
        "infirm",
        "nurse",
        "traitement",
        "treat",
        "examen",
        "therap",
        "thérap",
        "psy",
        "sage-femme",
        "midwife",
        "compte rendu",
    ];
    let mut seen = 0;
    for kind in every_kind().into_iter().filter(|kind| kind.fits(Channel::Sms)) {
        for locale in LOCALES {
            let words = text(locale, &kind.template(), Some("sms"), &arguments(&kind, locale)).unwrap();
            let units = gsm7::units(&one_line(&words)).unwrap_or_else(|c| panic!("{c:?} in {words}"));
            assert!(units <= gsm7::SEGMENT_UNITS, "{units} units: {words}");
            assert_eq!(sms(&kind, locale).as_deref(), Ok(one_line(&words).as_str()));
            let lower = words.to_lowercase();
            for word in FORBIDDEN {
                assert!(!lower.contains(word), "{word:?} in {words}");
            }
            assert!(!words.contains("Hérouville"), "the professional is named in {words}");
            if let Some(link) = kind.link() {
                assert!(words.contains(link), "{words}");
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 2 * (4 * 6 + 4));
}

#[test]
fn what_does_not_fit_into_one_segment_is_refused_and_mails_are_no_short_messages() {
    let kind = Kind::ImmediateCall { link: format!("https://{}", "x".repeat(120)), minutes: 60 };
    assert_eq!(sms(&kind, "fr"), Err(NoWords::TooLong));
    for kind in every_kind().into_iter().filter(|kind| !kind.fits(Channel::Sms)) {
        assert_eq!(sms(&kind, "fr"), Err(NoWords::Missing), "{kind:?}");
    }
}

#[test]
fn the_wording_is_that_of_the_reference() {
    let mut visit = appointment("https://visio.example/c#AAAAAAAAAAAAAAAAAAAAAA".into());
    visit.start = "2026-05-14T12:30:00Z".parse().unwrap();
    let invitation = Kind::Invitation { recipient: RecipientKind::Patient, appointment: visit.clone() };
    assert_eq!(
        sms(&invitation, "fr").unwrap(),
        format!(
            "Bonjour, votre rendez-vous vidéo est le 14/05 à 14h30. Touchez ce lien à l'heure prévue : {}",
            visit.link
        )
    );
    let words = mail(&invitation, "fr", "Chevet").unwrap();
    assert_eq!(words.subject, "Rendez-vous vidéo, jeudi 14 mai 2026 à 14 h 30");
    let cancelled = Kind::Cancelled { recipient: RecipientKind::Patient, appointment: visit.clone() };
    assert_eq!(
        sms(&cancelled, "fr").unwrap(),
        "Votre rendez-vous vidéo du 14/05 à 14h30 est annulé. Contactez votre soignant pour en fixer un autre."
    );
    // Another zone than most readers' is named.
    visit.zone = "Indian/Reunion".into();
    let far = Kind::Invitation { recipient: RecipientKind::Patient, appointment: visit };
    assert_eq!(
        mail(&far, "en", "Chevet").unwrap().subject,
        "Video appointment, Thursday 14 May 2026 at 16:30 (Indian/Reunion time)"
    );
}

#[test]
fn only_appointments_bring_a_calendar_entry() {
    for kind in every_kind() {
        let wanted = match kind.template().as_str() {
            "invitation" | "moved" => Some(CalendarMethod::Request),
            "cancelled" => Some(CalendarMethod::Cancel),
            _ => None,
        };
        assert_eq!(kind.calendar().map(|(method, _)| method), wanted);
    }
}
