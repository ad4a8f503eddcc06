//! The settings of the installation: read, changed, shown.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::legal::{self, LegalBody, LegalChange};
use super::require;
use crate::Clinic;
use crate::audit::{Action as Audited, ActorKind, Event, Outcome};
use crate::consultations::Read;
use crate::http::problem::ProblemBody;
use crate::http::{Action, Code, IfMatch, Json, Problem, SignedIn, etag};
use crate::model::retention::{Kept, RULES, rule};
use crate::model::{ContactLine, Defaults, IMMEDIATE_MINUTES, IdentityCheck, Settings, people, phone};
use crate::settings::Approval;
use crate::store::{StoreError, Tx, Versioned};

/// Longest text of the hours, in characters.
const HOURS_CHARS_MAX: usize = 200;
/// As for a professional's own defaults.
const SLOT_MINUTES: (u32, u32) = (5, 240);
const EDGE_MINUTES: (u32, u32) = (0, 60);

/// The settings as they are now; version 0 before anybody changed one.
pub fn settings(read: &impl Read) -> Result<Versioned<Settings>, StoreError> {
    let stored = read.one::<Settings>(Settings::ID)?;
    Ok(stored.unwrap_or_else(|| Versioned { version: 0, value: Settings::default() }))
}

/// How long something is kept, and between what an administrator chooses.
#[derive(Debug, Serialize, ToSchema)]
pub struct RetentionBody {
    kept: Kept,
    hours: u32,
    default_h: u32,
    min_h: u32,
    max_h: u32,
    /// False: it goes with something else.
    settable: bool,
}

fn rows(settings: &Settings) -> Vec<RetentionBody> {
    let row = |rule: crate::model::retention::Rule| RetentionBody {
        kept: rule.kept,
        hours: settings.hours(rule.kept),
        default_h: rule.default_h,
        min_h: rule.min_h,
        max_h: rule.max_h,
        settable: rule.kept.is_settable(),
    };
    RULES.into_iter().map(row).collect()
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ContactSetting {
    phone: Option<String>,
    email: Option<String>,
    hours: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DefaultsSetting {
    slot_minutes: u32,
    early_minutes: u32,
    late_minutes: u32,
    /// Window of a call without file when the request names none.
    immediate_minutes: u32,
    identity_check: IdentityCheck,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Bounds {
    min: u32,
    max: u32,
    default: u32,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DefaultsBounds {
    slot_minutes: Bounds,
    early_minutes: Bounds,
    late_minutes: Bounds,
    immediate_minutes: Bounds,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalWord {
    Auto,
    Manual,
    Psc,
}

/// Everything that an administrator sets here, and two things that stand in the server's file.
#[derive(Debug, Serialize, ToSchema)]
pub struct SettingsBody {
    retention: Vec<RetentionBody>,
    contact: ContactSetting,
    /// What a new professional's own defaults start with.
    defaults: DefaultsSetting,
    bounds: DefaultsBounds,
    /// Who answers for this installation, for the public pages.
    legal: LegalBody,
    /// Support may lengthen an appointment.
    support_may_extend: bool,
    /// From the server's file.
    organisation: String,
    /// From the server's file: what makes a confirmed registration active.
    approval: ApprovalWord,
}

fn body(clinic: &Clinic, settings: &Settings) -> SettingsBody {
    let s = settings.clone();
    let defaults = Defaults::default();
    let bounds = |(min, max): (u32, u32), default| Bounds { min, max, default };
    let (immediate, least, most) = IMMEDIATE_MINUTES;
    SettingsBody {
        retention: rows(settings),
        contact: ContactSetting { phone: s.contact.phone, email: s.contact.email, hours: s.contact.hours },
        defaults: DefaultsSetting {
            slot_minutes: s.slot_minutes,
            early_minutes: s.early_minutes,
            late_minutes: s.late_minutes,
            immediate_minutes: s.immediate_minutes,
            identity_check: s.identity_check,
        },
        bounds: DefaultsBounds {
            slot_minutes: bounds(SLOT_MINUTES, defaults.slot_minutes),
            early_minutes: bounds(EDGE_MINUTES, defaults.early_minutes),
            late_minutes: bounds(EDGE_MINUTES, defaults.late_minutes),
            immediate_minutes: bounds((least, most), immediate),
        },
        legal: s.legal.into(),
        support_may_extend: s.support_may_extend,
        organisation: clinic.config().organisation.clone(),
        approval: match clinic.config().approval {
            Approval::Auto => ApprovalWord::Auto,
            Approval::Manual => ApprovalWord::Manual,
            Approval::Psc => ApprovalWord::Psc,
        },
    }
}

fn answer(clinic: &Clinic, settings: &Versioned<Settings>) -> Response {
    ([etag(settings.version)], axum::Json(body(clinic, settings))).into_response()
}

/// The settings, with their bounds.
#[utoipa::path(get, path = "/api/v1/admin/settings", tag = "administration", security(("session" = [])), responses(
    (status = 200, description = "The settings, with the ETag for a change", body = SettingsBody),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn read(State(clinic): State<Clinic>, signed_in: SignedIn) -> Result<Response, Problem> {
    require(&clinic, &signed_in, Action::Administer)?;
    Ok(answer(&clinic, &settings(clinic.store())?))
}

/// `null` takes it away, absent leaves it.
pub(super) fn told<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    given: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(given).map(Some)
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactChange {
    #[serde(default, deserialize_with = "told")]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
    #[serde(default, deserialize_with = "told")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// At most 200 characters.
    #[serde(default, deserialize_with = "told")]
    #[schema(value_type = Option<String>)]
    hours: Option<Option<String>>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DefaultsChange {
    #[serde(default)]
    slot_minutes: Option<u32>,
    #[serde(default)]
    early_minutes: Option<u32>,
    #[serde(default)]
    late_minutes: Option<u32>,
    #[serde(default)]
    immediate_minutes: Option<u32>,
    /// As in the answer.
    #[serde(default)]
    identity_check: Option<String>,
}

/// What is to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsChange {
    /// Hours by kind. Counts for what ends from now on; the patient's access after the call and the trail follow at once.
    #[serde(default)]
    retention: BTreeMap<String, u32>,
    #[serde(default)]
    contact: ContactChange,
    #[serde(default)]
    defaults: DefaultsChange,
    #[serde(default)]
    legal: LegalChange,
    #[serde(default)]
    support_may_extend: Option<bool>,
}

/// Puts what is good into `settings` and tells every field that is not.
fn apply(settings: &mut Settings, change: SettingsChange) -> Result<(), Problem> {
    let mut wrong = Problem::new(Code::ValidationFailed);
    for (word, hours) in change.retention {
        // A word that is none of ours is not repeated.
        let Ok(kept) = serde_json::from_value::<Kept>(word.clone().into()) else {
            wrong.push_field("/retention", "unknown");
            continue;
        };
        let pointer = format!("/retention/{word}");
        let rule = rule(kept);
        if !kept.is_settable() {
            wrong.push_field(&pointer, "not-settable");
        } else if !(rule.min_h..=rule.max_h).contains(&hours) {
            wrong.push_bounds(&pointer, rule.min_h, rule.max_h);
        } else if hours == rule.default_h {
            settings.retention.remove(&kept);
        } else {
            settings.retention.insert(kept, hours);
        }
    }
    contact(&mut settings.contact, change.contact, &mut wrong);
    legal::apply(&mut settings.legal, change.legal, &mut wrong);
    let defaults = change.defaults;
    let mut minutes = |field: &mut u32, given: Option<u32>, name: &str, (least, most): (u32, u32)| match given
    {
        Some(given) if (least..=most).contains(&given) => *field = given,
        Some(_) => wrong.push_bounds(&format!("/defaults/{name}"), least, most),
        None => {}
    };
    let (_, least, most) = IMMEDIATE_MINUTES;
    minutes(&mut settings.slot_minutes, defaults.slot_minutes, "slot_minutes", SLOT_MINUTES);
    minutes(&mut settings.early_minutes, defaults.early_minutes, "early_minutes", EDGE_MINUTES);
    minutes(&mut settings.late_minutes, defaults.late_minutes, "late_minutes", EDGE_MINUTES);
    minutes(&mut settings.immediate_minutes, defaults.immediate_minutes, "immediate_minutes", (least, most));
    if let Some(word) = defaults.identity_check {
        match serde_json::from_value(word.into()) {
            Ok(check) => settings.identity_check = check,
            Err(_) => wrong.push_field("/defaults/identity_check", "unknown"),
        }
    }
    settings.support_may_extend = change.support_may_extend.unwrap_or(settings.support_may_extend);
    if wrong.fields().is_empty() { Ok(()) } else { Err(wrong) }
}

fn contact(line: &mut ContactLine, change: ContactChange, wrong: &mut Problem) {
    let typed =
        |given: Option<String>| given.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if let Some(given) = change.phone {
        match typed(given).map(|text| phone::line(&text)) {
            Some(None) => wrong.push_field("/contact/phone", "invalid-phone"),
            good => line.phone = good.flatten(),
        }
    }
    if let Some(given) = change.email {
        match typed(given).map(|text| people::email(&text)) {
            Some(None) => wrong.push_field("/contact/email", "invalid-email"),
            good => line.email = good.flatten(),
        }
    }
    if let Some(given) = change.hours {
        match typed(given) {
            Some(text) if text.chars().count() > HOURS_CHARS_MAX => {
                wrong.push_field("/contact/hours", "too-long");
            }
            Some(text) if text.chars().any(char::is_control) => wrong.push_field("/contact/hours", "invalid"),
            text => line.hours = text,
        }
    }
}

/// Changes settings. Every bad value is told, with its bounds.
#[utoipa::path(patch, path = "/api/v1/admin/settings", tag = "administration", request_body = SettingsChange,
    params(("If-Match" = String, Header, description = "ETag of what was read")), security(("session" = [])), responses(
    (status = 200, description = "Changed", body = SettingsBody),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
    (status = 412, description = "Changed by somebody else meanwhile", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Values to correct", body = ProblemBody, content_type = "application/problem+json"),
    (status = 428, description = "Without If-Match", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn change(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    if_match: IfMatch,
    Json(change): Json<SettingsChange>,
) -> Result<Response, Problem> {
    require(&clinic, &signed_in, Action::Administer)?;
    let now = clinic.clock().now();
    let changed = clinic
        .store()
        .write(|tx| {
            let mut settings = settings(tx)?;
            if_match.require(&settings)?;
            let before = settings.value.clone();
            apply(&mut settings.value, change)?;
            if settings.value == before {
                return Ok(settings);
            }
            save(tx, &mut settings)?;
            let who = Some(signed_in.id().to_string());
            for (action, word) in changes(&before, &settings) {
                let event = Event::new(now, action).by(ActorKind::Account, who.clone());
                tx.audit(&event.on(Settings::ID).with(Outcome::Ok, &word))?;
            }
            Ok::<_, Problem>(settings)
        })
        .await?;
    Ok(answer(&clinic, &changed))
}

fn save(tx: &mut Tx<'_>, settings: &mut Versioned<Settings>) -> Result<(), StoreError> {
    settings.version = if settings.version == 0 { tx.insert(&settings.value)? } else { tx.update(settings)? };
    Ok(())
}

/// What the trail says: which setting, and of numbers the new value. An address or a number of a telephone is not in it.
fn changes(before: &Settings, after: &Settings) -> Vec<(Audited, String)> {
    let mut all = Vec::new();
    for rule in RULES {
        let hours = after.hours(rule.kept);
        if before.hours(rule.kept) != hours {
            let word = serde_json::to_value(rule.kept).unwrap_or_default();
            let word = word.as_str().unwrap_or_default();
            all.push((Audited::AdminRetentionChanged, format!("{word}={hours}h")));
        }
    }
    let minutes = [
        ("slot_minutes", before.slot_minutes, after.slot_minutes),
        ("early_minutes", before.early_minutes, after.early_minutes),
        ("late_minutes", before.late_minutes, after.late_minutes),
        ("immediate_minutes", before.immediate_minutes, after.immediate_minutes),
    ];
    for (word, before, after) in minutes {
        if before != after {
            all.push((Audited::AdminSettingChanged, format!("{word}={after}")));
        }
    }
    let others = [
        ("contact", before.contact != after.contact),
        ("identity_check", before.identity_check != after.identity_check),
        ("support_may_extend", before.support_may_extend != after.support_may_extend),
    ];
    for (word, changed) in others.into_iter().chain(legal::changed(&before.legal, &after.legal)) {
        if changed {
            all.push((Audited::AdminSettingChanged, word.to_owned()));
        }
    }
    all
}

/// How long what is kept, for the privacy notice.
#[utoipa::path(get, path = "/api/v1/retention", tag = "server", responses(
    (status = 200, description = "The times, in hours, with the bounds of what may be set", body = Vec<RetentionBody>),
))]
pub(super) async fn retention(
    State(clinic): State<Clinic>,
) -> Result<axum::Json<Vec<RetentionBody>>, Problem> {
    Ok(axum::Json(rows(&settings(clinic.store())?.value)))
}

/// Whom to ask for help.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactBody {
    organisation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hours: Option<String>,
}

/// Whom to ask for help, as the administrators set it.
#[utoipa::path(get, path = "/api/v1/contact", tag = "server", responses(
    (status = 200, description = "Telephone, address and hours, where they are set", body = ContactBody),
))]
pub(super) async fn contact_line(State(clinic): State<Clinic>) -> Result<axum::Json<ContactBody>, Problem> {
    let ContactLine { phone, email, hours } = settings(clinic.store())?.value.contact;
    let organisation = clinic.config().organisation.clone();
    Ok(axum::Json(ContactBody { organisation, phone, email, hours }))
}
