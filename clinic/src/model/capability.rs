//! What a consultation can do: derived in one function from its kind, its state and a few facts. The pages show it, the API
//! enforces it.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::machine::{Kind, Status, UPGRADE_AFTER_END};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    Call,
    InviteMore,
    Extend,
    End,
    SendDocument,
    SendPrescription,
    PlaceSignature,
    RequestPayment,
    Form,
    Report,
    Export,
    BillingSheet,
    ReceiveDocumentFromPatient,
    UpgradeToDossier,
}

impl Capability {
    pub const ALL: [Capability; 14] = [
        Capability::Call,
        Capability::InviteMore,
        Capability::Extend,
        Capability::End,
        Capability::SendDocument,
        Capability::SendPrescription,
        Capability::PlaceSignature,
        Capability::RequestPayment,
        Capability::Form,
        Capability::Report,
        Capability::Export,
        Capability::BillingSheet,
        Capability::ReceiveDocumentFromPatient,
        Capability::UpgradeToDossier,
    ];
}

/// Why something cannot be done: the `reason` of `capability-not-available`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    ImmediateConsultation,
    PaymentNotEnabled,
    Profession,
    /// No visible signature is stored.
    SignatureNotSet,
    State,
}

/// How long after the end the patient may still read and send documents.
pub const POST_ACCESS_DEFAULT: SignedDuration = SignedDuration::from_hours(24);
/// How long after the end a payment may be asked for.
pub const PAYMENT_AFTER_END: SignedDuration = SignedDuration::from_hours(24);

/// What decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub kind: Kind,
    pub status: Status,
    pub now: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub post_access: SignedDuration,
    /// The owner's profession prescribes.
    pub prescriber: bool,
    /// The owner has a visible signature.
    pub signature_set: bool,
    pub payment_enabled: bool,
    /// Administrators let support lengthen appointments.
    pub support_may_extend: bool,
}

/// A set of capabilities, in the order of [`Capability::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapabilitySet(u32);

impl CapabilitySet {
    pub fn contains(self, capability: Capability) -> bool {
        self.0 & bit(capability) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| self.contains(*capability))
    }
}

fn bit(capability: Capability) -> u32 {
    1 << (capability as u32)
}

impl FromIterator<Capability> for CapabilitySet {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> CapabilitySet {
        CapabilitySet(capabilities.into_iter().fold(0, |set, capability| set | bit(capability)))
    }
}

impl Serialize for CapabilitySet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Everything the consultation can do now.
pub fn capabilities(facts: &Facts) -> CapabilitySet {
    Capability::ALL.into_iter().filter(|capability| check(facts, *capability).is_ok()).collect()
}

/// One capability, with why it is missing.
pub fn check(facts: &Facts, capability: Capability) -> Result<(), Missing> {
    use Capability as C;
    let since_end = facts.ended_at.map(|ended| facts.now.duration_since(ended));
    let within = |limit| since_end.is_some_and(|since| since <= limit);
    let state = |holds: bool| if holds { Ok(()) } else { Err(Missing::State) };
    let status = facts.status;
    let dossier = || match facts.kind {
        Kind::Dossier => Ok(()),
        Kind::Immediate => Err(Missing::ImmediateConsultation),
    };
    let ended = matches!(status, Status::Ended | Status::Validated);
    // The owner may hand over documents while the file is open at all; the patient's side until the post-access is over.
    let documents = status.is_live() || (ended && within(facts.post_access));
    match capability {
        C::Call => state(status.is_live()),
        C::InviteMore => state(status == Status::Scheduled || status.is_live()),
        C::Extend => state(status.is_live()),
        C::End => state(matches!(status, Status::InProgress | Status::Interrupted)),
        C::SendDocument | C::ReceiveDocumentFromPatient => {
            dossier()?;
            state(documents)
        }
        C::SendPrescription => {
            dossier()?;
            if !facts.prescriber {
                return Err(Missing::Profession);
            }
            state(documents)
        }
        C::PlaceSignature => {
            dossier()?;
            if !facts.signature_set {
                return Err(Missing::SignatureNotSet);
            }
            state(status.is_live() || ended)
        }
        C::RequestPayment => {
            dossier()?;
            if !facts.payment_enabled {
                return Err(Missing::PaymentNotEnabled);
            }
            let running = matches!(status, Status::InProgress | Status::Interrupted);
            state(running || (ended && within(PAYMENT_AFTER_END)))
        }
        C::Form => {
            dossier()?;
            state(status.is_live() || ended)
        }
        C::Report | C::Export => {
            dossier()?;
            state(ended)
        }
        C::BillingSheet => {
            dossier()?;
            state(matches!(status, Status::InProgress | Status::Interrupted) || ended)
        }
        C::UpgradeToDossier => {
            if facts.kind == Kind::Dossier {
                return Err(Missing::State);
            }
            state(status.is_live() || (status == Status::Ended && within(UPGRADE_AFTER_END)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_764_000_000 + 60 * minute).unwrap()
    }

    fn facts(kind: Kind, status: Status) -> Facts {
        let ended = matches!(status, Status::Ended | Status::Validated);
        Facts {
            kind,
            status,
            now: at(30),
            ended_at: ended.then(|| at(0)),
            post_access: POST_ACCESS_DEFAULT,
            prescriber: true,
            signature_set: true,
            payment_enabled: true,
            support_may_extend: false,
        }
    }

    /// One letter for each state of `Status::ALL`: scheduled, open, in progress, interrupted, ended, validated, cancelled,
    /// no-show, expired, purged. `x` where it can be done, by a professional who has everything.
    const MATRIX: [(Capability, &str, &str); 14] = [
        //                                      immediate     dossier
        (Capability::Call, ".xxx......", ".xxx......"),
        (Capability::InviteMore, "xxxx......", "xxxx......"),
        (Capability::Extend, ".xxx......", ".xxx......"),
        (Capability::End, "..xx......", "..xx......"),
        (Capability::SendDocument, "..........", ".xxxxx...."),
        (Capability::SendPrescription, "..........", ".xxxxx...."),
        (Capability::PlaceSignature, "..........", ".xxxxx...."),
        (Capability::RequestPayment, "..........", "..xxxx...."),
        (Capability::Form, "..........", ".xxxxx...."),
        (Capability::Report, "..........", "....xx...."),
        (Capability::Export, "..........", "....xx...."),
        (Capability::BillingSheet, "..........", "..xxxx...."),
        (Capability::ReceiveDocumentFromPatient, "..........", ".xxxxx...."),
        (Capability::UpgradeToDossier, ".xxxx.....", ".........."),
    ];

    #[test]
    fn the_whole_matrix_of_kinds_states_and_capabilities_is_as_drawn() {
        for (capability, immediate, dossier) in MATRIX {
            for (kind, row) in [(Kind::Immediate, immediate), (Kind::Dossier, dossier)] {
                for (status, cell) in Status::ALL.into_iter().zip(row.chars()) {
                    let set = capabilities(&facts(kind, status));
                    assert_eq!(set.contains(capability), cell == 'x', "{capability:?} {kind:?} {status:?}");
                }
            }
        }
        assert_eq!(MATRIX.map(|row| row.0), Capability::ALL);
    }

    #[test]
    fn an_immediate_call_says_for_each_verb_that_it_has_no_file() {
        for (capability, immediate, dossier) in MATRIX {
            if immediate == ".........." && dossier != ".........." {
                let refused = check(&facts(Kind::Immediate, Status::InProgress), capability);
                assert_eq!(refused, Err(Missing::ImmediateConsultation), "{capability:?}");
            }
        }
    }

    #[test]
    fn what_a_professional_lacks_is_named() {
        let full = facts(Kind::Dossier, Status::InProgress);
        let nurse = Facts { prescriber: false, ..full.clone() };
        assert_eq!(check(&nurse, Capability::SendPrescription), Err(Missing::Profession));
        let unsigned = Facts { signature_set: false, ..full.clone() };
        assert_eq!(check(&unsigned, Capability::PlaceSignature), Err(Missing::SignatureNotSet));
        let unpaid = Facts { payment_enabled: false, ..full };
        assert_eq!(check(&unpaid, Capability::RequestPayment), Err(Missing::PaymentNotEnabled));
    }

    #[test]
    fn documents_and_payment_end_a_day_after_the_call_and_the_upgrade_an_hour_after() {
        for (kind, capability, last) in [
            (Kind::Dossier, Capability::SendDocument, 24 * 60),
            (Kind::Dossier, Capability::RequestPayment, 24 * 60),
            (Kind::Immediate, Capability::UpgradeToDossier, 60),
        ] {
            let after = |minute| check(&Facts { now: at(minute), ..facts(kind, Status::Ended) }, capability);
            assert_eq!((after(last), after(last + 1)), (Ok(()), Err(Missing::State)), "{capability:?}");
        }
    }
}
