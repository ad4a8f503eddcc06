//! Rooms, participants, tokens: registry, Twirp, REST, webhooks.

pub mod media;
pub mod registry;
pub mod sid;
pub mod tokens;

use std::sync::Arc;

use media::{Ids, Media};
use registry::{Attachment, JoinError, JoinOptions, Joined, ResumeError};
use tokens::{Claims, TokenError};

/// The control plane: the registry, tokens, webhooks, metrics and the way to the media server. Clones are handles.
#[derive(Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

struct Inner {
    ids: Ids,
    media: Arc<dyn Media>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Control")
    }
}

impl Control {
    pub fn media(&self) -> &dyn Media {
        &*self.inner.media
    }

    /// Numbers for the media server's objects.
    pub fn ids(&self) -> &Ids {
        &self.inner.ids
    }

    /// Reads the token of a request: the `Authorization: Bearer` header if there is one, else `access_token` of the query.
    pub fn authenticate(
        &self,
        headers: &http::HeaderMap,
        access_token: Option<&str>,
    ) -> Result<Claims, TokenError> {
        let _ = (headers, access_token);
        Err(TokenError::Missing)
    }

    /// What `join` would say, without joining (the validate endpoints).
    pub fn check_join(&self, claims: &Claims, options: &JoinOptions) -> Result<(), JoinError> {
        let _ = (claims, options);
        Err(JoinError::NotAllowed)
    }

    /// Seats a participant. An older one of the same identity is sent away first.
    pub fn join(&self, claims: &Claims, options: JoinOptions) -> Result<Joined, JoinError> {
        let _ = (claims, options);
        Err(JoinError::NotAllowed)
    }

    /// May this client resume that session? By identity and sid, in the room of the token. Checked before the upgrade.
    pub fn check_resume(&self, claims: &Claims, sid: &str) -> Result<(), ResumeError> {
        let _ = (claims, sid);
        Err(ResumeError::Unknown)
    }

    /// Gives the session its new socket (`Notice::Attached`), after the upgrade. Gives it back when there is no such session.
    pub fn attach(&self, identity: &str, sid: &str, attachment: Attachment) -> Result<(), Attachment> {
        let _ = (identity, sid);
        Err(attachment)
    }
}
