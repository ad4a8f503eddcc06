//! Logging out at the provider too: remembering what it takes, and the address to go to (OpenID Connect RP-Initiated
//! Logout 1.0).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Clinic;
use crate::accounts::identity::Sso;
use crate::crypto::{LookupHash, Purpose};
use crate::ids::SessionId;
use crate::model::Session;
use crate::store::{IndexKey, Indexes, Query, Record, Sealing, StoreError, Tx};

/// The session over there that a session here came from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SsoSession {
    pub session: SessionId,
    id_token: String,
    subject: LookupHash,
    #[serde(default)]
    sid: Option<LookupHash>,
    expires_at: Timestamp,
}

impl Record for SsoSession {
    const COLLECTION: &'static str = "sso_session";

    fn id(&self) -> String {
        self.session.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("subject", IndexKey::new().hash(&self.subject));
        if let Some(sid) = &self.sid {
            indexes.add("sid", IndexKey::new().hash(sid));
        }
        indexes.add("expires", IndexKey::new().time(self.expires_at));
    }
}

fn hash(clinic: &Clinic, text: &str) -> LookupHash {
    clinic.lookup().hash(Purpose::NationalId, &format!("sso|{text}"))
}

/// Keeps what a later logout needs.
pub(in crate::accounts) fn remember(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    session: &Session,
    sso: &Sso,
) -> Result<(), StoreError> {
    let kept = SsoSession {
        session: session.id.clone(),
        id_token: sso.id_token.clone(),
        subject: hash(clinic, &sso.subject),
        sid: sso.session.as_deref().map(|sid| hash(clinic, sid)),
        expires_at: session.expires_at,
    };
    tx.insert(&kept).map(|_| ())
}

/// Forgets the session over there and gives its ID token.
pub(in crate::accounts) fn forget(
    tx: &mut Tx<'_>,
    session: &SessionId,
) -> Result<Option<String>, StoreError> {
    let Some(kept) = tx.get::<SsoSession>(session)? else { return Ok(None) };
    tx.delete::<SsoSession>(session)?;
    Ok(Some(kept.value.id_token))
}

/// Where the browser goes to end the session over there. `None` if the provider has no such address.
pub(in crate::accounts) async fn address(clinic: &Clinic, id_token: &str) -> Option<String> {
    let provider = clinic.psc()?;
    let metadata = provider.metadata(clinic.clock().now()).await.ok()?;
    let mut url = super::provider::endpoint(&metadata.end_session_endpoint?).ok()?;
    url.query_pairs_mut()
        .append_pair("id_token_hint", id_token)
        .append_pair("client_id", &provider.config().client_id)
        .append_pair("post_logout_redirect_uri", &format!("{}/connexion", clinic.config().public_url));
    Some(url.into())
}

/// The sessions here that came from a session there, or from any of a person.
pub(super) fn of(
    clinic: &Clinic,
    tx: &Tx<'_>,
    subject: Option<&str>,
    sid: Option<&str>,
) -> Result<Vec<SsoSession>, StoreError> {
    let query = match (sid, subject) {
        (Some(sid), _) => Query::new("sid", IndexKey::new().hash(&hash(clinic, sid))),
        (None, Some(subject)) => Query::new("subject", IndexKey::new().hash(&hash(clinic, subject))),
        (None, None) => return Ok(Vec::new()),
    };
    let subject = subject.map(|subject| hash(clinic, subject));
    let found = tx.list::<SsoSession>(&query.limit(1000))?.items;
    // With both, both have to fit.
    Ok(found
        .into_iter()
        .map(|found| found.value)
        .filter(|found| subject.as_ref().is_none_or(|subject| found.subject == *subject))
        .collect())
}

/// Deletes what is left of sessions that are over. For a timer.
pub(in crate::accounts) fn sweep(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let query = Query::new("expires", IndexKey::new()).until(IndexKey::new().time(now)).limit(1000);
    let old = tx.list::<SsoSession>(&query)?.items;
    for kept in &old {
        tx.delete::<SsoSession>(&kept.session)?;
    }
    Ok(old.len())
}
