//! Who is in the room: from what `control` tells, into the participants, the seconds of the call and its incidents.

use jiff::Timestamp;

use super::guard::Read;
use super::step::{Given, save, step};
use super::{What, incidents, portals};
use crate::Clinic;
use crate::clock::{Job, Schedule};
use crate::control::{Here, RoomEvent};
use crate::http::{Actor, Problem};
use crate::ids::ParticipantId;
use crate::model::{
    Consultation, Counting, IncidentKind, Participant, ParticipantRole, ParticipantState, Status, Trigger,
};
use crate::store::{IndexKey, StoreError, Tx, Versioned};

/// From being let in to being in the room, before it counts as absence.
const TIME_TO_JOIN: jiff::SignedDuration = jiff::SignedDuration::from_secs(90);

/// What an event of `control` changes. Twice the same changes nothing more; an event about a room, a participant or a
/// connection that is not known changes nothing.
pub async fn happened(clinic: &Clinic, room: &str, event: &RoomEvent) -> Result<(), Problem> {
    let key = IndexKey::new().text(room);
    let Some(found) = clinic.store().find::<Consultation>("room", key)? else { return Ok(()) };
    let consultation = clinic
        .store()
        .write(|tx| {
            let Some(mut consultation) = tx.unpurged::<Consultation>(found.id.as_str())? else {
                return Ok::<_, Problem>(None);
            };
            if !apply(clinic, tx, &mut consultation, event)? {
                return Ok(None);
            }
            balance(clinic, tx, &mut consultation)?;
            Ok(Some(consultation.value))
        })
        .await?;
    if let Some(consultation) = consultation {
        clinic.live().tell(&consultation, What::Participants);
        clinic.scheduler().wake();
    }
    Ok(())
}

/// Makes the records what `control` said of the room when it was asked: after a restart, and when an event was lost. What
/// was told since then is newer.
pub async fn reconcile(
    clinic: &Clinic,
    consultation: &Consultation,
    asked_at: Timestamp,
    here: &[Here],
) -> Result<(), Problem> {
    let consultation = clinic
        .store()
        .write(|tx| {
            let Some(mut consultation) = tx.unpurged::<Consultation>(consultation.id.as_str())? else {
                return Ok::<_, Problem>(None);
            };
            let mut changed = false;
            for participant in tx.participants(&consultation.id)? {
                let newer = |times: &[Timestamp]| times.last().is_some_and(|last| *last >= asked_at);
                let now_here = here.iter().find(|one| one.identity == participant.id.as_str());
                let event = match (now_here, &participant.connection) {
                    (Some(one), known)
                        if known.as_ref() != Some(&one.connection) && !newer(&participant.left_at) =>
                    {
                        RoomEvent::Joined {
                            identity: one.identity.clone(),
                            connection: one.connection.clone(),
                        }
                    }
                    (None, Some(connection)) if !newer(&participant.joined_at) => RoomEvent::Left {
                        identity: participant.id.to_string(),
                        connection: connection.clone(),
                    },
                    _ => continue,
                };
                if apply(clinic, tx, &mut consultation, &event)? {
                    changed = true;
                    // Of one whose arrival was missed the pictures were missed, too.
                    if let Some(one) = now_here {
                        cameras(tx, one)?;
                    }
                }
            }
            if !changed {
                return Ok(None);
            }
            balance(clinic, tx, &mut consultation)?;
            Ok(Some(consultation.value))
        })
        .await?;
    if let Some(consultation) = consultation {
        clinic.live().tell(&consultation, What::Participants);
        clinic.scheduler().wake();
    }
    Ok(())
}

/// Nothing is suspended for want of bandwidth any more: it came back, or whoever received it is gone.
pub fn sees_again(
    tx: &mut Tx<'_>,
    now: Timestamp,
    consultation: &Consultation,
    participant: &mut Participant,
) -> Result<(), StoreError> {
    participant.suspended.clear();
    incidents::end_of(tx, now, consultation, IncidentKind::VideoSuspendedBandwidth, &participant.id)
}

fn cameras(tx: &mut Tx<'_>, here: &Here) -> Result<(), StoreError> {
    let Some(mut participant) = tx.unpurged::<Participant>(&here.identity)? else { return Ok(()) };
    participant.cameras.clone_from(&here.cameras);
    tx.update(&mut participant).map(|_| ())
}

/// True when something changed.
fn apply(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    consultation: &mut Versioned<Consultation>,
    event: &RoomEvent,
) -> Result<bool, Problem> {
    let now = clinic.clock().now();
    let Some(identity) = event.identity() else { return Ok(false) };
    let Ok(id) = identity.parse::<ParticipantId>() else { return Ok(false) };
    let Some(mut participant) =
        tx.get::<Participant>(&id)?.filter(|participant| participant.consultation == consultation.id)
    else {
        return Ok(false);
    };
    match event {
        RoomEvent::Joined { connection, .. } => {
            if participant.connection.as_ref() == Some(connection) {
                return Ok(false);
            }
            if !participant.is_admitted() || !consultation.status.is_live() {
                // A token of before the removal: sent away again by the room's job.
                tx.schedule(&Job::new(super::timers::ROOM, &consultation.id, now))?;
                return Ok(false);
            }
            participant.connection = Some(connection.clone());
            participant.cameras.clear();
            sees_again(tx, now, consultation, &mut participant)?;
            participant.state = ParticipantState::Connected;
            participant.joined_at.push(now);
            if participant.role == ParticipantRole::Owner {
                consultation.professional_came = true;
            }
            audit(tx, now, consultation, crate::audit::Action::ParticipantJoined, &id)?;
            portals::tell_of_participant(tx, now, consultation, &participant, "participant.joined")?;
        }
        RoomEvent::Left { connection, .. } => {
            if participant.connection.as_ref() != Some(connection) {
                return Ok(false);
            }
            participant.connection = None;
            participant.cameras.clear();
            sees_again(tx, now, consultation, &mut participant)?;
            if participant.state == ParticipantState::Connected {
                participant.state = ParticipantState::Reconnecting;
            }
            participant.left_at.push(now);
            audit(tx, now, consultation, crate::audit::Action::ParticipantLeft, &id)?;
            portals::tell_of_participant(tx, now, consultation, &participant, "participant.left")?;
        }
        RoomEvent::Published { track, .. } => {
            if participant.cameras.contains(track) {
                return Ok(false);
            }
            participant.cameras.push(track.clone());
        }
        RoomEvent::Unpublished { track, .. } => {
            let before = participant.cameras.len();
            participant.cameras.retain(|camera| camera != track);
            if participant.cameras.len() == before {
                return Ok(false);
            }
        }
        RoomEvent::Suspended { connection, track, .. } => {
            let running = matches!(consultation.status, Status::InProgress | Status::Interrupted);
            let known = participant.suspended.contains(track);
            if !running || known || participant.connection.as_ref() != Some(connection) {
                return Ok(false);
            }
            if participant.suspended.is_empty() {
                incidents::begin(tx, now, consultation, IncidentKind::VideoSuspendedBandwidth, Some(id))?;
            }
            participant.suspended.push(track.clone());
        }
        RoomEvent::Resumed { connection, track, .. } => {
            if !participant.suspended.contains(track) || participant.connection.as_ref() != Some(connection) {
                return Ok(false);
            }
            participant.suspended.retain(|known| known != track);
            if participant.suspended.is_empty() {
                sees_again(tx, now, consultation, &mut participant)?;
            }
        }
        RoomEvent::Finished | RoomEvent::Other => return Ok(false),
    }
    tx.update(&mut participant)?;
    Ok(true)
}

fn audit(
    tx: &mut Tx<'_>,
    now: Timestamp,
    consultation: &Consultation,
    action: crate::audit::Action,
    id: &ParticipantId,
) -> Result<(), StoreError> {
    super::note(tx, now, &Actor::System, &consultation.owner, action, id)
}

/// Counts what has passed and draws the conclusions of who is there now.
pub fn balance(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    consultation: &mut Versioned<Consultation>,
) -> Result<(), Problem> {
    let now = clinic.clock().now();
    let participants = tx.participants(&consultation.id)?;
    let side = |patient: bool| {
        participants.iter().filter(move |one| {
            one.is_connected()
                && if patient { one.role.is_patient_side() } else { one.role == ParticipantRole::Owner }
        })
    };
    let both = side(true).next().is_some() && side(false).next().is_some();
    let video = both && [true, false].iter().all(|patient| side(*patient).any(|one| !one.cameras.is_empty()));
    let filmed = consultation.counting.is_some_and(|counting| counting.video);
    count(now, consultation);
    consultation.counting = both.then_some(Counting { since: now, video });
    let running = matches!(consultation.status, Status::InProgress | Status::Interrupted);
    if running && both && filmed && !video {
        incidents::begin(tx, now, consultation, IncidentKind::AudioOnlySwitch, None)?;
    }
    if video || !both {
        incidents::end(tx, now, consultation, &[IncidentKind::AudioOnlySwitch])?;
    }
    match (consultation.status, both) {
        (Status::InProgress, true) => consultation.lost_since = None,
        (Status::InProgress, false) => {
            let met = |patient: bool| {
                participants.iter().any(|one| {
                    let side =
                        if patient { one.role.is_patient_side() } else { one.role == ParticipantRole::Owner };
                    side && !one.joined_at.is_empty()
                })
            };
            // Whoever has just been let in still answers the browser's questions.
            let since = match (met(true) && met(false), consultation.started_at) {
                (false, Some(started)) => started.saturating_add(TIME_TO_JOIN).unwrap_or(now),
                _ => now,
            };
            consultation.lost_since.get_or_insert(since);
        }
        (Status::Interrupted, true) => {
            consultation.lost_since = None;
            // After the hard cap it is refused: the time-out ends the call then.
            return match step(clinic, tx, &Actor::System, consultation, Trigger::Resume, &Given::default()) {
                Err(problem) if problem.code == crate::http::Code::InvalidTransition => {
                    Ok(save(tx, now, consultation)?)
                }
                other => other.map(|_| ()),
            };
        }
        _ => {}
    }
    Ok(save(tx, now, consultation)?)
}

/// Adds the time since the last count to the seconds of video or of sound only.
pub fn count(now: Timestamp, consultation: &mut Consultation) {
    let Some(counting) = &mut consultation.counting else { return };
    let seconds = u32::try_from(now.duration_since(counting.since).as_secs()).unwrap_or(0);
    // Only whole seconds move on, so that many short counts lose nothing.
    counting.since =
        counting.since.saturating_add(jiff::SignedDuration::from_secs(seconds.into())).unwrap_or(now);
    let sum =
        if counting.video { &mut consultation.video_seconds } else { &mut consultation.audio_only_seconds };
    *sum = sum.saturating_add(seconds);
}

/// The server was down while this was live: noted, and counted no further until it is known who is there.
pub fn restarted(
    tx: &mut Tx<'_>,
    now: Timestamp,
    consultation: &Versioned<Consultation>,
) -> Result<(), StoreError> {
    if !matches!(consultation.status, Status::InProgress | Status::Interrupted) {
        return Ok(());
    }
    incidents::begin(tx, now, consultation, IncidentKind::ServerRestart, None)?;
    incidents::end(tx, now, consultation, &[IncidentKind::ServerRestart])?;
    let mut consultation = consultation.clone();
    consultation.counting = None;
    save(tx, now, &mut consultation)
}
