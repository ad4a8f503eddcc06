//! What is typed into a consultation, checked.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::{Code, Problem};
use crate::model::people::{self, BirthDate};
use crate::model::phone::{self, NEIGHBOURS, PhoneError};
use crate::model::slot::{self, Fold, SlotError};
use crate::model::{InvitationChannel, Needs, ParticipantRole, Patient, RecipientKind, Sex, nir};
use crate::store::Versioned;

/// Longest text of a field that is no name, in characters.
pub const TEXT_CHARS_MAX: usize = 300;

/// The day in France.
pub fn today(now: Timestamp) -> Date {
    TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC).to_datetime(now).date()
}

/// Collects refused fields, so that all are told at once.
#[derive(Debug)]
pub struct Fields {
    prefix: String,
    problem: Problem,
}

impl Fields {
    pub fn new(prefix: &str) -> Fields {
        Fields { prefix: prefix.to_owned(), problem: Problem::new(Code::ValidationFailed) }
    }

    pub fn refuse(&mut self, field: &str, code: &str) {
        self.problem.push_field(&format!("{}/{field}", self.prefix), code);
    }

    pub fn check<T>(&mut self, field: &str, code: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.refuse(field, code);
        }
        value
    }

    /// A text of up to [`TEXT_CHARS_MAX`] characters without control characters.
    pub fn text(&mut self, field: &str, text: Option<&String>) -> Option<String> {
        let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())?;
        let good = text.chars().count() <= TEXT_CHARS_MAX && !text.chars().any(char::is_control);
        self.check(field, "invalid", good.then_some(text))
    }

    pub fn done<T>(self, value: Option<T>) -> Result<T, Problem> {
        match value {
            Some(value) if self.problem.fields().is_empty() => Ok(value),
            _ => Err(self.problem),
        }
    }
}

/// A patient's identity. With an existing file only what is given changes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatientInput {
    #[serde(default)]
    pub birth_name: Option<String>,
    #[serde(default)]
    pub used_name: Option<String>,
    #[serde(default)]
    pub first_names: Option<Vec<String>>,
    /// `1941-03-02`; unknown month and day as `00`.
    #[serde(default)]
    pub birth_date: Option<String>,
    #[serde(default)]
    pub sex: Option<Sex>,
    /// INSEE code.
    #[serde(default)]
    pub birth_place_cog: Option<String>,
    /// 13 characters or 15 with the key. A billing number; never read back here.
    #[serde(default)]
    pub nir: Option<String>,
    #[serde(default)]
    pub nir_rank: Option<u8>,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub mobile: Option<String>,
    #[serde(default)]
    pub address: Option<String>,
    #[serde(default)]
    pub attending_physician: Option<String>,
    /// Of a minor.
    #[serde(default)]
    pub representative: Option<String>,
    #[serde(default)]
    pub needs: Option<Needs>,
}

impl PatientInput {
    /// Writes what is given into `patient`. Names, first names, birth date and sex have to be there in the end.
    pub fn apply(&self, now: Timestamp, patient: &mut Patient, prefix: &str) -> Result<(), Problem> {
        let mut fields = Fields::new(prefix);
        if let Some(name) = &self.birth_name {
            patient.birth_name =
                fields.check("birth_name", "invalid", people::name(name)).unwrap_or_default();
        }
        if let Some(name) = &self.used_name {
            patient.used_name = match name.trim() {
                "" => None,
                name => fields.check("used_name", "invalid", people::name(name)),
            };
        }
        if let Some(names) = &self.first_names {
            let names: Option<Vec<String>> = names.iter().map(|name| people::name(name)).collect();
            let names = names.filter(|names| (1..=10).contains(&names.len()));
            patient.first_names = fields.check("first_names", "invalid", names).unwrap_or_default();
        }
        if let Some(date) = &self.birth_date {
            let today = today(now);
            let date = BirthDate::parse(date).ok().filter(|date| date.is_past(today));
            if let Some(date) = fields.check("birth_date", "invalid", date) {
                patient.birth_date = date;
            }
        }
        if let Some(sex) = self.sex {
            patient.sex = sex;
        }
        if let Some(code) = &self.birth_place_cog {
            let known = people::is_cog(code).then(|| code.clone());
            patient.birth_place_cog = fields.check("birth_place_cog", "invalid", known);
        }
        if let Some(number) = &self.nir {
            match nir::parse(number) {
                Ok((number, _)) => patient.nir = Some(number.full()),
                // The key that it would have is for professionals, and this is only reached by them.
                Err(nir::NirError::Key { expected }) => {
                    return Err(Problem::new(Code::NirKeyMismatch)
                        .with_detail(format!("97 − (n mod 97) = {expected}"))
                        .and_field(&format!("{prefix}/nir"), "key-mismatch"));
                }
                Err(_) => fields.refuse("nir", "invalid"),
            }
        }
        if let Some(rank) = self.nir_rank {
            patient.nir_rank = fields.check("nir_rank", "invalid", (1..=9).contains(&rank).then_some(rank));
        }
        if let Some(email) = &self.email {
            patient.email = fields.check("email", "invalid", people::email(email));
        }
        if let Some(mobile) = &self.mobile {
            patient.mobile = Some(number(mobile, &format!("{prefix}/mobile"))?);
        }
        for (field, given, kept) in [
            ("address", &self.address, &mut patient.address),
            ("attending_physician", &self.attending_physician, &mut patient.attending_physician),
            ("representative", &self.representative, &mut patient.representative),
        ] {
            if given.is_some() {
                *kept = fields.text(field, given.as_ref());
            }
        }
        if let Some(needs) = &self.needs {
            patient.needs = needs.clone();
        }
        if patient.birth_name.is_empty() && self.birth_name.is_none() {
            fields.refuse("birth_name", "required");
        }
        if patient.first_names.is_empty() && self.first_names.is_none() {
            fields.refuse("first_names", "required");
        }
        fields.done(Some(()))
    }

    /// What a new file cannot do without.
    pub fn has_identity(&self, prefix: &str) -> Result<(), Problem> {
        let mut fields = Fields::new(prefix);
        for (field, given) in [
            ("birth_name", self.birth_name.is_some()),
            ("first_names", self.first_names.is_some()),
            ("birth_date", self.birth_date.is_some()),
            ("sex", self.sex.is_some()),
        ] {
            if !given {
                fields.refuse(field, "required");
            }
        }
        fields.done(Some(()))
    }
}

/// A mobile number as E.164.
pub fn number(text: &str, pointer: &str) -> Result<String, Problem> {
    phone::mobile(text, NEIGHBOURS).map_err(|error| match error {
        PhoneError::Shape => Problem::field(pointer, "invalid"),
        PhoneError::NotMobile => Problem::new(Code::PhoneNotMobile).and_field(pointer, "not-mobile"),
        PhoneError::Country => {
            Problem::new(Code::PhoneCountryNotAllowed).and_field(pointer, "country-not-allowed")
        }
    })
}

/// A civil time in a zone.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SlotInput {
    /// Wall time: `2026-12-03T14:30`.
    pub start: String,
    /// 5 to 240.
    #[serde(default)]
    pub duration_minutes: Option<u32>,
    /// IANA name; `Europe/Paris` unless given.
    #[serde(default)]
    pub zone: Option<String>,
    /// For the hour that the autumn change repeats.
    #[serde(default)]
    pub fold: Option<FoldInput>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoldInput {
    SummerTime,
    WinterTime,
}

/// A slot as instants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub start: Timestamp,
    pub end: Timestamp,
    pub zone: String,
}

impl SlotInput {
    pub fn resolve(&self, now: Timestamp, minutes: u32) -> Result<Slot, Problem> {
        let zone = self.zone.clone().unwrap_or_else(|| "Europe/Paris".to_owned());
        let start: DateTime = self.start.parse().map_err(|_| Problem::field("/slot/start", "invalid"))?;
        let fold = self.fold.map(|fold| match fold {
            FoldInput::SummerTime => Fold::Earlier,
            FoldInput::WinterTime => Fold::Later,
        });
        let minutes = self.duration_minutes.unwrap_or(minutes);
        let (start, end) = slot::resolve(now, start, minutes, &zone, fold).map_err(|error| match error {
            SlotError::Zone => Problem::field("/slot/zone", "unknown"),
            SlotError::Past => Problem::new(Code::SlotInPast).and_field("/slot/start", "past"),
            SlotError::TooFar => Problem::field("/slot/start", "too-far"),
            SlotError::Duration => Problem::field("/slot/duration_minutes", "out-of-bounds"),
            SlotError::Nonexistent { next } => Problem::new(Code::SlotNonexistentLocalTime)
                .with_detail(next.to_string())
                .and_field("/slot/start", "nonexistent"),
            SlotError::Ambiguous => {
                Problem::new(Code::SlotAmbiguousLocalTime).and_field("/slot/fold", "required")
            }
        })?;
        Ok(Slot { start, end, zone })
    }
}

/// How a link reaches somebody.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactInput {
    /// `patient` unless given.
    #[serde(default)]
    pub recipient: Option<RecipientKind>,
    #[serde(default)]
    pub name: Option<String>,
    pub channel: InvitationChannel,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub phone: Option<String>,
    /// `fr` or `en`; French unless given.
    #[serde(default)]
    pub locale: Option<String>,
}

/// A third person.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GuestInput {
    /// `bedside_professional`, `co_professional`, `interpreter`, `carer` or `facility_staff`.
    pub role: ParticipantRole,
    pub name: String,
    #[serde(default)]
    pub profession_code: Option<String>,
    #[serde(default)]
    pub rpps: Option<String>,
    pub channel: InvitationChannel,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub phone: Option<String>,
    #[serde(default)]
    pub locale: Option<String>,
}

/// A link to be made, checked.
#[derive(Clone, Debug)]
pub struct Recipient {
    pub role: ParticipantRole,
    pub kind: RecipientKind,
    pub name: String,
    pub profession_code: Option<String>,
    pub rpps: Option<String>,
    pub channel: InvitationChannel,
    pub destination: String,
    pub locale: String,
}

/// Address or number by the channel.
pub fn destination(
    channel: InvitationChannel,
    email: Option<&str>,
    phone: Option<&str>,
    pointer: &str,
) -> Result<String, Problem> {
    match channel {
        InvitationChannel::Email => {
            let email = email.ok_or(Problem::field(&format!("{pointer}/email"), "required"))?;
            people::email(email).ok_or(Problem::field(&format!("{pointer}/email"), "invalid"))
        }
        InvitationChannel::Sms => {
            let phone = phone.ok_or(Problem::field(&format!("{pointer}/phone"), "required"))?;
            number(phone, &format!("{pointer}/phone"))
        }
        InvitationChannel::Copy | InvitationChannel::Qr => Ok(String::new()),
    }
}

fn locale(given: Option<&str>, pointer: &str) -> Result<String, Problem> {
    match given.unwrap_or("fr") {
        known @ ("fr" | "en") => Ok(known.to_owned()),
        _ => Err(Problem::field(&format!("{pointer}/locale"), "unknown")),
    }
}

impl ContactInput {
    pub fn check(&self, patient: Option<&Versioned<Patient>>, pointer: &str) -> Result<Recipient, Problem> {
        let kind = self.recipient.unwrap_or(RecipientKind::Patient);
        let role = match kind {
            RecipientKind::Patient => ParticipantRole::Patient,
            RecipientKind::Carer => ParticipantRole::Carer,
            RecipientKind::Facility => ParticipantRole::FacilityStaff,
            RecipientKind::Colleague | RecipientKind::Interpreter | RecipientKind::BedsideProfessional => {
                return Err(Problem::field(&format!("{pointer}/recipient"), "not-a-contact"));
            }
        };
        let name = match (&self.name, kind, patient) {
            (Some(name), _, _) => label(name, &format!("{pointer}/name"))?,
            (None, RecipientKind::Patient, Some(patient)) => full_name(patient),
            (None, _, _) => String::new(),
        };
        Ok(Recipient {
            role,
            kind,
            name,
            profession_code: None,
            rpps: None,
            channel: self.channel,
            destination: destination(self.channel, self.email.as_deref(), self.phone.as_deref(), pointer)?,
            locale: locale(self.locale.as_deref(), pointer)?,
        })
    }
}

impl GuestInput {
    pub fn check(&self, pointer: &str) -> Result<Recipient, Problem> {
        let kind = match self.role {
            ParticipantRole::CoProfessional => RecipientKind::Colleague,
            ParticipantRole::BedsideProfessional => RecipientKind::BedsideProfessional,
            ParticipantRole::Interpreter => RecipientKind::Interpreter,
            ParticipantRole::Carer => RecipientKind::Carer,
            ParticipantRole::FacilityStaff => RecipientKind::Facility,
            ParticipantRole::Owner | ParticipantRole::Patient => {
                return Err(Problem::field(&format!("{pointer}/role"), "not-a-third-person"));
            }
        };
        let code = self.profession_code.clone();
        let known =
            code.as_deref().is_none_or(|code| crate::model::identifier::profession_of(code).is_some());
        if !known {
            return Err(Problem::field(&format!("{pointer}/profession_code"), "unknown"));
        }
        if self.rpps.as_deref().is_some_and(|rpps| !crate::model::identifier::is_rpps(rpps, true)) {
            return Err(Problem::field(&format!("{pointer}/rpps"), "invalid"));
        }
        Ok(Recipient {
            role: self.role,
            kind,
            name: label(&self.name, &format!("{pointer}/name"))?,
            profession_code: code,
            rpps: self.rpps.clone(),
            channel: self.channel,
            destination: destination(self.channel, self.email.as_deref(), self.phone.as_deref(), pointer)?,
            locale: locale(self.locale.as_deref(), pointer)?,
        })
    }
}

/// A name as it is shown to the others; a facility's may hold digits.
pub fn label(text: &str, pointer: &str) -> Result<String, Problem> {
    let mut fields = Fields::new("");
    let text = fields.text("", Some(&text.to_owned())).filter(|text| {
        text.chars().count() <= people::NAME_CHARS_MAX && !text.chars().any(|c| "<>{}".contains(c))
    });
    text.ok_or(Problem::field(pointer, "invalid"))
}

/// `Jeanne MARTIN`.
pub fn full_name(patient: &Patient) -> String {
    let name = patient.used_name.as_ref().unwrap_or(&patient.birth_name);
    match patient.first_names.first() {
        Some(first) => format!("{first} {name}"),
        None => name.clone(),
    }
}
