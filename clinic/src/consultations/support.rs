//! A consultation as support sees it: states, times and lights. Nobody's name, no whole number, no link.

use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::guard::{Read, consultation_for};
use super::invitations::{self, Resend};
use super::view::{self, InvitationBody};
use crate::Clinic;
use crate::http::{Action, Caller, Code, Json, Problem, SignedIn};
use crate::ids::ConsultationId;
use crate::model::{
    DeviceClass, Incident, IncidentKind, Invitation, Kind, ParticipantRole, ParticipantState, Status,
};

#[derive(Debug, Serialize, ToSchema)]
pub struct SupportView {
    status: Status,
    kind: Kind,
    #[schema(value_type = String, format = DateTime)]
    slot_start: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    slot_end: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    opens_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    closes_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// Delegated to support, and possible now.
    may_extend: bool,
    participants: Vec<SupportParticipant>,
    incidents: Vec<SupportIncident>,
    /// With masked numbers and without addresses.
    invitations: Vec<InvitationBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SupportParticipant {
    role: ParticipantRole,
    state: ParticipantState,
    device: Option<DeviceClass>,
    #[schema(value_type = Option<String>, format = DateTime)]
    waiting_since: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    admitted_at: Option<Timestamp>,
    #[schema(value_type = Vec<String>)]
    joined_at: Vec<Timestamp>,
    #[schema(value_type = Vec<String>)]
    left_at: Vec<Timestamp>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SupportIncident {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    kind: IncidentKind,
    role: Option<ParticipantRole>,
    /// `null`: still going on.
    duration_s: Option<u32>,
}

/// `None`: erased since.
pub fn for_support(
    clinic: &Clinic,
    signed_in: &SignedIn,
    id: &ConsultationId,
) -> Result<Option<SupportView>, Problem> {
    let (store, now) = (clinic.store(), clinic.clock().now());
    let actor = signed_in.actor(now);
    let access = match consultation_for(store, now, &actor, id.as_str(), Action::SeeConsultation) {
        Ok(access) if access.consultation.status != Status::Purged => access,
        Ok(_) => return Ok(None),
        Err(problem) if matches!(problem.code, Code::NotFound | Code::Purged) => return Ok(None),
        Err(problem) => return Err(problem),
    };
    let role_of = |id: &crate::ids::ParticipantId| {
        access.participants.iter().find(|one| one.id == *id).map(|one| one.role)
    };
    let incidents = store.all::<Incident>("consultation", id.as_str())?.into_iter().map(|incident| {
        let role = incident.participant.as_ref().and_then(role_of);
        SupportIncident { at: incident.at, kind: incident.kind, role, duration_s: incident.duration_s }
    });
    let mut invitations = Vec::new();
    for invitation in store.all::<Invitation>("consultation", id.as_str())? {
        let who = access.participants.iter().find(|one| one.id == invitation.participant);
        invitations.push(view::invitation(store, &invitation, who.map(|one| &one.value), true)?);
    }
    let c = &access.consultation;
    Ok(Some(SupportView {
        status: c.status,
        kind: c.kind,
        slot_start: c.slot_start,
        slot_end: c.slot_end,
        opens_at: c.opens_at(),
        closes_at: c.closes_at(),
        started_at: c.started_at,
        ended_at: c.ended_at,
        may_extend: access.may(Action::Extend),
        participants: access
            .participants
            .iter()
            .map(|one| SupportParticipant {
                role: one.role,
                state: one.state,
                device: one.device,
                waiting_since: one.waiting_since,
                admitted_at: one.admitted_at,
                joined_at: one.joined_at.clone(),
                left_at: one.left_at.clone(),
            })
            .collect(),
        incidents: incidents.collect(),
        invitations,
    }))
}

/// Sends an invitation again, to the same place.
pub async fn resend_for_support(
    clinic: &Clinic,
    caller: Caller,
    id: &ConsultationId,
    invitation: String,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let path = Path((id.to_string(), invitation));
    invitations::resend(State(clinic.clone()), caller, path, headers, Json(Resend::default())).await
}
