//! Links: making more of them, sending them again, showing and revoking them.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use qrcodegen::{QrCode, QrCodeEcc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::create;
use super::guard::{Access, PARTICIPANTS_MAX, Read, consultation_for};
use super::input::{GuestInput, destination};
use super::view::{self, InvitationBody};
use super::{What, letters, note};
use crate::Clinic;
use crate::audit::Action as Audited;
use crate::crypto::Secret;
use crate::http::authorize::Standing;
use crate::http::idempotent::{Attempt, attempt};
use crate::http::problem::ProblemBody;
use crate::http::{Action, Caller, Code, Json, Problem};
use crate::idempotency::Answer;
use crate::messages;
use crate::model::{Contact, Invitation, InvitationChannel, Kind};
use crate::store::{Sealing, Tx, Versioned};

#[derive(Debug, Serialize, ToSchema)]
pub struct Invitations {
    items: Vec<InvitationBody>,
}

/// The links of a consultation with their lights.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/invitations", tag = "invitations",
    params(("id" = String, Path, description = "The consultation")),
    security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "All of them; masked for support", body = Invitations),
    (status = 403, description = "Not for this caller", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<Invitations>, Problem> {
    let now = clinic.clock().now();
    let access = consultation_for(clinic.store(), now, &caller.actor(now), &id, Action::ResendInvitation)?;
    let items = view::invitations(clinic.store(), &access)?.unwrap_or_default();
    Ok(axum::Json(Invitations { items }))
}

fn one(tx: &impl Read, access: &Access, id: &str) -> Result<Versioned<Invitation>, Problem> {
    let found = tx.unpurged::<Invitation>(id)?;
    found
        .filter(|invitation| invitation.consultation == access.consultation.id)
        .ok_or(Problem::new(Code::NotFound))
}

fn body(tx: &impl Read, access: &Access, invitation: &Invitation) -> Result<InvitationBody, Problem> {
    let who = access.participants.iter().find(|who| who.id == invitation.participant);
    let masked = access.role == Standing::Support;
    Ok(view::invitation(tx, invitation, who.map(|who| &who.value), masked)?)
}

/// Invites a third person, also during the call.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/invitations", tag = "invitations", request_body = GuestInput,
    params(("id" = String, Path, description = "The consultation"),
        ("Idempotency-Key" = String, Header, description = "Any text, up to 128 characters")),
    security(("session" = []), ("portal" = [])), responses(
    (status = 201, description = "Invited", body = InvitationBody),
    (status = 403, description = "Not any more", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Refused as it is", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too many messages", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn invite(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(guest): Json<GuestInput>,
) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(&guest).unwrap_or_default();
    let what = format!("POST /consultations/{id}/invitations");
    let running = match attempt(&clinic, &headers, caller.id(), &what, &bytes).await? {
        Attempt::Again(answer) => return Ok(answer.into_response()),
        Attempt::New(running) => running,
    };
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    let recipient = guest.check("")?;
    let (answer, consultation) = clinic
        .store()
        .write(|tx| {
            let access = consultation_for(tx, now, &actor, &id, Action::InviteMore)?;
            if access.participants.len() >= PARTICIPANTS_MAX {
                return Err(Problem::field("", "too-many"));
            }
            let made = create::invite(&clinic, tx, &access.consultation, &recipient, None, true)?;
            let body = view::invitation(tx, &made, None, false)?;
            let answer = Answer {
                status: StatusCode::CREATED.as_u16(),
                location: Some(format!("/api/v1/consultations/{id}/invitations/{}", made.id)),
                etag: None,
                body: serde_json::to_value(body).map_err(|_| Problem::new(Code::Internal))?,
            };
            running.keep(tx, now, Sealing::Data(access.consultation.data_key()), &answer)?;
            Ok((answer, access.consultation.value))
        })
        .await?;
    clinic.outbox().wake();
    clinic.live().tell(&consultation, What::Participants);
    Ok(answer.into_response())
}

/// Where it is to go instead, when the number or address was wrong.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resend {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
}

/// Sends an invitation again, three times at most, to the same place or to a corrected one. Links of earlier messages stay
/// good, unless they went to another place.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/invitations/{invitation}/resend", tag = "invitations",
    request_body = Resend,
    params(("id" = String, Path, description = "The consultation"),
        ("invitation" = String, Path, description = "The invitation"),
        ("Idempotency-Key" = String, Header, description = "Any text, up to 128 characters")),
    security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "Queued", body = InvitationBody),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Over or revoked", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Refused as it is", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too often", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn resend(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, invitation)): Path<(String, String)>,
    headers: HeaderMap,
    Json(to): Json<Resend>,
) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(&to).unwrap_or_default();
    let what = format!("POST /consultations/{id}/invitations/{invitation}/resend");
    let running = match attempt(&clinic, &headers, caller.id(), &what, &bytes).await? {
        Attempt::Again(answer) => return Ok(answer.into_response()),
        Attempt::New(running) => running,
    };
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    let (answer, consultation) = clinic
        .store()
        .write(|tx| {
            let access = consultation_for(tx, now, &actor, &id, Action::ResendInvitation)?;
            let corrects = to.email.is_some() || to.phone.is_some();
            if corrects {
                // Support sends again; only those who may change the appointment say where to.
                access.require(Action::Reschedule)?;
            }
            let mut found = one(tx, &access, &invitation)?;
            let over = access.consultation.status.is_over() || found.revoked_at.is_some();
            if over || matches!(found.channel, InvitationChannel::Copy | InvitationChannel::Qr) {
                return Err(Problem::new(Code::InvalidTransition));
            }
            if found.resent >= letters::RESENT_MAX {
                return Err(Problem::new(Code::QuotaExceeded).retry_after(SignedDuration::from_hours(24)));
            }
            if corrects {
                correct(&clinic, tx, &access, &mut found, &to)?;
            }
            found.resent = found.resent.saturating_add(1);
            let posted = letters::invite(&clinic, tx, &access.consultation, &mut found)?;
            if posted.is_some_and(|posted| posted.suppressed.is_some()) {
                return Err(Problem::new(Code::SmsQuota));
            }
            found.opened_at = found.opened_at.filter(|_| !corrects);
            tx.update(&mut found)?;
            let word = match access.role {
                Standing::Support => Audited::SupportLinkResent,
                _ => Audited::InvitationResent,
            };
            note(tx, now, &actor, &access.consultation.owner, word, &found.id)?;
            let answer = Answer {
                status: StatusCode::OK.as_u16(),
                location: None,
                etag: None,
                body: serde_json::to_value(body(tx, &access, &found)?)
                    .map_err(|_| Problem::new(Code::Internal))?,
            };
            running.keep(tx, now, Sealing::Data(access.consultation.data_key()), &answer)?;
            Ok((answer, access.consultation.value))
        })
        .await?;
    clinic.outbox().wake();
    clinic.live().tell(&consultation, What::Invitations);
    Ok(answer.into_response())
}

/// Another number or address: whoever got the link by mistake loses it.
fn correct(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    access: &Access,
    found: &mut Versioned<Invitation>,
    to: &Resend,
) -> Result<(), Problem> {
    found.destination = destination(found.channel, to.email.as_deref(), to.phone.as_deref(), "")?;
    found.older_secrets.clear();
    // The one that was current becomes an old one when the letter is written: replaced first by one that nobody has.
    found.secret = create::hash(clinic, &Secret::link());
    crate::http::session::end_all(tx, &found.participant)?;
    if access.consultation.kind == Kind::Immediate {
        let mobile = Some(found.destination.clone());
        tx.put(&Contact { consultation: access.consultation.id.clone(), mobile, email: None })?;
    }
    Ok(())
}

/// A link to hand over, and the same as a picture. Shown once: the server keeps no link.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkShown {
    url: String,
    /// A QR code as SVG.
    qr_svg: String,
}

/// A link to copy or to show as a QR code, such as to a nurse beside the patient. Every call makes another that leads to the
/// same place. Portals need the scope `links:read`.
#[utoipa::path(post, path = "/api/v1/consultations/{id}/invitations/{invitation}/link", tag = "invitations",
    params(("id" = String, Path, description = "The consultation"),
        ("invitation" = String, Path, description = "The invitation")),
    security(("session" = []), ("portal" = [])), responses(
    (status = 200, description = "The link", body = LinkShown),
    (status = 403, description = "Not for this caller", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Over or revoked", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn link(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, invitation)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    let url = clinic
        .store()
        .write(|tx| {
            let access = consultation_for(tx, now, &actor, &id, Action::RevealLink)?;
            let mut found = one(tx, &access, &invitation)?;
            if access.consultation.status.is_over() || found.revoked_at.is_some() {
                return Err(Problem::new(Code::InvalidTransition));
            }
            let secret = letters::fresh_secret(&clinic, &mut found);
            tx.update(&mut found)?;
            note(tx, now, &actor, &access.consultation.owner, Audited::InvitationResent, &found.id)?;
            Ok::<_, Problem>(messages::link(&clinic, &secret))
        })
        .await?;
    let qr_svg = qr_svg(&url).ok_or(Problem::new(Code::Internal))?;
    Ok(([(http::header::CACHE_CONTROL, "no-store")], axum::Json(LinkShown { url, qr_svg })).into_response())
}

/// Black squares on white with the quiet zone of four modules that ISO/IEC 18004 wants.
fn qr_svg(text: &str) -> Option<String> {
    const BORDER: i32 = 4;
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let size = code.size();
    let whole = size + 2 * BORDER;
    let mut path = String::new();
    for y in 0..size {
        for x in (0..size).filter(|x| code.get_module(*x, y)) {
            path.push_str(&format!("M{},{}h1v1h-1z", x + BORDER, y + BORDER));
        }
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {whole} {whole}\" shape-rendering=\"crispEdges\">\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>"
    ))
}

/// Revokes a link: whoever came by it is sent out.
#[utoipa::path(delete, path = "/api/v1/consultations/{id}/invitations/{invitation}", tag = "invitations",
    params(("id" = String, Path, description = "The consultation"),
        ("invitation" = String, Path, description = "The invitation")),
    security(("session" = []), ("portal" = [])), responses(
    (status = 204, description = "Dead"),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn revoke(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, invitation)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let now = clinic.clock().now();
    let actor = caller.actor(now);
    let consultation = clinic
        .store()
        .write(|tx| {
            let mut access = consultation_for(tx, now, &actor, &id, Action::Reschedule)?;
            let mut found = one(tx, &access, &invitation)?;
            if found.revoked_at.is_none() {
                letters::revoke(tx, now, &mut found)?;
                note(tx, now, &actor, &access.consultation.owner, Audited::InvitationRevoked, &found.id)?;
                // Another link of the same person keeps the place.
                let others = tx.all::<Invitation>("consultation", access.consultation.id.as_str())?;
                let other = |one: &Versioned<Invitation>| {
                    one.participant == found.participant && one.revoked_at.is_none()
                };
                if !others.iter().any(other) {
                    let seat = access.participant(found.participant.as_str())?;
                    super::room::send_away(&clinic, tx, &mut access.consultation, seat)?;
                }
            }
            Ok::<_, Problem>(access.consultation.value)
        })
        .await?;
    clinic.scheduler().wake();
    clinic.live().tell(&consultation, What::Participants);
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_of_any_length_becomes_a_picture() {
        let svg = qr_svg("https://visio.example.org/c#AAAAAAAAAAAAAAAAAAAAAA").unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("viewBox=\"0 0 "), "{svg}");
        // The upper left finder pattern begins behind the quiet zone.
        assert!(svg.contains("M4,4h1"));
    }
}
