//! The audit trail, for administrators. Of consultations they see that something was done and when, not in which and by whom.

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::require;
use crate::Clinic;
use crate::audit::{self, Action as Audited, ActorKind, Broken, Event, Outcome, Stored};
use crate::http::page::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::http::problem::ProblemBody;
use crate::http::{Action, Code, PageBody, Problem, Query, SignedIn};
use crate::ids::{AccountId, ApiClientId, PaymentAccountId, SupportId, WebhookId};
use crate::limits::Rate;
use crate::model::Settings;

/// Events looked at for one page: a search that finds little goes on with the next.
const LOOKED_AT_MAX: usize = 5000;
/// Each walks the whole trail.
const VERIFICATIONS: Rate = Rate::per_minute(6);

/// An event, as far as an administrator may see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrailEvent {
    seq: u64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// A stable word.
    #[schema(value_type = String)]
    action: Audited,
    #[schema(value_type = String)]
    outcome: Outcome,
    /// Absent where it is withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<TrailActor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    corr_id: Option<String>,
    /// It is about a consultation: the ids are not told.
    withheld: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TrailActor {
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: ActorKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

/// What belongs to the installation and not to a consultation: told by the object, so that a new action cannot tell more
/// than it should by being forgotten here.
fn is_open(event: &Event) -> bool {
    let family = event.action.as_str().split('.').next().unwrap_or_default();
    let about = event.object.as_deref();
    let known = about.is_none_or(|object| {
        object == Settings::ID
            || super::Adapter::ALL.iter().any(|adapter| adapter.as_str() == object)
            || object.parse::<AccountId>().is_ok()
            || object.parse::<ApiClientId>().is_ok()
            || object.parse::<PaymentAccountId>().is_ok()
            || object.parse::<SupportId>().is_ok()
            || object.parse::<WebhookId>().is_ok()
    });
    let families = [
        "account",
        "auth",
        "admin",
        "api",
        "access",
        "backup",
        "payment",
        "security",
        "signature",
        "support",
        "webhook",
    ];
    let whose = !matches!(event.actor.kind, ActorKind::Participant);
    known && whose && families.contains(&family)
}

fn shown(stored: Stored) -> TrailEvent {
    let open = is_open(&stored.event);
    let Stored { seq, event } = stored;
    TrailEvent {
        seq,
        at: event.at,
        action: event.action,
        outcome: event.outcome,
        actor: open.then_some(TrailActor { kind: event.actor.kind, id: event.actor.id }),
        object: event.object.filter(|_| open),
        reason: event.reason.filter(|_| open),
        ip_prefix: event.ip_prefix.filter(|_| open),
        corr_id: event.corr_id.filter(|_| open),
        withheld: !open,
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// A word, or a family of them with its dot: `auth.login.ok`, `auth.`.
    action: Option<String>,
    /// Not before this instant (RFC 3339).
    from: Option<String>,
    /// Before this instant (RFC 3339).
    to: Option<String>,
    /// Items on the page, 1 to 200; 50 unless given.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

struct Filter {
    action: Option<String>,
    from: Timestamp,
    to: Timestamp,
}

impl Filter {
    fn read(wanted: &Wanted) -> Result<Filter, Problem> {
        let mut wrong = Problem::new(Code::ValidationFailed);
        let mut instant = |text: &Option<String>, pointer: &str, open: Timestamp| match text {
            None => open,
            Some(text) => text.parse().unwrap_or_else(|_| {
                wrong.push_field(pointer, "invalid");
                open
            }),
        };
        let from = instant(&wanted.from, "/from", Timestamp::MIN);
        let to = instant(&wanted.to, "/to", Timestamp::MAX);
        let action = wanted.action.clone().filter(|text| !text.is_empty());
        let known = |text: &String| {
            Audited::ALL.iter().any(|action| {
                let word = action.as_str();
                word == text || (text.ends_with('.') && word.starts_with(text.as_str()))
            })
        };
        if action.as_ref().is_some_and(|text| !known(text)) {
            wrong.push_field("/action", "unknown");
        }
        if wrong.fields().is_empty() { Ok(Filter { action, from, to }) } else { Err(wrong) }
    }

    fn fits(&self, event: &Event) -> bool {
        let word = event.action.as_str();
        let action = self.action.as_ref().is_none_or(|wanted| {
            word == wanted || (wanted.ends_with('.') && word.starts_with(wanted.as_str()))
        });
        action && self.from <= event.at && event.at < self.to
    }
}

/// The trail, the newest first.
#[utoipa::path(get, path = "/api/v1/admin/audit", tag = "administration", params(Wanted), security(("session" = [])), responses(
    (status = 200, description = "A page; it may be shorter than asked for although there is a next", body = PageBody<TrailEvent>),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Fields to correct", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Query(wanted): Query<Wanted>,
) -> Result<axum::Json<PageBody<TrailEvent>>, Problem> {
    require(&clinic, &signed_in, Action::ReadAuditMetadata)?;
    let filter = Filter::read(&wanted)?;
    let limit = wanted.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::field("/limit", "out-of-bounds"));
    }
    let mut before = match wanted.cursor.as_deref() {
        None => u64::MAX,
        Some(text) => text.parse().map_err(|_| Problem::field("/cursor", "invalid"))?,
    };
    let mut items = Vec::new();
    let mut looked_at = 0;
    let next = loop {
        let step = audit::read_back(clinic.store(), before, limit.max(200))?;
        let Some(last) = step.last() else { break None };
        // The clock may have been set back, so an older event alone does not end the search; a day of them does.
        let slack = jiff::SignedDuration::from_hours(24);
        let over = filter.from > last.event.at.saturating_add(slack).unwrap_or(Timestamp::MAX);
        looked_at += step.len();
        for stored in step {
            if items.len() == limit {
                break;
            }
            before = stored.seq;
            if filter.fits(&stored.event) {
                items.push(shown(stored));
            }
        }
        if over && items.len() < limit {
            break None;
        }
        if items.len() == limit || looked_at >= LOOKED_AT_MAX {
            break (before > 1).then(|| before.to_string());
        }
    };
    Ok(axum::Json(PageBody { items, next }))
}

/// The words of all actions, to choose from.
#[utoipa::path(get, path = "/api/v1/admin/audit/actions", tag = "administration", security(("session" = [])), responses(
    (status = 200, description = "All of them", body = Vec<String>),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn actions(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
) -> Result<axum::Json<Vec<&'static str>>, Problem> {
    require(&clinic, &signed_in, Action::ReadAuditMetadata)?;
    Ok(axum::Json(Audited::ALL.iter().map(|action| action.as_str()).collect()))
}

/// Whether the trail is whole.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verified {
    whole: bool,
    /// Events that are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<u64>,
    /// Hash of the last, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<String>,
    /// To be kept elsewhere: it proves later that nothing before it was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<CheckpointBody>,
    /// Ed25519, hexadecimal: what proves a checkpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<BrokenBody>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CheckpointBody {
    seq: u64,
    hash: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    signature: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BrokenBody {
    /// `missing`, `changed`, `unreadable`, `head`, `checkpoint`, `store`.
    kind: &'static str,
    /// Number of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
}

/// Walks the whole trail and says whether it is whole.
#[utoipa::path(post, path = "/api/v1/admin/audit/verify", tag = "administration", security(("session" = [])), responses(
    (status = 200, description = "Whole, or where it is broken", body = Verified),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too often", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn verify(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
) -> Result<axum::Json<Verified>, Problem> {
    require(&clinic, &signed_in, Action::ReadAuditMetadata)?;
    let now = clinic.clock().now();
    clinic.traffic().take(now, "audit-verify", signed_in.id().as_str(), VERIFICATIONS)?;
    let store = clinic.store().clone();
    let walk = tokio::task::spawn_blocking(move || {
        let report = audit::verify(&store)?;
        let checkpoint = audit::checkpoint(&store, now)?;
        Ok::<_, Broken>((report, checkpoint, audit::public_key(&store)))
    });
    let outcome = walk.await.map_err(|_| Problem::new(Code::Internal))?;
    let event = Event::new(now, Audited::AdminAuditVerified)
        .by(ActorKind::Account, Some(signed_in.id().to_string()))
        .with(if outcome.is_ok() { Outcome::Ok } else { Outcome::Failed }, "walked");
    clinic.store().write(|tx| tx.audit(&event)).await?;
    let mut body = Verified {
        whole: outcome.is_ok(),
        events: None,
        first: None,
        last: None,
        head: None,
        checkpoint: None,
        public_key: None,
        broken: None,
    };
    match outcome {
        Ok((report, checkpoint, public_key)) => {
            body.events = Some(report.events);
            body.first = Some(report.first);
            body.last = Some(report.last);
            body.head = Some(report.head);
            body.public_key = Some(public_key);
            let audit::Checkpoint { seq, hash, at, signature } = checkpoint;
            body.checkpoint = Some(CheckpointBody { seq, hash, at, signature });
        }
        Err(broken) => {
            tracing::error!(%broken, "the audit trail is not whole");
            let (kind, seq) = match broken {
                Broken::Missing(seq) => ("missing", Some(seq)),
                Broken::Changed(seq) => ("changed", Some(seq)),
                Broken::Unreadable(seq) => ("unreadable", Some(seq)),
                Broken::Head => ("head", None),
                Broken::Checkpoint => ("checkpoint", None),
                Broken::Store(_) => ("store", None),
            };
            body.broken = Some(BrokenBody { kind, seq });
        }
    }
    Ok(axum::Json(body))
}
