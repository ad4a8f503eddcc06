//! What administrators set while the server runs; the file of the server holds the rest.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{Defaults, IdentityCheck};
use crate::model::retention::{Kept, rule};
use crate::store::{Record, Sealing};

/// Window of a call without file, in minutes: default and bounds.
pub const IMMEDIATE_MINUTES: (u32, u32, u32) = (60, 15, 240);

/// The one record of its kind. What is absent has its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Hours, where they are not the default.
    pub retention: BTreeMap<Kept, u32>,
    pub contact: ContactLine,
    /// What a new professional's own defaults start with.
    pub slot_minutes: u32,
    pub early_minutes: u32,
    pub late_minutes: u32,
    pub identity_check: IdentityCheck,
    pub immediate_minutes: u32,
    /// Support may lengthen an appointment.
    pub support_may_extend: bool,
    pub legal: Legal,
}

/// Who answers for this installation, as its public pages name them (LCEN, article 1-1; GDPR, articles 13 and 37), and
/// what the administrators add to these pages: plain text, never markup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Legal {
    pub publisher: Publisher,
    pub host: Host,
    /// Address of the data protection contact, in normal form (`people::email`).
    pub dpo_email: Option<String>,
    /// Added to the privacy page.
    pub privacy: TwoTongues,
    /// The terms of use.
    pub terms: TwoTongues,
}

/// Éditeur.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Publisher {
    pub name: Option<String>,
    /// Postal address, on several lines.
    pub address: Option<String>,
    /// As typed: RCS, SIRET, FINESS.
    pub registration: Option<String>,
}

/// Hébergeur.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Host {
    pub name: Option<String>,
    /// Postal address and telephone, on several lines.
    pub address: Option<String>,
}

/// A text in French and in English.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TwoTongues {
    pub fr: Option<String>,
    pub en: Option<String>,
}

/// How people reach whoever runs this server: for help and for the end of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContactLine {
    /// As typed: a landline, a short number.
    pub phone: Option<String>,
    pub email: Option<String>,
    /// Hours, as people read them.
    pub hours: Option<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        let defaults = Defaults::default();
        Settings {
            retention: BTreeMap::new(),
            contact: ContactLine::default(),
            slot_minutes: defaults.slot_minutes,
            early_minutes: defaults.early_minutes,
            late_minutes: defaults.late_minutes,
            identity_check: defaults.identity_check,
            immediate_minutes: IMMEDIATE_MINUTES.0,
            support_may_extend: false,
            legal: Legal::default(),
        }
    }
}

impl Settings {
    pub const ID: &'static str = "settings";

    /// How long something is kept, in hours.
    pub fn hours(&self, kept: Kept) -> u32 {
        let rule = rule(kept);
        // A bound may have moved since: what the law allows counts, not what was once typed.
        self.retention.get(&kept).map_or(rule.default_h, |hours| (*hours).clamp(rule.min_h, rule.max_h))
    }

    pub fn keeps(&self, kept: Kept) -> SignedDuration {
        SignedDuration::from_hours(self.hours(kept).into())
    }

    /// What a professional who registers now starts with.
    pub fn defaults(&self) -> Defaults {
        Defaults {
            slot_minutes: self.slot_minutes,
            early_minutes: self.early_minutes,
            late_minutes: self.late_minutes,
            identity_check: self.identity_check,
            display_name: String::new(),
        }
    }
}

impl Record for Settings {
    const COLLECTION: &'static str = "settings";

    fn id(&self) -> String {
        Settings::ID.to_owned()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_set_has_the_default_of_the_table() {
        let settings = Settings::default();
        assert_eq!(settings.hours(Kept::Dossier), 720);
        assert_eq!(settings.defaults(), Defaults::default());
        assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), settings);
    }

    #[test]
    fn hours_beyond_the_bounds_count_as_the_bound() {
        let mut settings = Settings::default();
        settings.retention.insert(Kept::Dossier, 1_000_000);
        assert_eq!(settings.hours(Kept::Dossier), 8760);
        settings.retention.insert(Kept::Dossier, 0);
        assert_eq!(settings.keeps(Kept::Dossier), SignedDuration::from_hours(24));
    }
}
