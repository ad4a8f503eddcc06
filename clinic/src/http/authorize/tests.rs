use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::model::capability::POST_ACCESS_DEFAULT;

fn now() -> Timestamp {
    "2026-12-03T13:30:00Z".parse().unwrap()
}

/// The matrix as it was written down, in the order of [`Standing`]: `x` yes, `.` no, `c` admitted in the call, `d` the same
/// if delegated, `a` admitted or in the access after it, `v` the same if visible, `o` own document with a proof of presence,
/// `r` with a proof of presence, `e` after the end, `s` by scope, `t` if the setting says so.
const MATRIX: [(Action, &str); 34] = [
    (Action::Create, "x..x....s"),
    (Action::SeeConsultation, "xxxxxx.xs"),
    (Action::SeeIdentity, "xccxx...s"),
    (Action::SeeName, "xccxxc..s"),
    (Action::EditPatient, "x..x....s"),
    (Action::EnterNir, "x..x....s"),
    (Action::SeeNir, "x........"),
    (Action::Reschedule, "x..x....s"),
    (Action::ResendInvitation, "x..x...xs"),
    (Action::RevealLink, "x..x....s"),
    (Action::InviteMore, "x..x....s"),
    (Action::Extend, "x......t."),
    (Action::End, "x........"),
    (Action::Upgrade, "x........"),
    (Action::Admit, "xd......."),
    (Action::PublishMedia, "xcc.cc..."),
    (Action::SendDocument, "xcc.a...s"),
    (Action::SendPrescription, "xc......s"),
    (Action::ReadDocument, "xvv.vv..s"),
    (Action::PlaceSignature, "ro......."),
    (Action::RequestPayment, "x..e....s"),
    (Action::SeePayments, "x..x....s"),
    (Action::FollowPayment, "x..e....s"),
    (Action::RefundPayment, "x.......s"),
    (Action::Pay, "....xx..."),
    (Action::FillForm, "x........"),
    (Action::Validate, "r........"),
    (Action::Export, "x.......s"),
    (Action::ExportBillingSheet, "x..x....s"),
    (Action::Administer, "......x.."),
    (Action::ReadAudit, "x.......s"),
    (Action::ReadAuditMetadata, "......x.."),
    (Action::PurgeNow, "x........"),
    (Action::ReadBundle, ".......x."),
];

const STANDINGS: [Standing; 9] = [
    Standing::Owner,
    Standing::CoProfessional,
    Standing::Bedside,
    Standing::Secretary,
    Standing::Patient,
    Standing::Companion,
    Standing::OrgAdmin,
    Standing::Support,
    Standing::Portal,
];

const SCOPES: [Scope; 9] = [
    Scope::LinksRead,
    Scope::ConsultationsRead,
    Scope::ConsultationsWrite,
    Scope::PatientsRead,
    Scope::PatientsWrite,
    Scope::DocumentsRead,
    Scope::DocumentsWrite,
    Scope::PaymentsWrite,
    Scope::AuditRead,
];

/// Everything that a cell may depend on besides kind and status.
#[derive(Clone, Copy, Debug)]
struct Case {
    admitted: bool,
    may_admit: bool,
    visible: bool,
    own: bool,
    present: bool,
    scoped: bool,
    long_ended: bool,
    delegated: bool,
}

fn cases() -> impl Iterator<Item = Case> {
    (0..256_u32).map(|bits| {
        let on = |bit: u32| bits & (1 << bit) != 0;
        Case {
            admitted: on(0),
            may_admit: on(1),
            visible: on(2),
            own: on(3),
            present: on(4),
            scoped: on(5),
            long_ended: on(6),
            delegated: on(7),
        }
    })
}

struct World {
    owner: AccountId,
    other: AccountId,
    consultation: ConsultationId,
    participant: ParticipantId,
}

fn world() -> World {
    World {
        owner: AccountId::new(now()),
        other: AccountId::new(now()),
        consultation: ConsultationId::new(now()),
        participant: ParticipantId::new(now()),
    }
}

fn actor(world: &World, standing: Standing, case: Case) -> (Actor, Option<Seat>) {
    let account = |id: &AccountId, roles: &[Role], works_for: &[AccountId]| Actor::Account {
        id: id.clone(),
        roles: roles.to_vec(),
        works_for: works_for.to_vec(),
        reauthenticated: case.present,
    };
    let seat = |role, account: Option<AccountId>| {
        let participant = world.participant.clone();
        Some(Seat { participant, account, role, admitted: case.admitted, may_admit: case.may_admit })
    };
    let guest =
        Actor::Guest { participant: world.participant.clone(), consultation: world.consultation.clone() };
    let owners = std::slice::from_ref(&world.owner);
    match standing {
        Standing::Owner => (account(&world.owner, &[Role::Professional], &[]), None),
        Standing::CoProfessional => (
            account(&world.other, &[Role::Professional], &[]),
            seat(ParticipantRole::CoProfessional, Some(world.other.clone())),
        ),
        Standing::Bedside => (guest, seat(ParticipantRole::BedsideProfessional, None)),
        Standing::Secretary => (account(&world.other, &[Role::Secretary], owners), None),
        Standing::Patient => (guest, seat(ParticipantRole::Patient, None)),
        Standing::Companion => (guest, seat(ParticipantRole::Interpreter, None)),
        Standing::OrgAdmin => (account(&world.other, &[Role::OrgAdmin], &[]), None),
        Standing::Support => (account(&world.other, &[Role::Support], &[]), None),
        Standing::Portal => {
            let scopes = if case.scoped { [&SCOPES[..], &[Scope::ExportRead]].concat() } else { Vec::new() };
            (Actor::Client { id: ApiClientId::new(now()), scopes, accounts: owners.to_vec() }, None)
        }
    }
}

fn resource(world: &World, seat: Option<Seat>, case: Case) -> Resource {
    Resource {
        owner: world.owner.clone(),
        consultation: Some(world.consultation.clone()),
        seats: seat.into_iter().collect(),
        author: Some(if case.own { world.participant.clone() } else { ParticipantId::new(now()) }),
        visible: case.visible,
    }
}

fn facts(kind: Kind, status: Status, case: Case) -> Facts {
    let ended = matches!(status, Status::Ended | Status::Validated);
    let ago = SignedDuration::from_hours(if case.long_ended { 48 } else { 0 });
    Facts {
        kind,
        status,
        now: now(),
        ended_at: ended.then(|| now() - ago),
        post_access: POST_ACCESS_DEFAULT,
        prescriber: true,
        signature_set: true,
        payment_enabled: true,
        support_may_extend: case.delegated,
    }
}

fn cell_holds(cell: char, case: Case, status: Status) -> bool {
    let live = status.is_live();
    let ended = matches!(status, Status::Ended | Status::Validated);
    let after = ended && !case.long_ended;
    match cell {
        'x' => true,
        'c' => case.admitted && live,
        'd' => case.admitted && live && case.may_admit,
        'a' => case.admitted && (live || after),
        'v' => case.admitted && (case.visible || case.own) && (live || after),
        'o' => case.admitted && case.own && case.present,
        'r' => case.present,
        'e' => ended,
        's' => case.scoped,
        't' => case.delegated,
        _ => false,
    }
}

#[test]
fn the_whole_matrix_of_actors_actions_kinds_and_states_is_as_written_down() {
    assert_eq!(MATRIX.map(|row| row.0), Action::ALL);
    let world = world();
    let (mut allowed, mut denied) = (0, 0);
    for (action, row) in MATRIX {
        for (standing, cell) in STANDINGS.into_iter().zip(row.chars()) {
            for kind in [Kind::Immediate, Kind::Dossier] {
                for status in Status::ALL {
                    for case in cases() {
                        let (actor, seat) = actor(&world, standing, case);
                        let facts = facts(kind, status, case);
                        let possible = possible(action, &facts).is_ok();
                        let expected = cell_holds(cell, case, status) && possible;
                        let found = authorize(&actor, action, &resource(&world, seat, case), &Some(facts));
                        assert_eq!(
                            found.is_ok(),
                            expected,
                            "{action:?} by {standing:?}, {kind:?} {status:?} {case:?}: {found:?}"
                        );
                        if expected { allowed += 1 } else { denied += 1 }
                    }
                }
            }
        }
    }
    // The walk was no walk over one answer.
    assert!(allowed > 10_000 && denied > 100_000, "{allowed} {denied}");
}

#[test]
fn an_immediate_consultation_refuses_everything_that_needs_a_file_to_everybody() {
    let world = world();
    let case = Case {
        admitted: true,
        may_admit: true,
        visible: true,
        own: true,
        present: true,
        scoped: true,
        long_ended: false,
        delegated: true,
    };
    for action in [
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
    ] {
        for standing in STANDINGS {
            for status in Status::ALL {
                let (actor, seat) = actor(&world, standing, case);
                let state = Some(facts(Kind::Immediate, status, case));
                assert!(
                    authorize(&actor, action, &resource(&world, seat, case), &state).is_err(),
                    "{action:?} {standing:?}"
                );
            }
        }
        let (owner, _) = actor(&world, Standing::Owner, case);
        let state = Some(facts(Kind::Immediate, Status::InProgress, case));
        let refused = authorize(&owner, action, &resource(&world, None, case), &state);
        let expected = if action == Action::Pay {
            Denied::Forbidden
        } else {
            Denied::Capability(Missing::ImmediateConsultation)
        };
        assert_eq!(refused, Err(expected), "{action:?}");
    }
}

#[test]
fn somebody_without_a_part_in_it_cannot_tell_it_from_nothing() {
    let world = world();
    let case = Case {
        admitted: true,
        may_admit: true,
        visible: true,
        own: true,
        present: true,
        scoped: true,
        long_ended: false,
        delegated: true,
    };
    let strangers = [
        Actor::Account {
            id: world.other.clone(),
            roles: vec![Role::Professional],
            works_for: vec![],
            reauthenticated: true,
        },
        Actor::Account {
            id: world.other.clone(),
            roles: vec![Role::Secretary],
            works_for: vec![world.other.clone()],
            reauthenticated: true,
        },
        Actor::Account {
            id: world.other.clone(),
            roles: vec![Role::OrgAdmin],
            works_for: vec![],
            reauthenticated: true,
        },
        Actor::Guest { participant: world.participant.clone(), consultation: ConsultationId::new(now()) },
        Actor::Guest { participant: ParticipantId::new(now()), consultation: world.consultation.clone() },
        Actor::Client {
            id: ApiClientId::new(now()),
            scopes: SCOPES.to_vec(),
            accounts: vec![world.other.clone()],
        },
    ];
    let seat = Seat {
        participant: world.participant.clone(),
        account: None,
        role: ParticipantRole::Patient,
        admitted: true,
        may_admit: false,
    };
    let resource = resource(&world, Some(seat), case);
    for stranger in &strangers {
        for action in Action::ALL {
            if matches!(action, Action::Administer | Action::ReadAuditMetadata) {
                continue;
            }
            for status in Status::ALL {
                let state = Some(facts(Kind::Dossier, status, case));
                assert_eq!(
                    authorize(stranger, action, &resource, &state),
                    Err(Denied::Hidden),
                    "{action:?} {stranger:?}"
                );
            }
        }
    }
    let state = Some(facts(Kind::Dossier, Status::Open, case));
    let nobody = authorize(&Actor::Anonymous, Action::SeeConsultation, &resource, &state);
    assert_eq!(nobody, Err(Denied::Unauthenticated));
}

#[test]
fn a_link_never_makes_an_owner() {
    let world = world();
    let case = Case {
        admitted: true,
        may_admit: true,
        visible: true,
        own: true,
        present: true,
        scoped: false,
        long_ended: false,
        delegated: true,
    };
    let seat = Seat {
        participant: world.participant.clone(),
        account: None,
        role: ParticipantRole::Owner,
        admitted: true,
        may_admit: true,
    };
    let guest =
        Actor::Guest { participant: world.participant.clone(), consultation: world.consultation.clone() };
    let state = Some(facts(Kind::Dossier, Status::InProgress, case));
    assert_eq!(
        authorize(&guest, Action::Admit, &resource(&world, Some(seat), case), &state),
        Err(Denied::Hidden)
    );
}
