//! The provider says that a session is over (OpenID Connect Back-Channel Logout 1.0).

use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderName};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::FROM_ONE_ADDRESS;
use super::logout::{SsoSession, of};
use super::token::{self, Expected};
use crate::Clinic;
use crate::audit::{Action as Audited, ActorKind, Event};
use crate::crypto::{LookupHash, Purpose};
use crate::http::problem::ProblemBody;
use crate::http::{Code, Peer, Problem};
use crate::model::{Session, Subject};
use crate::store::{IndexKey, Indexes, Record, Sealing};

/// How long the ids of used tokens are kept: longer than a token lives.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// The form, for the description.
#[derive(Deserialize, ToSchema)]
#[allow(dead_code, reason = "describes the form")]
pub struct Logout {
    /// The provider's JWT.
    logout_token: String,
}

/// A token that was used. Swept with login attempts of the same age.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::accounts) struct Used {
    hash: LookupHash,
    expires_at: Timestamp,
}

impl Record for Used {
    const COLLECTION: &'static str = "logout_token";

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

/// Deletes the ids of tokens that are too old to be believed again. For a timer.
pub(in crate::accounts) fn sweep(
    tx: &mut crate::store::Tx<'_>,
    now: Timestamp,
) -> Result<usize, crate::store::StoreError> {
    let query = crate::store::Query::new("expires", IndexKey::new());
    let old = tx.list::<Used>(&query.until(IndexKey::new().time(now)).limit(1000))?.items;
    for used in &old {
        tx.delete::<Used>(used.hash.as_str())?;
    }
    Ok(old.len())
}

/// Ends the sessions that came from the provider's session. For Pro Santé Connect only.
#[utoipa::path(post, path = "/api/v1/auth/psc/backchannel-logout", tag = "login",
    request_body(content = Logout, content_type = "application/x-www-form-urlencoded"), responses(
        (status = 200, description = "Ended, or there were none"),
        (status = 400, description = "Not a token to believe", body = ProblemBody, content_type = "application/problem+json"),
        (status = 501, description = "Not configured on this server", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(super) async fn logout(
    State(clinic): State<Clinic>,
    peer: Peer,
    body: Bytes,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1]), Problem> {
    let now = clinic.clock().now();
    clinic.traffic().take(now, "psc", &peer.subject(), FROM_ONE_ADDRESS)?;
    let provider = clinic.psc().ok_or(Problem::new(Code::AdapterNotConfigured))?;
    let mut pairs = url::form_urlencoded::parse(&body);
    let logout_token = pairs.find(|(name, _)| name == "logout_token").map(|(_, token)| token.into_owned());
    let logout_token = logout_token.ok_or(Problem::new(Code::Malformed))?;
    let metadata = provider.metadata(now).await?;
    let kid = token::key_id(&logout_token);
    let keys = provider.keys(now, kid.as_deref()).await?;
    let expected = Expected { issuer: &metadata.issuer, client_id: &provider.config().client_id, now };
    let over = token::logout_token(&logout_token, &keys, &expected).map_err(|why| {
        tracing::warn!(%why, "a logout token was not believed");
        Problem::new(Code::Malformed)
    })?;
    let used = Used {
        hash: clinic.lookup().hash(Purpose::LoginState, &format!("logout|{}", over.id)),
        expires_at: now.saturating_add(REMEMBERED).unwrap_or(Timestamp::MAX),
    };
    clinic
        .store()
        .write(|tx| {
            if tx.get::<Used>(used.hash.as_str())?.is_some() {
                return Err(Problem::new(Code::Malformed));
            }
            tx.insert(&used)?;
            for found in of(&clinic, tx, over.subject.as_deref(), over.session.as_deref())? {
                if let Some(session) = tx.get::<Session>(&found.session)?
                    && let Subject::Account { account } = &session.subject
                {
                    let who = Some(account.to_string());
                    tx.audit(&Event::new(now, Audited::AuthLogout).by(ActorKind::Account, who))?;
                }
                tx.delete::<Session>(&found.session)?;
                tx.delete::<SsoSession>(&found.session)?;
            }
            Ok(())
        })
        .await?;
    Ok((StatusCode::OK, [(CACHE_CONTROL, "no-store")]))
}
