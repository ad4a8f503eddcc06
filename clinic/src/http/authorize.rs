//! Who may do what: one function, [`authorize`], for every actor, action and state. Whoever has no part in a consultation
//! does not even learn that it exists.

use crate::ids::{AccountId, ApiClientId, ConsultationId, ParticipantId};
use crate::model::capability::{self, Facts, Missing};
use crate::model::{Capability, Kind, ParticipantRole, Role, Scope, Status};

use super::problem::{Code, Problem};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    Anonymous,
    /// Timers and provider callbacks.
    System,
    Account {
        id: AccountId,
        roles: Vec<Role>,
        works_for: Vec<AccountId>,
        /// Proved to be there within the last minutes.
        reauthenticated: bool,
    },
    Guest {
        participant: ParticipantId,
        consultation: ConsultationId,
    },
    Client {
        id: ApiClientId,
        scopes: Vec<Scope>,
        /// Empty: all.
        accounts: Vec<AccountId>,
    },
}

/// What it is about: a consultation, or what an account owns besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    pub owner: AccountId,
    pub consultation: Option<ConsultationId>,
    pub seats: Vec<Seat>,
    /// With a document: who sent it.
    pub author: Option<ParticipantId>,
    /// With a document: its visibility names the asker (by role or id).
    pub visible: bool,
}

impl Resource {
    /// What an account owns besides consultations, and what belongs to the installation.
    pub fn of_account(owner: &AccountId) -> Resource {
        Resource { owner: owner.clone(), consultation: None, seats: Vec::new(), author: None, visible: false }
    }
}

/// A participant, as far as rights go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    pub participant: ParticipantId,
    pub account: Option<AccountId>,
    pub role: ParticipantRole,
    /// Let in, and not removed since.
    pub admitted: bool,
    pub may_admit: bool,
}

/// How the consultation stands. `None` where there is none yet (creating, administration).
pub type State = Option<Facts>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Create,
    /// Times, state, who is there.
    SeeConsultation,
    SeeIdentity,
    /// Only the name.
    SeeName,
    EditPatient,
    EnterNir,
    SeeNir,
    /// Move the slot, cancel, change contacts.
    Reschedule,
    ResendInvitation,
    /// The link itself, to copy or to show.
    RevealLink,
    InviteMore,
    Extend,
    End,
    Upgrade,
    /// Let in, refuse, remove, lock.
    Admit,
    PublishMedia,
    SendDocument,
    SendPrescription,
    ReadDocument,
    PlaceSignature,
    RequestPayment,
    /// What was asked for and what came of it.
    SeePayments,
    /// Take back, let try again, ask the provider.
    FollowPayment,
    RefundPayment,
    Pay,
    /// Draft of the form.
    FillForm,
    /// Validate, addendum.
    Validate,
    /// Report, FHIR, CDA, ZIP.
    Export,
    ExportBillingSheet,
    /// Activate payment, approve people, settings.
    Administer,
    ReadAudit,
    /// Without consultations: logins, settings.
    ReadAuditMetadata,
    PurgeNow,
    /// What somebody sent to support about their device.
    ReadBundle,
}

impl Action {
    pub const ALL: [Action; 34] = [
        Action::Create,
        Action::SeeConsultation,
        Action::SeeIdentity,
        Action::SeeName,
        Action::EditPatient,
        Action::EnterNir,
        Action::SeeNir,
        Action::Reschedule,
        Action::ResendInvitation,
        Action::RevealLink,
        Action::InviteMore,
        Action::Extend,
        Action::End,
        Action::Upgrade,
        Action::Admit,
        Action::PublishMedia,
        Action::SendDocument,
        Action::SendPrescription,
        Action::ReadDocument,
        Action::PlaceSignature,
        Action::RequestPayment,
        Action::SeePayments,
        Action::FollowPayment,
        Action::RefundPayment,
        Action::Pay,
        Action::FillForm,
        Action::Validate,
        Action::Export,
        Action::ExportBillingSheet,
        Action::Administer,
        Action::ReadAudit,
        Action::ReadAuditMetadata,
        Action::PurgeNow,
        Action::ReadBundle,
    ];

    /// What the consultation itself must be able to do.
    fn capability(self) -> Option<Capability> {
        Some(match self {
            Action::InviteMore => Capability::InviteMore,
            Action::Extend => Capability::Extend,
            Action::End => Capability::End,
            Action::Upgrade => Capability::UpgradeToDossier,
            Action::Admit | Action::PublishMedia => Capability::Call,
            Action::SendDocument => Capability::SendDocument,
            Action::SendPrescription => Capability::SendPrescription,
            Action::PlaceSignature => Capability::PlaceSignature,
            Action::RequestPayment => Capability::RequestPayment,
            Action::FillForm => Capability::Form,
            Action::Validate => Capability::Report,
            Action::Export => Capability::Export,
            Action::ExportBillingSheet => Capability::BillingSheet,
            _ => return None,
        })
    }
}

/// What somebody is with respect to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    Owner,
    CoProfessional,
    Bedside,
    Secretary,
    Patient,
    /// Carer, interpreter, staff of the facility.
    Companion,
    OrgAdmin,
    Support,
    Portal,
}

/// A refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    Unauthenticated,
    /// No part in it: 404.
    Hidden,
    Forbidden,
    Reauthenticate,
    Scope(Scope),
    Capability(Missing),
    Purged,
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Problem {
        match denied {
            Denied::Unauthenticated => Problem::new(Code::Unauthenticated),
            Denied::Hidden => Problem::new(Code::NotFound),
            Denied::Forbidden => Problem::new(Code::Forbidden),
            Denied::Reauthenticate => Problem::new(Code::ReauthenticationRequired),
            Denied::Scope(scope) => Problem::new(Code::ScopeMissing).with_detail(scope.as_str()),
            Denied::Capability(missing) => Problem::missing(missing),
            Denied::Purged => Problem::new(Code::Purged),
        }
    }
}

/// A cell of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Yes,
    No,
    /// Admitted and the call is on.
    InCall,
    /// As `InCall`, if the owner gave the right.
    Delegated,
    /// Admitted in the call, or of the patient's side until the access after it ends.
    AdmittedOrAfter,
    /// As `AdmittedOrAfter`, and the document shows itself to the asker.
    Visible,
    /// What the asker sent; with a proof of presence.
    OwnDocument,
    /// With a proof of presence.
    Reauth,
    /// Once it has ended.
    AfterEnd,
    /// If the administrators let support do it.
    BySetting,
    Scoped(Scope),
}

/// The matrix: a row for each action, a column for each [`Standing`] in order.
fn rule(action: Action, standing: Standing) -> Rule {
    use Rule::{
        AdmittedOrAfter as After, AfterEnd, BySetting, Delegated, InCall, No, OwnDocument as Own, Reauth,
        Scoped, Visible, Yes,
    };
    use Scope as S;
    let row: [Rule; 9] = match action {
        // owner, co-professional, bedside, secretary, patient, companion, admin, support, portal
        Action::Create => [Yes, No, No, Yes, No, No, No, No, Scoped(S::ConsultationsWrite)],
        Action::SeeConsultation => [Yes, Yes, Yes, Yes, Yes, Yes, No, Yes, Scoped(S::ConsultationsRead)],
        Action::SeeIdentity => [Yes, InCall, InCall, Yes, Yes, No, No, No, Scoped(S::PatientsRead)],
        Action::SeeName => [Yes, InCall, InCall, Yes, Yes, InCall, No, No, Scoped(S::PatientsRead)],
        Action::EditPatient => [Yes, No, No, Yes, No, No, No, No, Scoped(S::PatientsWrite)],
        Action::EnterNir => [Yes, No, No, Yes, No, No, No, No, Scoped(S::PatientsWrite)],
        Action::SeeNir => [Yes, No, No, No, No, No, No, No, No],
        Action::Reschedule => [Yes, No, No, Yes, No, No, No, No, Scoped(S::ConsultationsWrite)],
        Action::ResendInvitation => [Yes, No, No, Yes, No, No, No, Yes, Scoped(S::ConsultationsWrite)],
        Action::RevealLink => [Yes, No, No, Yes, No, No, No, No, Scoped(S::LinksRead)],
        Action::InviteMore => [Yes, No, No, Yes, No, No, No, No, Scoped(S::ConsultationsWrite)],
        Action::Extend => [Yes, No, No, No, No, No, No, BySetting, No],
        Action::End => [Yes, No, No, No, No, No, No, No, No],
        Action::Upgrade => [Yes, No, No, No, No, No, No, No, No],
        Action::Admit => [Yes, Delegated, No, No, No, No, No, No, No],
        Action::PublishMedia => [Yes, InCall, InCall, No, InCall, InCall, No, No, No],
        Action::SendDocument => [Yes, InCall, InCall, No, After, No, No, No, Scoped(S::DocumentsWrite)],
        Action::SendPrescription => [Yes, InCall, No, No, No, No, No, No, Scoped(S::DocumentsWrite)],
        Action::ReadDocument => {
            [Yes, Visible, Visible, No, Visible, Visible, No, No, Scoped(S::DocumentsRead)]
        }
        Action::PlaceSignature => [Reauth, Own, No, No, No, No, No, No, No],
        Action::RequestPayment => [Yes, No, No, AfterEnd, No, No, No, No, Scoped(S::PaymentsWrite)],
        Action::SeePayments => [Yes, No, No, Yes, No, No, No, No, Scoped(S::PaymentsWrite)],
        Action::FollowPayment => [Yes, No, No, AfterEnd, No, No, No, No, Scoped(S::PaymentsWrite)],
        Action::RefundPayment => [Yes, No, No, No, No, No, No, No, Scoped(S::PaymentsWrite)],
        Action::Pay => [No, No, No, No, Yes, Yes, No, No, No],
        Action::FillForm => [Yes, No, No, No, No, No, No, No, No],
        Action::Validate => [Reauth, No, No, No, No, No, No, No, No],
        Action::Export => [Yes, No, No, No, No, No, No, No, Scoped(S::ExportRead)],
        Action::ExportBillingSheet => [Yes, No, No, Yes, No, No, No, No, Scoped(S::ExportRead)],
        Action::Administer => [No, No, No, No, No, No, Yes, No, No],
        Action::ReadAudit => [Yes, No, No, No, No, No, No, No, Scoped(S::AuditRead)],
        Action::ReadAuditMetadata => [No, No, No, No, No, No, Yes, No, No],
        Action::PurgeNow => [Yes, No, No, No, No, No, No, No, No],
        Action::ReadBundle => [No, No, No, No, No, No, No, Yes, No],
    };
    let column = match standing {
        Standing::Owner => 0,
        Standing::CoProfessional => 1,
        Standing::Bedside => 2,
        Standing::Secretary => 3,
        Standing::Patient => 4,
        Standing::Companion => 5,
        Standing::OrgAdmin => 6,
        Standing::Support => 7,
        Standing::Portal => 8,
    };
    row.get(column).copied().unwrap_or(No)
}

/// All that an actor is with respect to a resource: a professional may be admin too.
pub fn standings(actor: &Actor, resource: &Resource) -> Vec<(Standing, Option<Seat>)> {
    let seat_of = |found: &dyn Fn(&&Seat) -> bool| resource.seats.iter().find(|seat| found(seat)).cloned();
    let by_role = |seat: Seat| {
        let standing = match seat.role {
            ParticipantRole::Owner => Standing::Owner,
            ParticipantRole::CoProfessional => Standing::CoProfessional,
            ParticipantRole::BedsideProfessional => Standing::Bedside,
            ParticipantRole::Patient => Standing::Patient,
            ParticipantRole::Carer | ParticipantRole::Interpreter | ParticipantRole::FacilityStaff => {
                Standing::Companion
            }
        };
        (standing, Some(seat))
    };
    match actor {
        Actor::Anonymous | Actor::System => Vec::new(),
        Actor::Guest { participant, consultation } => {
            if resource.consultation.as_ref() != Some(consultation) {
                return Vec::new();
            }
            // A link never makes an owner, whatever its record says.
            seat_of(&|seat| seat.participant == *participant && seat.role != ParticipantRole::Owner)
                .map(by_role)
                .into_iter()
                .collect()
        }
        Actor::Account { id, roles, works_for, .. } => {
            let mut all = Vec::new();
            if *id == resource.owner {
                all.push((Standing::Owner, None));
            } else if let Some(seat) =
                seat_of(&|seat| seat.account.as_ref() == Some(id) && seat.role != ParticipantRole::Owner)
            {
                all.push(by_role(seat));
            }
            if roles.contains(&Role::Secretary) && works_for.contains(&resource.owner) {
                all.push((Standing::Secretary, None));
            }
            if roles.contains(&Role::OrgAdmin) {
                all.push((Standing::OrgAdmin, None));
            }
            if roles.contains(&Role::Support) {
                all.push((Standing::Support, None));
            }
            all
        }
        Actor::Client { accounts, .. } => {
            if accounts.is_empty() || accounts.contains(&resource.owner) {
                vec![(Standing::Portal, None)]
            } else {
                Vec::new()
            }
        }
    }
}

/// May `actor` do `action` to `resource` as things stand? The best of the actor's standings counts.
pub fn authorize(actor: &Actor, action: Action, resource: &Resource, state: &State) -> Result<(), Denied> {
    if *actor == Actor::System {
        return Ok(());
    }
    let mut worst = match actor {
        Actor::Anonymous => Denied::Unauthenticated,
        _ => Denied::Hidden,
    };
    for (standing, seat) in standings(actor, resource) {
        match judge(actor, action, standing, seat.as_ref(), resource, state) {
            Ok(()) => return Ok(()),
            // An administrator, and support in what it may not see, learn nothing of single consultations.
            Err(Denied::Forbidden) if standing == Standing::OrgAdmin && worst == Denied::Hidden => {}
            Err(denied) => worst = denied,
        }
    }
    Err(worst)
}

fn judge(
    actor: &Actor,
    action: Action,
    standing: Standing,
    seat: Option<&Seat>,
    resource: &Resource,
    state: &State,
) -> Result<(), Denied> {
    let admitted = seat.is_some_and(|seat| seat.admitted);
    let live = state.as_ref().is_none_or(|facts| facts.status.is_live());
    let ended = state.as_ref().is_some_and(|facts| matches!(facts.status, Status::Ended | Status::Validated));
    let present = matches!(actor, Actor::Account { reauthenticated: true, .. });
    let after = ended && within_post_access(state);
    let allow = |holds: bool| if holds { Ok(()) } else { Err(Denied::Forbidden) };
    let rule = rule(action, standing);
    // Without the right at all, the state of things is not told.
    match rule {
        Rule::No => return Err(Denied::Forbidden),
        Rule::BySetting if !state.as_ref().is_some_and(|facts| facts.support_may_extend) => {
            return Err(Denied::Forbidden);
        }
        Rule::Scoped(scope) => match actor {
            Actor::Client { scopes, .. } if scopes.contains(&scope) => {}
            _ => return Err(Denied::Scope(scope)),
        },
        _ => {}
    }
    if let Some(facts) = state {
        possible(action, facts)?;
    }
    match rule {
        Rule::Yes | Rule::Scoped(_) | Rule::BySetting => Ok(()),
        Rule::No => Err(Denied::Forbidden),
        Rule::InCall => allow(admitted && live),
        Rule::Delegated => allow(admitted && live && seat.is_some_and(|seat| seat.may_admit)),
        Rule::AdmittedOrAfter => allow(admitted && (live || after)),
        Rule::Visible => {
            let own = seat.is_some_and(|seat| Some(&seat.participant) == resource.author.as_ref());
            allow(admitted && (resource.visible || own) && (live || after))
        }
        Rule::OwnDocument => {
            allow(admitted && seat.is_some_and(|seat| Some(&seat.participant) == resource.author.as_ref()))?;
            if present { Ok(()) } else { Err(Denied::Reauthenticate) }
        }
        Rule::Reauth => {
            if present {
                Ok(())
            } else {
                Err(Denied::Reauthenticate)
            }
        }
        Rule::AfterEnd => allow(ended),
    }
}

/// What the consultation itself can do, whoever asks.
fn possible(action: Action, facts: &Facts) -> Result<(), Denied> {
    if facts.status == Status::Purged && !matches!(action, Action::SeeConsultation | Action::ReadAudit) {
        return Err(Denied::Purged);
    }
    let needs_dossier = matches!(
        action,
        Action::ReadDocument
            | Action::Pay
            | Action::SeePayments
            | Action::FollowPayment
            | Action::RefundPayment
    );
    if needs_dossier && facts.kind == Kind::Immediate {
        return Err(Denied::Capability(Missing::ImmediateConsultation));
    }
    match action.capability() {
        Some(capability) => capability::check(facts, capability).map_err(Denied::Capability),
        None => Ok(()),
    }
}

fn within_post_access(state: &State) -> bool {
    state.as_ref().is_some_and(|facts| {
        facts.ended_at.is_some_and(|ended| facts.now.duration_since(ended) <= facts.post_access)
    })
}

#[cfg(test)]
mod tests;
