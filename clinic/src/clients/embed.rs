//! Showing a consultation in a portal's frame.
//!
//! The portal asks for a link to one consultation, for the professional whose it is, and puts it into a frame. The link is
//! good once and for a minute; its secret stands in the fragment. What the page gets for it is a bearer of its own, kept in
//! memory: browsers give frames of other sites no cookies. It opens this one consultation and nothing else, and proves no
//! presence: for signing, the professional confirms inside the frame as anywhere.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access;
use crate::Clinic;
use crate::audit::{Action as Audited, ActorKind, Event};
use crate::crypto::{LookupHash, Purpose, Secret};
use crate::http::problem::ProblemBody;
use crate::http::{Caller, Code, Json, Peer, Problem, SignedIn, session};
use crate::ids::{AccountId, ApiClientId, ConsultationId, SessionId};
use crate::limits::Rate;
use crate::model::{Account, AccountStatus, ApiClient, Consultation, LoginMethod, Scope, Session, Subject};
use crate::store::{IndexKey, Indexes, Query, Record, Sealing, StoreError, Tx};

/// Life of a link.
const LINK_LIFE: SignedDuration = SignedDuration::from_secs(60);
/// What begins the bearer of a frame.
pub const BEARER_PREFIX: &str = "che_";
const FROM_ONE_ADDRESS: Rate = Rate::per_minute(60);

/// A link that was not used yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Link {
    hash: LookupHash,
    client: ApiClientId,
    account: AccountId,
    consultation: ConsultationId,
    origin: String,
    expires_at: Timestamp,
}

impl Record for Link {
    const COLLECTION: &'static str = "embed_link";

    fn id(&self) -> String {
        self.hash.as_str().to_owned()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("expires", IndexKey::new().time(self.expires_at));
    }
}

/// What the session of a frame is limited to.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Frame {
    session: SessionId,
    client: ApiClientId,
    consultation: ConsultationId,
    expires_at: Timestamp,
}

impl Record for Frame {
    const COLLECTION: &'static str = "embed_frame";

    fn id(&self) -> String {
        self.session.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("expires", IndexKey::new().time(self.expires_at));
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEmbed {
    #[schema(value_type = String)]
    consultation_id: ConsultationId,
    /// The account of the professional who will see it.
    #[schema(value_type = String)]
    professional_ref: AccountId,
    /// The origin of the page around the frame: one of the client's.
    origin: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct EmbedBody {
    /// For the frame; good once, for a minute.
    embed_url: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// What the frame has to be allowed.
    allow: &'static str,
}

/// Features that a frame has to be granted.
const ALLOW: &str = "camera; microphone; autoplay; fullscreen; display-capture; clipboard-write";

/// Makes a one-time link for a frame of the portal. Scope `embed:write`.
#[utoipa::path(post, path = "/api/v1/embed-sessions", tag = "portals", request_body = NewEmbed, security(("portal" = [])), responses(
    (status = 201, description = "The link", body = EmbedBody),
    (status = 401, description = "Not a client", body = ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "Without the scope", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "No such consultation of this professional for this client", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Not an origin of the client", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(clinic): State<Clinic>,
    caller: Caller,
    Json(wanted): Json<NewEmbed>,
) -> Result<Response, Problem> {
    let Caller::Client(client) = caller else { return Err(Problem::new(Code::Forbidden)) };
    access::require(&clinic, &client, Scope::EmbedWrite).await?;
    if !client.allowed_origins.contains(&wanted.origin) {
        return Err(Problem::field("/origin", "not-allowed"));
    }
    let now = clinic.clock().now();
    let secret = Secret::session();
    let expires_at = now.saturating_add(LINK_LIFE).unwrap_or(Timestamp::MAX);
    let hidden = || Problem::new(Code::NotFound);
    clinic
        .store()
        .write(|tx| {
            let consultation = tx.get::<Consultation>(&wanted.consultation_id)?.ok_or_else(hidden)?;
            let account = tx.get::<Account>(&wanted.professional_ref)?.ok_or_else(hidden)?;
            let acts_for = client.accounts.is_empty() || client.accounts.contains(&consultation.owner);
            let open = account.status == AccountStatus::Active;
            if !acts_for || consultation.owner != account.id || !open {
                return Err(hidden());
            }
            tx.insert(&Link {
                hash: clinic.lookup().hash(Purpose::LinkSecret, secret.expose()),
                client: client.id.clone(),
                account: account.id.clone(),
                consultation: consultation.id.clone(),
                origin: wanted.origin,
                expires_at,
            })?;
            Ok(())
        })
        .await?;
    // The client stands in the path, so that the page's server knows which sites may frame it.
    let embed_url = format!("{}/integration/{}#{}", clinic.config().public_url, client.id, secret.expose());
    let body = EmbedBody { embed_url, expires_at, allow: ALLOW };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], axum::Json(body)).into_response())
}

/// `frame-ancestors` for the page of a client's frames. `None` for no client of ours: then nobody may frame it.
pub fn frame_ancestors(clinic: &Clinic, client: &str) -> Option<String> {
    let id: ApiClientId = client.parse().ok()?;
    let client = clinic.store().get::<ApiClient>(&id).ok()??;
    let origins = client.allowed_origins.join(" ");
    (client.disabled_at.is_none() && !origins.is_empty()).then(|| format!("frame-ancestors {origins}"))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkSecret {
    /// From the fragment of the link.
    token: String,
}

/// What the page in the frame works with.
#[derive(Debug, Serialize, ToSchema)]
pub struct FrameBody {
    /// For `Authorization: Bearer`; to be kept in memory only.
    access_token: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    consultation_id: ConsultationId,
    /// To whom the page may post messages.
    origin: String,
}

/// Exchanges the secret of a link for the frame's bearer. Once.
#[utoipa::path(post, path = "/api/v1/embed-sessions/redeem", tag = "portals", request_body = LinkSecret, responses(
    (status = 200, description = "The bearer", body = FrameBody),
    (status = 404, description = "Used, expired or never made", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn redeem(
    State(clinic): State<Clinic>,
    peer: Peer,
    Json(LinkSecret { token }): Json<LinkSecret>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    clinic.traffic().take(now, "embed", &peer.subject(), FROM_ONE_ADDRESS)?;
    let hash = clinic.lookup().hash(Purpose::LinkSecret, &token);
    let bearer = Secret::new(format!("{BEARER_PREFIX}{}", Secret::session().expose()));
    let unknown = || Problem::new(Code::LinkUnknown);
    let body = clinic
        .store()
        .write(|tx| {
            let link = tx.get::<Link>(hash.as_str())?.ok_or_else(unknown)?.value;
            tx.delete::<Link>(hash.as_str())?;
            let client = tx.get::<ApiClient>(&link.client)?;
            let account = tx.get::<Account>(&link.account)?;
            let client = client.filter(|client| client.disabled_at.is_none()).ok_or_else(unknown)?;
            let account =
                account.filter(|account| account.status == AccountStatus::Active).ok_or_else(unknown)?;
            if link.expires_at <= now {
                return Err(unknown());
            }
            let subject = Subject::Account { account: account.id.clone() };
            let epoch = account.session_epoch;
            let (mut session, _) = session::begin(&clinic, tx, subject, LoginMethod::Link, true, epoch)?;
            // Under another purpose than a cookie's: the bearer is no cookie, nor a cookie a bearer.
            session.secret = clinic.lookup().hash(Purpose::ApiSecret, bearer.expose());
            session.authenticated_at = Timestamp::UNIX_EPOCH;
            tx.put(&session)?;
            tx.insert(&Frame {
                session: session.id.clone(),
                client: link.client,
                consultation: link.consultation.clone(),
                expires_at: session.expires_at,
            })?;
            let event = Event::new(now, Audited::AuthLoginOk).on(&link.consultation).from_address(peer.0);
            let mut event = event.by(ActorKind::ApiClient, Some(client.id.to_string()));
            event.on_behalf_of = Some(account.id.to_string());
            tx.audit(&event)?;
            Ok(FrameBody {
                access_token: bearer.expose().to_owned(),
                expires_at: session.expires_at,
                consultation_id: link.consultation,
                origin: link.origin,
            })
        })
        .await?;
    Ok(([(CACHE_CONTROL, "no-store")], axum::Json(body)).into_response())
}

/// The session of a frame's bearer, for a request to `path`. 401 when it is over, 404 for anything but its consultation, the
/// session itself and the proof of presence.
pub fn within(clinic: &Clinic, bearer: &str, path: &str) -> Result<SignedIn, Problem> {
    let over = || Problem::new(Code::Unauthenticated);
    let hash = clinic.lookup().hash(Purpose::ApiSecret, bearer);
    let store = clinic.store();
    let session = store.find::<Session>("secret", IndexKey::new().hash(&hash))?.ok_or_else(over)?;
    let frame = store.get::<Frame>(&session.id)?.ok_or_else(over)?;
    let Subject::Account { account } = &session.subject else { return Err(over()) };
    let account = store.get::<Account>(account)?.ok_or_else(over)?;
    let client = store.get::<ApiClient>(&frame.client)?.ok_or_else(over)?;
    let open = account.status == AccountStatus::Active && account.session_epoch == session.epoch;
    if session.expires_at <= clinic.clock().now() || !open || client.disabled_at.is_some() {
        return Err(over());
    }
    let consultation = format!("/api/v1/consultations/{}", frame.consultation);
    let inside = path == consultation
        || path.strip_prefix(&consultation).is_some_and(|rest| rest.starts_with('/'))
        || ["/api/v1/auth/session", "/api/v1/auth/reauthenticate"].contains(&path);
    if inside { Ok(SignedIn { session, account }) } else { Err(Problem::new(Code::NotFound)) }
}

/// Deletes links and frames that are over.
pub(super) fn sweep(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let query = || Query::new("expires", IndexKey::new()).until(IndexKey::new().time(now)).limit(1000);
    let links = tx.list::<Link>(&query())?.items;
    for link in &links {
        tx.delete::<Link>(link.hash.as_str())?;
    }
    let frames = tx.list::<Frame>(&query())?.items;
    for frame in &frames {
        tx.delete::<Frame>(&frame.session)?;
    }
    Ok(links.len().saturating_add(frames.len()))
}
