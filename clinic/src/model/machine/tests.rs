use super::*;
use proptest::prelude::*;

fn at(minute: i64) -> Timestamp {
    "2026-12-03T13:30:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

/// In the middle of the slot (minute 10 of 20), everybody there, everything allowed.
fn moment() -> Moment {
    Moment {
        now: at(10),
        slot_start: at(0),
        slot_end: at(20),
        early: SignedDuration::from_mins(10),
        late: SignedDuration::from_mins(15),
        status_since: at(0),
        admitted: false,
        professional_present: true,
        professional_came: true,
        patient_present: true,
        consent: true,
        form_complete: true,
        reauthenticated: true,
        purge_announced: true,
    }
}

/// Every arrow of the drawing: from, by, to, and the moment in which it is open. Whatever is not here is refused.
fn arrows(kind: Kind) -> Vec<(Status, Trigger, Status, Moment)> {
    use {Status as S, Trigger as T};
    let m = moment;
    let late = || Moment { now: at(36), ..m() };
    let alone = || Moment { patient_present: false, ..m() };
    let empty = || Moment { professional_present: false, patient_present: false, ..late() };
    let moved = || Moment { slot_start: at(60), slot_end: at(80), ..m() };
    let mut arrows = vec![
        (S::Scheduled, T::Open, S::Open, m()),
        (S::Scheduled, T::Reschedule, S::Scheduled, moved()),
        (S::Scheduled, T::Cancel, S::Cancelled, m()),
        (S::Scheduled, T::Close, S::NoShow, late()),
        (S::Open, T::Reschedule, S::Scheduled, moved()),
        (S::Open, T::Cancel, S::Cancelled, m()),
        (S::Open, T::Admit, S::InProgress, m()),
        (S::Open, T::Extend, S::Open, m()),
        (S::InProgress, T::Admit, S::InProgress, m()),
        (S::InProgress, T::Lose, S::Interrupted, alone()),
        (S::InProgress, T::End, S::Ended, m()),
        (S::InProgress, T::TimeOut, S::Ended, empty()),
        (S::InProgress, T::Extend, S::InProgress, m()),
        (S::Interrupted, T::Admit, S::Interrupted, m()),
        (S::Interrupted, T::Resume, S::InProgress, m()),
        (S::Interrupted, T::End, S::Ended, m()),
        (S::Interrupted, T::TimeOut, S::Ended, late()),
        (S::Interrupted, T::Extend, S::Interrupted, m()),
        (S::Validated, T::Addendum, S::Validated, m()),
    ];
    for over in [S::Ended, S::Validated, S::NoShow, S::Cancelled, S::Expired] {
        arrows.push((over, T::Purge, S::Purged, m()));
    }
    match kind {
        Kind::Dossier => {
            arrows.push((S::Open, T::Close, S::NoShow, late()));
            arrows.push((S::Ended, T::Validate, S::Validated, m()));
        }
        Kind::Immediate => {
            arrows.push((S::Open, T::Close, S::Expired, late()));
            for status in [S::Open, S::InProgress, S::Interrupted, S::Ended] {
                arrows.push((status, T::Upgrade, status, m()));
            }
        }
    }
    arrows
}

#[test]
fn every_arrow_of_the_drawing_is_there_and_no_other() {
    for kind in [Kind::Immediate, Kind::Dossier] {
        let arrows = arrows(kind);
        for status in Status::ALL {
            for trigger in Trigger::ALL {
                let drawn = arrows.iter().find(|(from, by, _, _)| (*from, *by) == (status, trigger));
                match drawn {
                    Some((_, _, to, moment)) => {
                        let next = transition(kind, status, trigger, moment);
                        assert_eq!(next.map(|next| next.status), Ok(*to), "{kind:?} {status:?} {trigger:?}");
                    }
                    None => {
                        let refused = transition(kind, status, trigger, &moment());
                        assert!(
                            matches!(refused, Err(Refused::State | Refused::Kind)),
                            "{kind:?} {status:?} {trigger:?}: {refused:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn each_guard_refuses_alone() {
    use {Status as S, Trigger as T};
    let dossier = |status, trigger, moment: Moment| transition(Kind::Dossier, status, trigger, &moment);
    let m = moment;
    for (status, trigger, moment, word) in [
        (S::Scheduled, T::Open, Moment { now: at(-11), ..m() }, "too-early"),
        (S::Scheduled, T::Open, Moment { now: at(36), ..m() }, "window-over"),
        (S::Open, T::Reschedule, Moment { admitted: true, ..m() }, "somebody-was-admitted"),
        (S::Open, T::Cancel, Moment { admitted: true, ..m() }, "somebody-was-admitted"),
        (S::Open, T::Admit, Moment { professional_present: false, ..m() }, "professional-absent"),
        (S::Open, T::Admit, Moment { consent: false, ..m() }, "consent-required"),
        (S::InProgress, T::Admit, Moment { consent: false, ..m() }, "consent-required"),
        (S::InProgress, T::Admit, Moment { now: at(96), ..m() }, "window-over"),
        (S::InProgress, T::Lose, m(), "both-present"),
        (S::Interrupted, T::Resume, Moment { patient_present: false, ..m() }, "somebody-absent"),
        (S::Interrupted, T::Resume, Moment { now: at(96), ..m() }, "window-over"),
        (S::Interrupted, T::TimeOut, Moment { status_since: at(-4), ..m() }, "too-early"),
        (S::InProgress, T::TimeOut, m(), "too-early"),
        (S::InProgress, T::TimeOut, Moment { now: at(36), ..m() }, "somebody-present"),
        (S::Scheduled, T::Close, Moment { now: at(35), ..m() }, "too-early"),
        (S::Open, T::Close, Moment { now: at(35), ..m() }, "too-early"),
        (S::InProgress, T::Extend, Moment { slot_end: at(241), ..m() }, "hard-cap"),
        (S::Ended, T::Validate, Moment { form_complete: false, ..m() }, "form-incomplete"),
        (S::Ended, T::Validate, Moment { reauthenticated: false, ..m() }, "reauthentication-required"),
        (S::Validated, T::Addendum, Moment { reauthenticated: false, ..m() }, "reauthentication-required"),
        (S::Ended, T::Purge, Moment { purge_announced: false, ..m() }, "not-announced"),
    ] {
        assert_eq!(dossier(status, trigger, moment), Err(Refused::Guard(word)), "{status:?} {trigger:?}");
    }
    let late = Moment { now: at(61), status_since: at(0), ..m() };
    let upgrade = transition(Kind::Immediate, S::Ended, T::Upgrade, &late);
    assert_eq!(upgrade, Err(Refused::Guard("too-late")));
}

#[test]
fn the_window_of_the_guide_opens_ten_minutes_early_and_closes_fifteen_late() {
    let m = moment();
    assert_eq!((m.opens_at(), m.closes_at()), (at(-10), at(35)));
    assert_eq!(m.capped_at(), at(95));
}

#[test]
fn a_slot_moved_into_the_open_window_keeps_the_room() {
    let sooner = Moment { slot_start: at(15), slot_end: at(35), ..moment() };
    let next = transition(Kind::Dossier, Status::Open, Trigger::Reschedule, &sooner).unwrap();
    assert_eq!((next.status, next.effects), (Status::Open, vec![Effect::TellMoved]));
}

#[test]
fn the_number_of_an_immediate_call_is_forgotten_however_it_ends() {
    let late = Moment { now: at(36), ..moment() };
    for (status, trigger, moment) in [
        (Status::InProgress, Trigger::End, moment()),
        (Status::Interrupted, Trigger::TimeOut, late.clone()),
        (Status::Open, Trigger::Close, late),
        (Status::Open, Trigger::Cancel, moment()),
    ] {
        let immediate = transition(Kind::Immediate, status, trigger, &moment).unwrap();
        assert!(immediate.effects.contains(&Effect::ForgetPhone), "{status:?} {trigger:?}");
        let dossier = transition(Kind::Dossier, status, trigger, &moment).unwrap();
        assert!(!dossier.effects.contains(&Effect::ForgetPhone), "{status:?} {trigger:?}");
    }
}

#[test]
fn what_is_allowed_is_told_with_a_refusal() {
    let told = allowed(Kind::Dossier, Status::Scheduled, &moment());
    assert_eq!(told, [Trigger::Open, Trigger::Reschedule, Trigger::Cancel]);
    assert!(allowed(Kind::Dossier, Status::Purged, &moment()).is_empty());
}

#[test]
fn a_no_show_says_who_was_missing() {
    let came = moment();
    let away = Moment { professional_came: false, ..moment() };
    assert_eq!(who_was_absent(&came, false), Absent::Patient);
    assert_eq!(who_was_absent(&away, true), Absent::Professional);
    assert_eq!(who_was_absent(&away, false), Absent::Both);
}

proptest! {
    #[test]
    fn no_walk_leaves_purged_or_reopens_what_is_over(
        immediate: bool, steps in proptest::collection::vec((0..14_usize, -30..200_i64, any::<[bool; 8]>()), 1..60),
    ) {
        let kind = if immediate { Kind::Immediate } else { Kind::Dossier };
        let mut status = if immediate { Status::Open } else { Status::Scheduled };
        for (trigger, minute, facts) in steps {
            let [admitted, professional_present, professional_came, patient_present, consent, form_complete, reauthenticated, purge_announced] = facts;
            let moment = Moment {
                now: at(minute), admitted, professional_present, professional_came, patient_present, consent,
                form_complete, reauthenticated, purge_announced, ..moment()
            };
            if let Ok(next) = transition(kind, status, Trigger::ALL[trigger], &moment) {
                prop_assert!(!status.is_over() || next.status.is_over(), "{:?} to {:?}", status, next.status);
                prop_assert_ne!(status, Status::Purged);
                prop_assert_eq!(next.effects.contains(&Effect::DestroyKey), next.status == Status::Purged);
                status = next.status;
            }
        }
    }
}
