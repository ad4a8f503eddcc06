//! Technical incidents, found by the system, for the report.

use jiff::Timestamp;

use super::guard::Read;
use crate::ids::{IncidentId, ParticipantId};
use crate::model::machine::Moment;
use crate::model::{Consultation, Incident, IncidentKind, ParticipantRole};
use crate::store::{StoreError, Tx};

/// Writes an incident. Without `duration_s` it is open until [`end`].
pub fn begin(
    tx: &mut Tx<'_>,
    at: Timestamp,
    consultation: &Consultation,
    kind: IncidentKind,
    participant: Option<ParticipantId>,
) -> Result<(), StoreError> {
    let incident = Incident {
        id: IncidentId::new(at),
        consultation: consultation.id.clone(),
        at,
        kind,
        participant,
        duration_s: None,
        detail: None,
    };
    tx.insert(&incident).map(|_| ())
}

/// An incident that is over as it begins, noted once for each participant.
pub fn once(
    tx: &mut Tx<'_>,
    at: Timestamp,
    consultation: &Consultation,
    kind: IncidentKind,
    participant: &ParticipantId,
) -> Result<(), StoreError> {
    let known = tx.all::<Incident>("consultation", consultation.id.as_str())?;
    if known.iter().any(|known| known.kind == kind && known.participant.as_ref() == Some(participant)) {
        return Ok(());
    }
    begin(tx, at, consultation, kind, Some(participant.clone()))
}

/// Closes the open incidents of these kinds with their duration.
pub fn end(
    tx: &mut Tx<'_>,
    now: Timestamp,
    consultation: &Consultation,
    kinds: &[IncidentKind],
) -> Result<(), StoreError> {
    end_those(tx, now, consultation, |incident| kinds.contains(&incident.kind))
}

/// The same for one kind of one participant.
pub fn end_of(
    tx: &mut Tx<'_>,
    now: Timestamp,
    consultation: &Consultation,
    kind: IncidentKind,
    participant: &ParticipantId,
) -> Result<(), StoreError> {
    end_those(tx, now, consultation, |incident| {
        incident.kind == kind && incident.participant.as_ref() == Some(participant)
    })
}

fn end_those(
    tx: &mut Tx<'_>,
    now: Timestamp,
    consultation: &Consultation,
    which: impl Fn(&Incident) -> bool,
) -> Result<(), StoreError> {
    for mut incident in tx.all::<Incident>("consultation", consultation.id.as_str())? {
        if incident.duration_s.is_none() && which(&incident) {
            let seconds = now.duration_since(incident.at).as_secs();
            incident.duration_s = Some(u32::try_from(seconds).unwrap_or(0));
            tx.update(&mut incident)?;
        }
    }
    Ok(())
}

const ABSENCES: [IncidentKind; 2] =
    [IncidentKind::PatientDisconnected, IncidentKind::ProfessionalDisconnected];

/// The call is interrupted: by whom, and since when.
pub fn begin_absence(
    tx: &mut Tx<'_>,
    consultation: &Consultation,
    moment: &Moment,
) -> Result<(), StoreError> {
    let at = consultation.lost_since.unwrap_or(moment.now);
    let missing = |wanted: &dyn Fn(ParticipantRole) -> bool| {
        let participants = tx.participants(&consultation.id);
        participants.map(|all| all.into_iter().find(|one| wanted(one.role)).map(|one| one.value.id))
    };
    let (kind, who) = if moment.patient_present {
        (IncidentKind::ProfessionalDisconnected, missing(&|role| role == ParticipantRole::Owner)?)
    } else {
        (IncidentKind::PatientDisconnected, missing(&ParticipantRole::is_patient_side)?)
    };
    begin(tx, at, consultation, kind, who)
}

pub fn end_absence(tx: &mut Tx<'_>, now: Timestamp, consultation: &Consultation) -> Result<(), StoreError> {
    end(tx, now, consultation, &ABSENCES)
}
