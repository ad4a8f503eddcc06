//! One peer connection of a session.

use std::future::pending;

use crate::generator::Handle;
use crate::peer::Notice;
use crate::sdp::{Candidate, Described};

/// A peer of the generator, and how far its connection got.
pub struct Link {
    pub handle: Handle,
    /// Keys are needed before the join counts as done.
    pub needed: bool,
    pub ice: bool,
    pub keys: bool,
    described: Option<Described>,
    trickled: Vec<Candidate>,
    begun: bool,
}

impl Link {
    pub fn new(handle: Handle, needed: bool) -> Link {
        Link { handle, needed, ice: false, keys: false, described: None, trickled: Vec::new(), begun: false }
    }

    /// The other side's description, the first or a later one. True when this began the connection.
    pub fn describe(&mut self, described: Described) -> bool {
        if self.begun {
            self.handle.set_media(described.media());
            self.described = Some(described);
            return false;
        }
        self.described = Some(described);
        self.begin()
    }

    /// A candidate that came apart from the description. True when this began the connection.
    pub fn trickle(&mut self, candidate: Candidate) -> bool {
        let known =
            |described: &Described| described.candidates.iter().any(|known| known.addr == candidate.addr);
        if self.trickled.contains(&candidate) || self.described.as_ref().is_some_and(known) {
            return false;
        }
        self.trickled.push(candidate);
        let first = !self.begun;
        self.begin() && first
    }

    /// Needs a description and somewhere to send to.
    fn begin(&mut self) -> bool {
        let Some(described) = &self.described else {
            return false;
        };
        let remote = described.remote(&self.trickled);
        if remote.candidates.is_empty() {
            return false;
        }
        self.handle.connect(remote);
        self.begun = true;
        true
    }
}

/// The next notice of a peer connection that may not be there (yet): then never.
pub async fn notice(link: &mut Option<Link>) -> Option<Notice> {
    match link {
        Some(link) => link.handle.notice().await,
        None => pending().await,
    }
}
