//! Coming by a link: how it stands, and the session that it opens.
//!
//! The secret travels in bodies only: pages take it from the fragment of their address, so that no log and no scanner of
//! messages gets it, and looking at a link changes nothing.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::guard::Read;
use super::guest::{self, GuestBody};
use super::letters::{display_name, readable_until};
use super::{What, note, portals, room};
use crate::Clinic;
use crate::admin::settings;
use crate::audit::{Action as Audited, Event, Outcome};
use crate::crypto::Purpose;
use crate::http::problem::ProblemBody;
use crate::http::session::{self, Cookie};
use crate::http::{Actor, Code, Guest, Json, Peer, Problem};
use crate::limits::Rate;
use crate::model::retention::Kept;
use crate::model::{
    Consultation, DeviceClass, IdentityCheck, Invitation, InvitationStatus, Kind, LoginMethod, Participant,
    ParticipantRole, ParticipantState, Professional, Session, Status, Subject,
};
use crate::store::{IndexKey, Query, Versioned};

/// Tries of links from one network address. A secret of 128 bits is not found this way; the trail says that somebody tries.
const TRIES: Rate = Rate::per_minute(30);
/// Longest text that is looked up.
const SECRET_CHARS_MAX: usize = 64;

/// How a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    TooEarly,
    Open,
    /// The call is over; documents may still be read.
    Documents,
    Over,
    Cancelled,
    /// This link was taken back.
    Revoked,
}

/// The state of a link by the clock. `post_access`: how long documents may be read after the end.
pub fn state(
    now: Timestamp,
    consultation: &Consultation,
    invitation: &Invitation,
    post_access: SignedDuration,
) -> LinkState {
    let c = consultation;
    match c.status {
        // Revoked with the appointment: that is what is told.
        Status::Cancelled => return LinkState::Cancelled,
        Status::NoShow | Status::Expired | Status::Purged => return LinkState::Over,
        _ if invitation.revoked_at.is_some() => return LinkState::Revoked,
        Status::Ended | Status::Validated => {
            let readable = c.kind == Kind::Dossier && now <= readable_until(c, post_access);
            return if readable { LinkState::Documents } else { LinkState::Over };
        }
        Status::Scheduled | Status::Open | Status::InProgress | Status::Interrupted => {}
    }
    if now < c.opens_at() {
        LinkState::TooEarly
    } else if now > c.closes_at() {
        LinkState::Over
    } else {
        LinkState::Open
    }
}

/// The problem of a link that does not lead in.
fn refusal(state: LinkState, consultation: &Consultation) -> Option<Problem> {
    match state {
        LinkState::Open | LinkState::Documents => None,
        LinkState::TooEarly => Some(Problem::too_early(consultation.opens_at())),
        LinkState::Over => Some(Problem::new(Code::LinkExpired)),
        LinkState::Cancelled | LinkState::Revoked => Some(Problem::new(Code::LinkRevoked)),
    }
}

/// For people who wait without a link: the window of the slot is open.
pub fn require_open(now: Timestamp, consultation: &Consultation) -> Result<(), Problem> {
    if consultation.status.is_over() || now > consultation.closes_at() {
        Err(Problem::new(Code::LinkExpired))
    } else if now < consultation.opens_at() {
        Err(Problem::too_early(consultation.opens_at()))
    } else {
        Ok(())
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// What stands behind `#` in the link.
    secret: String,
}

/// What a page shows before anybody comes in. Names nobody but the professional.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkBody {
    state: LinkState,
    /// The server's time, for a countdown.
    #[schema(value_type = String, format = DateTime)]
    now: Timestamp,
    professional: String,
    organisation: String,
    /// Whom to call when it does not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    practice_phone: Option<String>,
    /// When somebody answers, as the organisation writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_hours: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    ends_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    opens_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    closes_at: Timestamp,
    /// IANA name.
    zone: String,
    /// The hour is not the one of the first message.
    moved: bool,
    kind: Kind,
    role: ParticipantRole,
    /// `fr` or `en`.
    locale: String,
    /// The place has a shared tablet: nothing is to stay on it.
    shared_device: bool,
}

fn find(clinic: &Clinic, secret: &str) -> Result<(Versioned<Consultation>, Versioned<Invitation>), Problem> {
    let unknown = || Problem::new(Code::LinkUnknown);
    if secret.is_empty() || secret.len() > SECRET_CHARS_MAX {
        return Err(unknown());
    }
    let hash = clinic.lookup().hash(Purpose::LinkSecret, secret);
    let store = clinic.store();
    let invitation = store.find::<Invitation>("secret", IndexKey::new().hash(&hash))?.ok_or_else(unknown)?;
    let consultation =
        store.unpurged::<Consultation>(invitation.consultation.as_str())?.ok_or_else(unknown)?;
    Ok((consultation, invitation))
}

async fn count_try(clinic: &Clinic, peer: Peer) -> Result<(), Problem> {
    let now = clinic.clock().now();
    if let Err(exceeded) = clinic.traffic().take(now, "link", &peer.subject(), TRIES) {
        // Once a minute for each address, not once for each try.
        if clinic.traffic().take(now, "link-told", &peer.subject(), Rate::per_minute(1)).is_ok() {
            let event = Event::new(now, Audited::SecuritySecretBruteforce)
                .by(crate::audit::ActorKind::Anonymous, None)
                .from_address(peer.0)
                .with(Outcome::Denied, "too-many-tries");
            clinic.store().write(|tx| tx.audit(&event)).await?;
        }
        return Err(exceeded.into());
    }
    Ok(())
}

/// How a link stands: inside its window, too early, moved, over, cancelled, revoked. Changes nothing. A secret that leads
/// nowhere gets no hint whether it ever did.
#[utoipa::path(post, path = "/p/v1/links/look", tag = "guest", request_body = Link, responses(
    (status = 200, description = "How it stands", body = LinkBody),
    (status = 404, description = "Not known", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too many tries", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn look(
    State(clinic): State<Clinic>,
    peer: Peer,
    Json(Link { secret }): Json<Link>,
) -> Result<axum::Json<LinkBody>, Problem> {
    count_try(&clinic, peer).await?;
    let now = clinic.clock().now();
    let (consultation, invitation) = find(&clinic, &secret)?;
    let owner = clinic.store().get::<Professional>(&consultation.owner)?;
    let facility = match &consultation.facility_id {
        Some(id) => clinic.store().get::<crate::model::Facility>(id)?,
        None => None,
    };
    let settings = settings(clinic.store())?.value;
    let seat = clinic.store().get::<Participant>(&invitation.participant)?;
    let sent_out = seat.is_some_and(|seat| seat.state == ParticipantState::Removed);
    let c = consultation.value;
    let state = match state(now, &c, &invitation, settings.keeps(Kept::PostAccess)) {
        // `enter` refuses whoever was sent out: no door is shown that does not open.
        LinkState::TooEarly | LinkState::Open | LinkState::Documents if sent_out => LinkState::Revoked,
        state => state,
    };
    Ok(axum::Json(LinkBody {
        state,
        now,
        professional: owner.as_ref().map(|owner| display_name(owner)).unwrap_or_default(),
        organisation: clinic.config().organisation.clone(),
        practice_phone: owner.and_then(|owner| owner.value.practice.phone).or(settings.contact.phone),
        contact_hours: settings.contact.hours,
        starts_at: c.slot_start,
        ends_at: c.slot_end,
        opens_at: c.opens_at(),
        closes_at: c.closes_at(),
        zone: c.time_zone,
        moved: c.sequence > 0,
        kind: c.kind,
        role: invitation.role,
        locale: invitation.locale.clone(),
        shared_device: facility.is_some_and(|facility| facility.shared_device),
    }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enter {
    /// What stands behind `#` in the link.
    secret: String,
    /// The link is in use on another device: go on here instead.
    #[serde(default)]
    take_over: bool,
    #[serde(default)]
    device: Option<DeviceClass>,
}

/// A session of a guest.
#[derive(Debug, Serialize, ToSchema)]
pub struct GuestSession {
    /// For `X-CSRF-Token`.
    csrf_token: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    guest: GuestBody,
}

/// The answer to whoever has a session.
pub fn session_body(clinic: &Clinic, session: &Session, guest: GuestBody) -> GuestSession {
    GuestSession { csrf_token: session::csrf_token(clinic, session), expires_at: session.expires_at, guest }
}

/// Comes in by a link, within its window: a session for this one consultation. On a second device it has to be said that the
/// first one is left (`take_over`); whoever comes anew waits anew, since only the professional knows who it is.
#[utoipa::path(post, path = "/p/v1/links/session", tag = "guest", request_body = Enter, responses(
    (status = 200, description = "The session; the cookie is set", body = GuestSession),
    (status = 403, description = "Too early; `opens_at` says when", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "Not known", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "In use on another device", body = ProblemBody, content_type = "application/problem+json"),
    (status = 410, description = "Over, cancelled or revoked", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too many tries", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn enter(
    State(clinic): State<Clinic>,
    peer: Peer,
    Json(enter): Json<Enter>,
) -> Result<Response, Problem> {
    count_try(&clinic, peer).await?;
    let now = clinic.clock().now();
    let (found, invitation) = find(&clinic, &enter.secret)?;
    let (session, secret, consultation, seat, took_over) = clinic
        .store()
        .write(|tx| {
            let unknown = || Problem::new(Code::LinkUnknown);
            let mut consultation = tx.unpurged::<Consultation>(found.id.as_str())?.ok_or_else(unknown)?;
            let mut invitation = tx.get::<Invitation>(&invitation.id)?.ok_or_else(unknown)?;
            let post_access = settings(tx)?.keeps(Kept::PostAccess);
            let state = state(now, &consultation, &invitation, post_access);
            if let Some(problem) = refusal(state, &consultation) {
                return Err(problem);
            }
            let mut seat = tx.get::<Participant>(&invitation.participant)?.ok_or_else(unknown)?;
            if seat.state == ParticipantState::Removed {
                return Err(Problem::new(Code::LinkRevoked));
            }
            let subject = Query::new("subject", IndexKey::new().text(seat.id.as_str())).limit(10);
            let others = tx.list::<Session>(&subject)?.items;
            let idle = |one: &Session| now.duration_since(one.seen_at) > session::IDLE;
            let used = others.iter().any(|one| now < one.expires_at && !idle(one));
            if used && !enter.take_over {
                return Err(Problem::new(Code::LinkInUse));
            }
            session::end_all(tx, &seat.id)?;
            seat.device = enter.device.or(seat.device);
            // Another device, perhaps other hands: the question is asked again, the professional lets in again.
            seat.identity_passed_at = None;
            let was_in = seat.is_admitted();
            if state == LinkState::Open {
                seat.waiting_since = None;
                if was_in {
                    room::leave(&clinic, tx, &mut consultation, seat, ParticipantState::Checking)?;
                } else {
                    // A refusal lasts: only the professional takes it back.
                    if seat.state != ParticipantState::Denied {
                        seat.state = ParticipantState::Checking;
                    }
                    tx.update(&mut seat)?;
                }
            } else {
                // Nobody lets anybody in any more: what the patient was given is for who knows the answer.
                seat.asked_again = guest::question(&consultation, &seat) != IdentityCheck::None;
                tx.update(&mut seat)?;
            }
            let seat = tx.get::<Participant>(&invitation.participant)?.ok_or_else(unknown)?;
            if invitation.opened_at.is_none() {
                invitation.opened_at = Some(now);
                invitation.status = InvitationStatus::Opened;
                tx.update(&mut invitation)?;
                portals::tell_of_invitation(tx, now, &invitation, "invitation.opened")?;
                let actor =
                    Actor::Guest { participant: seat.id.clone(), consultation: consultation.id.clone() };
                note(tx, now, &actor, &consultation.owner, Audited::InvitationOpened, &invitation.id)?;
            }
            let subject =
                Subject::Guest { consultation: consultation.id.clone(), participant: seat.id.clone() };
            let (session, secret) = session::begin(&clinic, tx, subject, LoginMethod::Link, true, 0)?;
            Ok::<_, Problem>((session, secret, consultation, seat, used))
        })
        .await?;
    clinic.scheduler().wake();
    if took_over {
        clinic.live().tell_about(&consultation, What::TakenOver, &seat.id);
    }
    clinic.live().tell_about(&consultation, What::Invitations, &seat.id);
    let guest = guest::body(&clinic, clinic.store(), &consultation, &seat)?;
    let body = session_body(&clinic, &session, guest);
    let cookie = Cookie::Guest.set(clinic.secure_cookies(), &secret);
    Ok(([cookie], axum::Json(body)).into_response())
}

/// The guest's own session, after a page was loaded again.
#[utoipa::path(get, path = "/p/v1/session", tag = "guest", security(("guest" = [])), responses(
    (status = 200, description = "The session", body = GuestSession),
    (status = 401, description = "None", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn again(
    State(clinic): State<Clinic>,
    guest: Guest,
) -> Result<axum::Json<GuestSession>, Problem> {
    let (consultation, seat) = guest::load(clinic.store(), &guest)?;
    let body = guest::body(&clinic, clinic.store(), &consultation, &seat)?;
    Ok(axum::Json(session_body(&clinic, &guest.session, body)))
}
