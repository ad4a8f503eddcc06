//! Server-sent events: hints for the professional's pages, the own state for guests; and what `control` tells.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderName};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use tokio::sync::{broadcast, watch};
use utoipa::ToSchema;

use super::guard::consultation_for;
use super::guest::{self, GuestBody};
use super::live::{Hint, Watching};
use super::{What, presence};
use crate::Clinic;
use crate::control;
use crate::http::authorize::Standing;
use crate::http::problem::ProblemBody;
use crate::http::{Action, Caller, Code, Guest, Problem, SignedIn};
use crate::ids::{ConsultationId, ParticipantId};
use crate::model::ParticipantState;

/// Proxies give up silent connections after half a minute or more.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What changed: ask for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct HintBody {
    /// `null`: anything may have, because hints were missed.
    what: Option<What>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consultation_id: Option<ConsultationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    participant_id: Option<ParticipantId>,
}

struct Hints {
    hints: broadcast::Receiver<Hint>,
    stopping: watch::Receiver<bool>,
    first: bool,
    /// Of a colleague's own page.
    _watching: Option<Watching>,
}

fn event(name: &str, body: &impl Serialize) -> Event {
    Event::default().event(name).data(serde_json::to_string(body).unwrap_or_default())
}

/// The stream ends with the server: it would hold up an orderly stop.
fn hints(
    clinic: &Clinic,
    watching: Option<Watching>,
    wanted: impl Fn(&Hint) -> bool + Send + 'static,
) -> Response {
    let start =
        Hints { hints: clinic.live().hints(), stopping: clinic.stopping(), first: true, _watching: watching };
    let events = stream::unfold((start, wanted), async |(mut state, wanted)| {
        // The first says that it works, and to ask for everything that came before.
        if std::mem::take(&mut state.first) {
            return Some((Ok::<_, Infallible>(event("hint", &everything())), (state, wanted)));
        }
        loop {
            let hint = tokio::select! {
                _ = state.stopping.wait_for(|stop| *stop) => return None,
                hint = state.hints.recv() => hint,
            };
            let body = match hint {
                Ok(hint) if !wanted(&hint) => continue,
                Ok(hint) => HintBody {
                    what: Some(hint.what),
                    consultation_id: Some(hint.consultation),
                    participant_id: hint.participant,
                },
                Err(broadcast::error::RecvError::Lagged(_)) => everything(),
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            return Some((Ok(event("hint", &body)), (state, wanted)));
        }
    });
    answer(events)
}

fn everything() -> HintBody {
    HintBody { what: None, consultation_id: None, participant_id: None }
}

fn answer(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    // Buffering proxies would keep the hints for themselves.
    let headers = [(CACHE_CONTROL, "no-store"), (HeaderName::from_static("x-accel-buffering"), "no")];
    (headers, Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))).into_response()
}

/// Hints about one consultation: lights of invitations, waiting room, state, documents, payments.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/events", tag = "waiting room",
    params(("id" = String, Path, description = "The consultation")), security(("session" = [])), responses(
    (status = 200, description = "Server-sent events `hint`", body = HintBody, content_type = "text/event-stream"),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn of_one(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let access = consultation_for(clinic.store(), now, &caller.actor(now), &id, Action::SeeConsultation)?;
    if access.role == Standing::Support {
        return Err(Problem::new(Code::Forbidden));
    }
    let id = access.consultation.id.clone();
    let watching = access.seat.as_ref().map(|seat| clinic.live().watch(&access.consultation, &seat.id));
    Ok(hints(&clinic, watching, move |hint| hint.consultation == id))
}

/// Hints about all consultations of the caller, for "my consultations".
#[utoipa::path(get, path = "/api/v1/consultations/events", tag = "waiting room", security(("session" = [])), responses(
    (status = 200, description = "Server-sent events `hint`", body = HintBody, content_type = "text/event-stream"),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn of_all(State(clinic): State<Clinic>, signed_in: SignedIn) -> Response {
    let mut owners = signed_in.account.works_for.clone();
    owners.push(signed_in.id().clone());
    hints(&clinic, None, move |hint| owners.contains(&hint.owner))
}

struct Own {
    clinic: Clinic,
    guest: Guest,
    hints: broadcast::Receiver<Hint>,
    stopping: watch::Receiver<bool>,
    last: String,
    /// The page is open: the professional sees it.
    _watching: Watching,
}

/// The guest's own state, at once and whenever it changes: waiting, let in, sent back, over; and hints that documents or
/// payments changed. While it is read, the professional sees that the page is open. A last event `taken_over` says that
/// another device is used now.
#[utoipa::path(get, path = "/p/v1/events", tag = "guest", security(("guest" = [])), responses(
    (status = 200, description = "Server-sent events `state` and `hint`, and `taken_over` or `gone` at the end", body = GuestBody, content_type = "text/event-stream"),
    (status = 401, description = "No session", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn of_guest(State(clinic): State<Clinic>, guest: Guest) -> Result<Response, Problem> {
    let (consultation, seat) = guest::load(clinic.store(), &guest)?;
    let own = Own {
        hints: clinic.live().hints(),
        stopping: clinic.stopping(),
        _watching: clinic.live().watch(&consultation, &seat.id),
        clinic,
        guest,
        last: String::new(),
    };
    let events = stream::unfold(Some(own), async |own| {
        let mut own = own?;
        loop {
            // The session may have ended: by another device, by the professional, by the clock.
            let alive = own.clinic.store().get::<crate::model::Session>(&own.guest.session.id);
            if !matches!(alive, Ok(Some(_))) {
                // Whoever was sent out has lost the session with the place, and hears of it first.
                if was_sent_out(&own)
                    && let Some(state) = state_of(&own)
                    && state != own.last
                {
                    own.last.clone_from(&state);
                    return Some((Ok(Event::default().event("state").data(state)), Some(own)));
                }
                let name = if was_taken_over(&mut own.hints, &own.guest) { "taken_over" } else { "gone" };
                return Some((Ok::<_, Infallible>(event(name, &serde_json::json!({}))), None));
            }
            let state = state_of(&own)?;
            if state != own.last {
                own.last.clone_from(&state);
                return Some((Ok(Event::default().event("state").data(state)), Some(own)));
            }
            loop {
                let hint = tokio::select! {
                    _ = own.stopping.wait_for(|stop| *stop) => return None,
                    hint = own.hints.recv() => hint,
                };
                match hint {
                    Ok(hint) if hint.consultation != own.guest.consultation => {}
                    Ok(hint) if is_take_over(&hint, &own.guest) => {
                        return Some((Ok(event("taken_over", &serde_json::json!({}))), None));
                    }
                    // No part of the state: the page asks for the list.
                    Ok(Hint { what: what @ (What::Documents | What::Payments), .. }) => {
                        let hint = HintBody { what: Some(what), ..everything() };
                        return Some((Ok(event("hint", &hint)), Some(own)));
                    }
                    Ok(_) => break,
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        return Some((Ok(event("hint", &everything())), Some(own)));
                    }
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        }
    });
    Ok(answer(events))
}

/// The guest as the page gets it.
fn state_of(own: &Own) -> Option<String> {
    let (consultation, seat) = guest::load(own.clinic.store(), &own.guest).ok()?;
    let body = guest::body(&own.clinic, own.clinic.store(), &consultation, &seat).ok()?;
    serde_json::to_string(&body).ok()
}

fn was_sent_out(own: &Own) -> bool {
    guest::load(own.clinic.store(), &own.guest).is_ok_and(|(_, seat)| seat.state == ParticipantState::Removed)
}

fn is_take_over(hint: &Hint, guest: &Guest) -> bool {
    hint.what == What::TakenOver && hint.participant.as_ref() == Some(&guest.participant)
}

fn was_taken_over(hints: &mut broadcast::Receiver<Hint>, guest: &Guest) -> bool {
    while let Ok(hint) = hints.try_recv() {
        if is_take_over(&hint, guest) {
            return true;
        }
    }
    false
}

/// What `control` tells about rooms: LiveKit's webhooks, signed with the clinic's key. Not for others.
#[utoipa::path(post, path = "/api/v1/control-events", tag = "server", request_body(
    content = String, content_type = "application/webhook+json", description = "An event"), responses(
    (status = 204, description = "Taken"),
    (status = 401, description = "Not signed by the clinic's key", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, description = "Try again", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn control_event(
    State(clinic): State<Clinic>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let told = control::read(&clinic.config().control, authorization, &body);
    let told = told.ok_or(Problem::new(Code::Unauthenticated))?;
    presence::happened(&clinic, &told.room, &told.event).await?;
    Ok(StatusCode::NO_CONTENT)
}
