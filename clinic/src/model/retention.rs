//! How long things are kept: defaults with bounds, all of them settings, shown in the privacy notice.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What has a time of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Telephone number and delivery ids of an immediate consultation, after its end.
    ImmediatePhone,
    /// The keyed hash of that number, against abuse.
    PhoneHash,
    /// Patient, documents, form, report, after end or validation.
    Dossier,
    /// The patient's access to documents after the call.
    PostAccess,
    /// Files that were refused.
    RefusedFiles,
    DeviceChecks,
    Audit,
    /// The proof of a consent, as a hash in the tombstone.
    ConsentProof,
    /// References of payments, without card data.
    Payments,
    /// The empty shell of a closed account: id, times, status. Whatever names its owner goes when it is closed.
    ClosedAccount,
    /// A registration whose address was never confirmed.
    UnverifiedRegistration,
    SupportBundles,
    Backups,
}

/// Default and bounds, in hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rule {
    pub kept: Kept,
    pub default_h: u32,
    pub min_h: u32,
    pub max_h: u32,
}

const fn days(kept: Kept, default: u32, min: u32, max: u32) -> Rule {
    Rule { kept, default_h: default * 24, min_h: min * 24, max_h: max * 24 }
}

/// The table.
pub const RULES: [Rule; 13] = [
    days(Kept::ImmediatePhone, 1, 1, 7),
    days(Kept::PhoneHash, 30, 1, 90),
    days(Kept::Dossier, 30, 1, 365),
    days(Kept::PostAccess, 1, 0, 7),
    days(Kept::RefusedFiles, 1, 0, 7),
    days(Kept::DeviceChecks, 30, 1, 90),
    days(Kept::Audit, 365, 182, 1095),
    days(Kept::ConsentProof, 5 * 365, 365, 10 * 365),
    days(Kept::Payments, 10 * 365, 365, 10 * 365),
    days(Kept::ClosedAccount, 30, 1, 365),
    days(Kept::UnverifiedRegistration, 7, 1, 30),
    days(Kept::SupportBundles, 30, 1, 90),
    days(Kept::Backups, 35, 1, 35),
];

/// The row of one kind.
pub fn rule(kept: Kept) -> Rule {
    let fallback = Rule { kept, default_h: 0, min_h: 0, max_h: 0 };
    RULES.into_iter().find(|rule| rule.kept == kept).unwrap_or(fallback)
}

impl Kept {
    /// Has a time of its own that can be set. The others go with something else: a number's hash with the day's quota,
    /// device checks with their consultation; payments stay for the accounts.
    pub fn is_settable(self) -> bool {
        !matches!(self, Kept::PhoneHash | Kept::DeviceChecks | Kept::Payments)
    }
}

/// The owner is warned this long before a file is purged that was never exported.
pub const WARNINGS: [SignedDuration; 2] =
    [SignedDuration::from_hours(7 * 24), SignedDuration::from_hours(24)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_lies_within_its_bounds() {
        for rule in RULES {
            assert!(rule.min_h <= rule.default_h && rule.default_h <= rule.max_h, "{rule:?}");
        }
        assert_eq!(rule(Kept::Dossier).default_h, 30 * 24);
        assert_eq!(rule(Kept::ImmediatePhone).default_h, 24);
    }

    #[test]
    fn a_purge_is_real_everywhere_within_65_days() {
        assert_eq!(rule(Kept::Dossier).default_h + rule(Kept::Backups).default_h, 65 * 24);
    }
}
