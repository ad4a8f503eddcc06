//! Coming back from the provider.

use axum::extract::{Query, State};
use axum::response::Response;
use http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;

use super::token::{self, Distrust, Expected};
use super::{FROM_ONE_ADDRESS, claims, leave_for, redirect_uri};
use crate::Clinic;
use crate::accounts::identity::{self, Attempt, Proven, Wish};
use crate::audit::{Action as Audited, ActorKind, Event, Outcome};
use crate::http::problem::ProblemBody;
use crate::http::{Code, Peer, Problem};
use crate::model::LoginMethod;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Coming {
    /// From the start.
    #[serde(default)]
    state: String,
    /// Of the provider, for its tokens; good once.
    #[serde(default)]
    code: Option<String>,
    /// In place of a code, when the provider or the professional refused.
    #[serde(default)]
    error: Option<String>,
    /// Who answers (RFC 9207).
    #[serde(default)]
    iss: Option<String>,
}

/// Takes the provider's answer and sends the browser on: to the page that redeems the proven identity, whose ticket stands
/// in the fragment, or to the login page with a word that says why not.
#[utoipa::path(get, path = "/api/v1/auth/psc/callback", tag = "login", params(Coming), responses(
    (status = 303, description = "To `/connexion/identite#<ticket>` or `/connexion#probleme=<word>`"),
    (status = 501, description = "Not configured on this server", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn callback(
    State(clinic): State<Clinic>,
    peer: Peer,
    headers: HeaderMap,
    Query(coming): Query<Coming>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    clinic.traffic().take(now, "psc", &peer.subject(), FROM_ONE_ADDRESS)?;
    if clinic.psc().is_none() {
        return Err(Problem::new(Code::AdapterNotConfigured));
    }
    let attempt = identity::take(&clinic, LoginMethod::Psc, &coming.state, Some(&headers)).await?;
    let Some(attempt) = attempt else {
        return refused(&clinic, peer, "state", "login-expired").await;
    };
    match prove(&clinic, &attempt, &coming).await {
        Ok(proven) => {
            let page = identity::hand_over(&clinic, attempt, proven).await?;
            Ok(leave_for(&page, None))
        }
        Err(Refusal::Cancelled) => refused(&clinic, peer, "cancelled", "login-cancelled").await,
        Err(Refusal::Grant) => refused(&clinic, peer, "code", "login-failed").await,
        Err(Refusal::Distrust(why)) => refused(&clinic, peer, &why.to_string(), "login-failed").await,
        Err(Refusal::Unavailable) => {
            Ok(leave_for(&identity::refusal_page(&clinic, Code::ProviderUnavailable.slug()), None))
        }
    }
}

enum Refusal {
    Cancelled,
    Grant,
    Distrust(Distrust),
    Unavailable,
}

impl From<Distrust> for Refusal {
    fn from(distrust: Distrust) -> Refusal {
        Refusal::Distrust(distrust)
    }
}

impl From<Problem> for Refusal {
    fn from(_: Problem) -> Refusal {
        Refusal::Unavailable
    }
}

async fn prove(clinic: &Clinic, attempt: &Attempt, coming: &Coming) -> Result<Proven, Refusal> {
    let provider = clinic.psc().ok_or(Refusal::Unavailable)?;
    let now = clinic.clock().now();
    let (Some(code), None) = (&coming.code, &coming.error) else { return Err(Refusal::Cancelled) };
    let metadata = provider.metadata(now).await?;
    if coming.iss.as_ref().is_some_and(|iss| *iss != metadata.issuer) {
        return Err(Distrust::Issuer.into());
    }
    let tokens = provider.exchange(now, code, &redirect_uri(clinic), &attempt.verifier).await?;
    let tokens = tokens.ok_or(Refusal::Grant)?;
    let kid = token::key_id(&tokens.id_token);
    let keys = provider.keys(now, kid.as_deref()).await?;
    let config = provider.config();
    let expected = Expected { issuer: &metadata.issuer, client_id: &config.client_id, now };
    let since = (attempt.wish != Wish::LogIn).then_some(attempt.started_at);
    let id = token::id_token(&tokens.id_token, &keys, &expected, &attempt.nonce, &config.acr, since)?;
    let (body, jwt) = provider.userinfo(now, &tokens.access_token).await?;
    let info = if jwt {
        let text = std::str::from_utf8(&body).map_err(|_| Distrust::Unreadable)?;
        token::userinfo(text.trim(), &keys, &expected)?
    } else {
        serde_json::from_slice(&body).map_err(|_| Distrust::Identity)?
    };
    Ok(claims::proven(info, &id.sub, id.sid, tokens.id_token)?)
}

/// Keeps the reason in the trail; the page learns less.
async fn refused(clinic: &Clinic, peer: Peer, reason: &str, word: &str) -> Result<Response, Problem> {
    let event = Event::new(clinic.clock().now(), Audited::AuthPsc)
        .by(ActorKind::Anonymous, None)
        .from_address(peer.0)
        .with(Outcome::Failed, reason);
    clinic.store().write(|tx| tx.audit(&event)).await?;
    Ok(leave_for(&identity::refusal_page(clinic, word), None))
}
