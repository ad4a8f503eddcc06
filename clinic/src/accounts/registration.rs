//! Registration, and confirmation of the address. `approval` has the decision.

use axum::extract::State;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::approval::{activate, tell_administrators};
use super::secrets::{self, MailedPurpose};
use super::{TERMS_VERSION, slow};
use crate::Clinic;
use crate::audit::{Action as Audited, ActorKind, Event};
use crate::crypto::{Purpose, password};
use crate::http::problem::ProblemBody;
use crate::http::{Code, Json, Peer, Problem};
use crate::ids::AccountId;
use crate::limits::{self, Rate};
use crate::messages::{self, Kind, Letter};
use crate::model::identifier::{PROFESSIONS, is_adeli, is_finess, is_rpps, is_siret, profession_of};
use crate::model::people::{email, email_key, name};
use crate::model::{Account, AccountStatus, IdType, Practice, Professional, Role, Sector, VerifiedBy, phone};
use crate::settings::Approval;
use crate::store::{IndexKey, Query, StoreError, Tx, Versioned};

/// Registrations from one address.
const REGISTRATIONS: Rate = Rate::per_hour(20);
/// Mails to one address, wanted by somebody who is not logged in.
pub(super) const MAILS: Rate = Rate::per_hour(3);
const INTERESTS_MAX: usize = 30;

/// What a professional fills in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRegistration {
    /// `Dr`, `M.`, `Mme`; may be empty.
    #[serde(default)]
    pub(super) title: String,
    pub(super) first_name: String,
    pub(super) exercise_name: String,
    /// TRE_G15; see `/professions`.
    pub(super) profession_code: String,
    /// TRE_R38.
    #[serde(default)]
    pub(super) speciality_code: Option<String>,
    /// 11 digits. This or `adeli`.
    #[serde(default)]
    pub(super) rpps: Option<String>,
    /// 9 characters.
    #[serde(default)]
    pub(super) adeli: Option<String>,
    pub(super) email: String,
    #[serde(default)]
    pub(super) mobile: Option<String>,
    #[serde(default)]
    pub(super) practice: Practice,
    #[serde(default)]
    pub(super) department: Option<String>,
    /// `teleconsultation_domicile` opens the tool.
    #[serde(default)]
    pub(super) interests: Vec<String>,
    #[serde(default)]
    pub(super) sector: Option<Sector>,
    /// 12 characters or more, not easily guessed. Absent: later, with the card.
    #[serde(default)]
    pub(super) password: Option<String>,
    /// The terms and the privacy notice.
    pub(super) accepts_terms: bool,
    /// `fr` or `en`.
    #[serde(default)]
    pub(super) locale: Option<String>,
    /// IANA name; `Europe/Paris` unless given.
    #[serde(default)]
    pub(super) time_zone: Option<String>,
}

/// The same whether or not the address has an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct Registered {
    /// `check_mail`.
    status: &'static str,
}

const CHECK_MAIL: Registered = Registered { status: "check_mail" };

/// A number that the authority vouches for, in place of a typed one.
pub(super) struct Proof {
    pub number: String,
    pub id_type: IdType,
    pub id_nat: String,
    pub by: VerifiedBy,
}

/// Checked, and in normal form.
struct Checked {
    wanted: NewRegistration,
    email: String,
    mobile: Option<String>,
    number: String,
    id_type: IdType,
    proof: Option<Proof>,
}

fn check(clinic: &Clinic, mut wanted: NewRegistration, proof: Option<Proof>) -> Result<Checked, Problem> {
    let mut wrong = Problem::new(Code::ValidationFailed);
    let mut refuse = |holds: bool, pointer: &str, code: &str| {
        if !holds {
            wrong.push_field(pointer, code);
        }
    };
    refuse(wanted.accepts_terms, "/accepts_terms", "required");
    for (field, pointer) in
        [(&mut wanted.first_name, "/first_name"), (&mut wanted.exercise_name, "/exercise_name")]
    {
        match name(field) {
            Some(normal) => *field = normal,
            // As the authority writes it: names of its test environments hold digits.
            None if proof.is_some() && !field.is_empty() => {}
            None => refuse(false, pointer, "invalid-name"),
        }
    }
    refuse(wanted.title.chars().count() <= 20, "/title", "too-long");
    refuse(profession_of(&wanted.profession_code).is_some(), "/profession_code", "unknown");
    let accept_test = clinic.config().accept_test_identifiers;
    let (number, id_type) = match (&wanted.rpps, &wanted.adeli, &proof) {
        // Never checked again: the authority's word is better than a check digit.
        (None, None, Some(proof)) => (proof.number.clone(), proof.id_type),
        (Some(rpps), None, None) => {
            refuse(is_rpps(rpps, accept_test), "/rpps", "invalid-key");
            (rpps.clone(), IdType::Rpps)
        }
        (None, Some(adeli), None) => {
            refuse(is_adeli(adeli), "/adeli", "invalid");
            (adeli.clone(), IdType::Adeli)
        }
        _ => {
            refuse(false, "/rpps", "one-of-rpps-and-adeli");
            (String::new(), IdType::Rpps)
        }
    };
    let address = email(&wanted.email);
    refuse(address.is_some(), "/email", "invalid-email");
    let mobile = wanted.mobile.as_deref().map(|typed| phone::mobile(typed, phone::NEIGHBOURS));
    refuse(!matches!(mobile, Some(Err(_))), "/mobile", "invalid-mobile");
    let practice = &wanted.practice;
    refuse(practice.siret.as_deref().is_none_or(is_siret), "/practice/siret", "invalid-key");
    refuse(practice.finess.as_deref().is_none_or(is_finess), "/practice/finess", "invalid");
    let long = practice.name.chars().count() > 200 || practice.address.chars().count() > 500;
    refuse(!long, "/practice", "too-long");
    refuse(interests_are_words(&wanted.interests), "/interests", "invalid");
    let zone = wanted.time_zone.as_deref().unwrap_or("Europe/Paris");
    refuse(jiff::tz::TimeZone::get(zone).is_ok(), "/time_zone", "unknown");
    refuse(matches!(wanted.locale.as_deref(), None | Some("fr" | "en")), "/locale", "unknown");
    let short = [&wanted.speciality_code, &wanted.department];
    refuse(
        short.iter().all(|text| text.as_ref().is_none_or(|text| text.len() <= 20)),
        "/department",
        "too-long",
    );
    match (wrong.fields().is_empty(), address) {
        (true, Some(email)) => {
            let mobile = mobile.and_then(Result::ok);
            Ok(Checked { wanted, email, mobile, number, id_type, proof })
        }
        _ => Err(wrong),
    }
}

pub(super) fn interests_are_words(interests: &[String]) -> bool {
    let word = |text: &String| {
        (1..=60).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    interests.len() <= INTERESTS_MAX && interests.iter().all(word)
}

/// 422 for a password that is too weak.
pub(super) fn check_password(password: &str, about: &[&str]) -> Result<(), Problem> {
    password::check(password, about).map_err(|weakness| {
        Problem::field(
            "/password",
            match weakness {
                password::Weakness::TooShort => "too-short",
                password::Weakness::TooLong => "too-long",
                password::Weakness::Guessable => "guessable",
            },
        )
    })
}

/// Registers. The answer is the same whether or not the address is known; a mail goes there in both cases.
#[utoipa::path(post, path = "/api/v1/registrations", tag = "registration", request_body = NewRegistration, responses(
    (status = 202, description = "A mail was sent", body = Registered),
    (status = 422, description = "Fields to correct", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too often", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn register(
    State(clinic): State<Clinic>,
    peer: Peer,
    Json(wanted): Json<NewRegistration>,
) -> Result<(StatusCode, axum::Json<Registered>), Problem> {
    let now = clinic.clock().now();
    clinic.traffic().take(now, "registration", &peer.subject(), REGISTRATIONS)?;
    let mut checked = check(&clinic, wanted, None)?;
    let password = checked.wanted.password.take();
    if let Some(password) = password.clone() {
        let about =
            [checked.email.clone(), checked.wanted.first_name.clone(), checked.wanted.exercise_name.clone()];
        slow(move || check_password(&password, &about.each_ref().map(String::as_str))).await??;
    }
    // Hashed before anybody looks whether it is needed: the time taken tells nothing.
    let password_hash = match password {
        Some(password) => Some(slow(move || password::hash(&password)).await?),
        None => None,
    };
    enter(&clinic, checked, password_hash, |_| Ok(())).await
}

/// Registers with a number that is proven, and no password: the way in is the one that proved it. `also` runs in the same
/// transaction.
pub(super) async fn register_proven(
    clinic: &Clinic,
    wanted: NewRegistration,
    proof: Proof,
    also: impl FnOnce(&mut Tx<'_>) -> Result<(), StoreError>,
) -> Result<(StatusCode, axum::Json<Registered>), Problem> {
    let checked = check(clinic, wanted, Some(proof))?;
    enter(clinic, checked, None, also).await
}

async fn enter(
    clinic: &Clinic,
    checked: Checked,
    password_hash: Option<String>,
    also: impl FnOnce(&mut Tx<'_>) -> Result<(), StoreError>,
) -> Result<(StatusCode, axum::Json<Registered>), Problem> {
    let now = clinic.clock().now();
    let email_hash = clinic.lookup().hash(Purpose::Email, &email_key(&checked.email));
    clinic
        .store()
        .write(|tx| {
            also(tx)?;
            if limits::take(tx, now, "mail", &email_hash, MAILS)?.is_err() {
                // Nothing is told, and nothing more is sent.
                return Ok(());
            }
            match find(tx, &email_hash)? {
                Some(account) if account.status != AccountStatus::Registered => {
                    let letter = Letter::for_account(&account, Kind::RegistrationExists);
                    messages::post(clinic, tx, &letter).map(|_| ())
                }
                // Never confirmed: whoever it was, the new one starts afresh.
                Some(account) => {
                    tx.delete::<Professional>(&account.id)?;
                    secrets::revoke(tx, &account.value.id)?;
                    tx.delete::<Account>(&account.id)?;
                    create(clinic, tx, now, checked, email_hash, password_hash)
                }
                None => create(clinic, tx, now, checked, email_hash, password_hash),
            }
        })
        .await?;
    clinic.outbox().wake();
    Ok((StatusCode::ACCEPTED, axum::Json(CHECK_MAIL)))
}

pub(super) fn find(
    tx: &Tx<'_>,
    email_hash: &crate::crypto::LookupHash,
) -> Result<Option<Versioned<Account>>, StoreError> {
    let query = Query::new("email", IndexKey::new().hash(email_hash)).limit(1);
    Ok(tx.list::<Account>(&query)?.items.into_iter().next())
}

fn create(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    now: Timestamp,
    checked: Checked,
    email_hash: crate::crypto::LookupHash,
    password_hash: Option<String>,
) -> Result<(), StoreError> {
    let Checked { wanted, email, mobile, number, id_type, proof } = checked;
    let account = Account {
        id: AccountId::new(now),
        email,
        email_hash,
        email_verified_at: None,
        password_hash,
        totp_secret: None,
        totp_last_step: 0,
        totp_pending: None,
        recovery_codes: Vec::new(),
        status: AccountStatus::Registered,
        roles: vec![Role::Professional],
        locale: wanted.locale.unwrap_or_else(|| "fr".to_owned()),
        time_zone: wanted.time_zone.unwrap_or_else(|| "Europe/Paris".to_owned()),
        created_at: now,
        last_login_at: None,
        terms_version: Some(TERMS_VERSION.to_owned()),
        failed_logins: 0,
        locked_until: None,
        session_epoch: 0,
        works_for: Vec::new(),
        closed_at: None,
    };
    let professional = Professional {
        account_id: account.id.clone(),
        title: wanted.title,
        exercise_name: wanted.exercise_name,
        first_name: wanted.first_name,
        profession_code: wanted.profession_code,
        speciality_code: wanted.speciality_code,
        id_type,
        national_number_hash: clinic.lookup().hash(Purpose::NationalId, &number),
        national_number: number,
        id_verified_by: proof.as_ref().map_or(VerifiedBy::None, |proof| proof.by),
        id_nat_ps: proof.map(|proof| proof.id_nat),
        mobile,
        practice: wanted.practice,
        department: wanted.department,
        interests: wanted.interests,
        sector: wanted.sector,
        visible_signature: None,
        payment_account_id: None,
        defaults: crate::admin::settings(tx)?.defaults(),
        am_number: None,
    };
    tx.insert(&account)?;
    tx.insert(&professional)?;
    tx.audit(&Event::new(now, Audited::AccountRegistered).on(&account.id))?;
    post_confirmation(clinic, tx, &account)
}

fn post_confirmation(clinic: &Clinic, tx: &mut Tx<'_>, account: &Account) -> Result<(), StoreError> {
    let secret = secrets::make(clinic, tx, MailedPurpose::ConfirmAddress, &account.id)?;
    // In the fragment: browsers send that part to no server, so it reaches no log.
    let link = format!("{}/inscription/confirmer#{}", clinic.config().public_url, secret.expose());
    messages::post(clinic, tx, &Letter::for_account(account, Kind::RegistrationConfirm { link })).map(|_| ())
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailedToken {
    /// From the fragment of the mailed link. In the body and not in the path, so that it stands in no log.
    token: String,
}

/// How far a registration has come.
#[derive(Debug, Serialize, ToSchema)]
pub struct Confirmed {
    pub(super) status: AccountStatus,
}

/// Confirms the address, by the secret of the mail. Once.
#[utoipa::path(post, path = "/api/v1/registrations/confirm", tag = "registration", request_body = MailedToken, responses(
    (status = 200, description = "Confirmed", body = Confirmed),
    (status = 404, description = "Used, expired or never made", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn confirm(
    State(clinic): State<Clinic>,
    peer: Peer,
    Json(MailedToken { token }): Json<MailedToken>,
) -> Result<axum::Json<Confirmed>, Problem> {
    let now = clinic.clock().now();
    clinic.traffic().take(now, "mailed-secret", &peer.subject(), Rate::per_minute(20))?;
    let status = clinic
        .store()
        .write(|tx| {
            let id = secrets::redeem(&clinic, tx, MailedPurpose::ConfirmAddress, &token)?;
            let id = id.ok_or(Problem::new(Code::LinkUnknown))?;
            let mut account = tx.get::<Account>(&id)?.ok_or(Problem::new(Code::LinkUnknown))?;
            if account.status != AccountStatus::Registered {
                return Ok(account.status);
            }
            account.status = AccountStatus::EmailVerified;
            account.email_verified_at = Some(now);
            tx.audit(&Event::new(now, Audited::AccountEmailVerified).on(&id))?;
            let key = email_key(&account.email);
            let is_admin = clinic.config().administrators.iter().any(|admin| email_key(admin) == key);
            if is_admin {
                account.roles.push(Role::OrgAdmin);
            }
            let proven = super::identity::bind_confirmed(&clinic, tx, &id)?;
            let by_itself = match clinic.config().approval {
                Approval::Auto => true,
                Approval::Psc => proven,
                Approval::Manual => false,
            };
            if is_admin || by_itself {
                activate(&clinic, tx, &mut account, ActorKind::System, None)?;
            } else {
                account.status = AccountStatus::PendingApproval;
                tx.update(&mut account)?;
                if clinic.config().approval == Approval::Manual {
                    tell_administrators(&clinic, tx)?;
                }
            }
            Ok::<_, Problem>(account.status)
        })
        .await?;
    clinic.outbox().wake();
    Ok(axum::Json(Confirmed { status }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    pub(super) email: String,
}

/// Sends the confirmation mail again, if there is something to confirm. At most three an hour to one address.
#[utoipa::path(post, path = "/api/v1/registrations/resend", tag = "registration", request_body = Address, responses(
    (status = 202, description = "Sent, if the address waits for it", body = Registered),
    (status = 422, description = "No address", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn resend(
    State(clinic): State<Clinic>,
    peer: Peer,
    Json(Address { email: typed }): Json<Address>,
) -> Result<(StatusCode, axum::Json<Registered>), Problem> {
    let now = clinic.clock().now();
    clinic.traffic().take(now, "registration", &peer.subject(), REGISTRATIONS)?;
    let address = email(&typed).ok_or_else(|| Problem::field("/email", "invalid-email"))?;
    let hash = clinic.lookup().hash(Purpose::Email, &email_key(&address));
    clinic
        .store()
        .write(|tx| {
            if limits::take(tx, now, "mail", &hash, MAILS)?.is_err() {
                return Ok(());
            }
            match find(tx, &hash)?.filter(|account| account.status == AccountStatus::Registered) {
                Some(account) => post_confirmation(&clinic, tx, &account),
                None => Ok::<_, StoreError>(()),
            }
        })
        .await?;
    clinic.outbox().wake();
    Ok((StatusCode::ACCEPTED, axum::Json(CHECK_MAIL)))
}

/// Erases registrations whose address was not confirmed in time. For a timer.
pub fn sweep_unverified(tx: &mut Tx<'_>, now: Timestamp, life: SignedDuration) -> Result<usize, StoreError> {
    let oldest = now.saturating_sub(life).unwrap_or(Timestamp::MIN);
    let query = Query::new("status", IndexKey::new().text("registered"));
    let old = tx.list::<Account>(&query.until(IndexKey::new().time(oldest)).limit(500))?.items;
    for account in &old {
        secrets::revoke(tx, &account.value.id)?;
        tx.delete::<Professional>(&account.id)?;
        tx.delete::<Account>(&account.id)?;
    }
    Ok(old.len())
}

/// A profession that can register.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfessionBody {
    /// TRE_G15.
    code: &'static str,
    fr: &'static str,
    en: &'static str,
    /// May send prescriptions.
    prescriber: bool,
}

/// The professions that can register.
#[utoipa::path(get, path = "/api/v1/professions", tag = "registration", responses(
    (status = 200, description = "All of them", body = Vec<ProfessionBody>),
))]
pub(super) async fn professions() -> axum::Json<Vec<ProfessionBody>> {
    let body = PROFESSIONS.iter().map(|profession| ProfessionBody {
        code: profession.code,
        fr: profession.fr,
        en: profession.en,
        prescriber: profession.prescriber,
    });
    axum::Json(body.collect())
}
