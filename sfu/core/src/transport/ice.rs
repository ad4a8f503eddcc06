//! The lite side of ICE (RFC 8445 2.5, 7.3): answers checks, follows nominations, sends none of its own.

use crate::api::{IceCredentials, Path};
use crate::wire::stun::{self, BindingRequest, ErrorCode, IceRole, StunError, Unverified};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Not a binding request, or its fingerprint is wrong: not answered.
    NotRequest,
    /// The remote description is not known yet: not answered, the client repeats its checks.
    NotReady,
    /// No user name or integrity.
    Incomplete,
    /// Another user name, or not made with our password.
    Unauthenticated,
    /// The client takes itself for the controlled side; a lite agent cannot control.
    RoleConflict,
    /// It has an attribute that has to be understood and is not.
    UnknownAttribute,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceOutcome {
    Rejected(Rejection),
    /// The sender has our password: its path may be trusted.
    Answered {
        /// This path is the selected one from now on.
        nominated: bool,
    },
}

/// Where a client is, as its checks tell. Consent is watched by the transport, which also sees the media.
pub struct IceLite {
    local: IceCredentials,
    /// Before a restart: answered until the first check with the new ones.
    previous: Option<IceCredentials>,
    remote: Option<IceCredentials>,
    selected: Option<Path>,
    /// The highest number of a nomination, if the client numbers them.
    nomination: Option<u32>,
}

impl IceLite {
    pub fn new(local: IceCredentials) -> IceLite {
        IceLite { local, previous: None, remote: None, selected: None, nomination: None }
    }

    /// From the remote description; checks are answered from here on.
    pub fn set_remote(&mut self, remote: IceCredentials) {
        if self.remote.as_ref().is_some_and(|known| *known != remote) {
            // A restart: the client may count its nominations from the beginning.
            self.nomination = None;
        }
        self.remote = Some(remote);
    }

    /// New local credentials. Media goes on over the selected path until the client nominates another (RFC 8445 9).
    pub fn restart(&mut self, local: IceCredentials) {
        if local == self.local {
            return;
        }
        self.previous = Some(std::mem::replace(&mut self.local, local));
    }

    /// Where to send: what the client nominated last.
    pub fn selected(&self) -> Option<Path> {
        self.selected
    }

    /// The path is gone.
    pub fn forget(&mut self, path: Path) {
        if self.selected == Some(path) {
            self.selected = None;
        }
    }

    /// A STUN message came over `path`; the answer, if there is to be one, is appended to `reply`.
    pub fn on_request(&mut self, path: Path, bytes: &[u8], reply: &mut Vec<u8>) -> IceOutcome {
        match self.verify(path, bytes, reply) {
            Ok(request) => IceOutcome::Answered { nominated: self.follow(path, &request) },
            Err(rejection) => IceOutcome::Rejected(rejection),
        }
    }

    fn verify(&mut self, path: Path, bytes: &[u8], reply: &mut Vec<u8>) -> Result<BindingRequest, Rejection> {
        let unverified = match Unverified::parse(bytes) {
            Ok(unverified) => unverified,
            Err(StunError::Incomplete) => {
                if let Some(transaction_id) = bytes.get(8..).and_then(|rest| rest.first_chunk()) {
                    stun::write_error(reply, *transaction_id, ErrorCode::BadRequest, None, None);
                }
                return Err(Rejection::Incomplete);
            }
            Err(_) => return Err(Rejection::NotRequest),
        };
        if self.remote.is_none() {
            return Err(Rejection::NotReady);
        }
        let id = unverified.transaction_id();
        // The sender's own fragment is not compared: after a restart of its side checks may come before its description.
        let ufrag = unverified.username().map_or("", |(ours, _)| ours);
        let with_previous = self.previous.as_ref().is_some_and(|previous| previous.ufrag == ufrag);
        let credentials = match &self.previous {
            Some(previous) if with_previous => previous,
            _ => &self.local,
        };
        let verified =
            if credentials.ufrag == ufrag { unverified.verify(&credentials.pwd).ok() } else { None };
        let Some(request) = verified else {
            stun::write_error(reply, id, ErrorCode::Unauthenticated, None, None);
            return Err(Rejection::Unauthenticated);
        };
        let pwd = &credentials.pwd;
        if let Some(unknown) = request.unknown_required {
            stun::write_error(reply, id, ErrorCode::UnknownAttribute, Some(unknown), Some(pwd));
            return Err(Rejection::UnknownAttribute);
        }
        if matches!(request.role, Some(IceRole::Controlled(_))) {
            stun::write_error(reply, id, ErrorCode::RoleConflict, None, Some(pwd));
            return Err(Rejection::RoleConflict);
        }
        stun::write_success(reply, id, path.remote, pwd);
        if !with_previous && self.previous.take().is_some() {
            self.nomination = None;
        }
        Ok(request)
    }

    /// The latest nomination holds, so that a client can move to another network without a restart. Numbered ones
    /// (draft-thatcher-ice-renomination) do not fall back when checks overtake each other.
    fn follow(&mut self, path: Path, request: &BindingRequest) -> bool {
        match request.nomination {
            Some(number) => {
                if self.nomination.is_some_and(|highest| number < highest) {
                    return false;
                }
                self.nomination = Some(number);
            }
            None if !request.use_candidate => return false,
            None => {}
        }
        self.selected = Some(path);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::stun::tests::{CONTROLLING, PRIORITY, USE_CANDIDATE, request};

    const ANSWERED: IceOutcome = IceOutcome::Answered { nominated: false };
    const NOMINATED: IceOutcome = IceOutcome::Answered { nominated: true };

    fn credentials(name: &str) -> IceCredentials {
        IceCredentials { ufrag: name.to_owned(), pwd: format!("{name}-password-of-some-length") }
    }

    fn path(port: u16) -> Path {
        Path { remote: ([127, 0, 0, 1], port).into(), tcp: 0 }
    }

    struct Client {
        ice: IceLite,
        ours: IceCredentials,
        reply: Vec<u8>,
    }

    impl Client {
        fn new() -> Client {
            let mut ice = IceLite::new(credentials("server"));
            ice.set_remote(credentials("client"));
            Client { ice, ours: credentials("server"), reply: Vec::new() }
        }

        fn check(&mut self, port: u16, attributes: &[(u16, &[u8])]) -> IceOutcome {
            let bytes = request(&format!("{}:client", self.ours.ufrag), &self.ours.pwd, attributes);
            self.reply.clear();
            self.ice.on_request(path(port), &bytes, &mut self.reply)
        }

        /// Class and method of the answer.
        fn answered(&self) -> u16 {
            self.reply.first_chunk().map_or(0, |kind| u16::from_be_bytes(*kind))
        }
    }

    #[test]
    fn the_latest_nomination_is_followed() {
        let mut client = Client::new();
        assert_eq!(client.check(1, &[PRIORITY, CONTROLLING]), ANSWERED);
        assert_eq!(client.answered(), 0x0101);
        assert_eq!(client.ice.selected(), None);
        assert_eq!(client.check(1, &[PRIORITY, CONTROLLING, USE_CANDIDATE]), NOMINATED);
        assert_eq!(client.ice.selected(), Some(path(1)));
        assert_eq!(client.check(2, &[PRIORITY, CONTROLLING, USE_CANDIDATE]), NOMINATED);
        assert_eq!(client.ice.selected(), Some(path(2)));
        assert_eq!(client.check(1, &[PRIORITY, CONTROLLING]), ANSWERED);
        assert_eq!(client.ice.selected(), Some(path(2)));
    }

    #[test]
    fn a_numbered_nomination_does_not_fall_back() {
        let mut client = Client::new();
        let number = |number: &'static [u8; 4]| (0xc001, &number[..]);
        assert_eq!(client.check(1, &[USE_CANDIDATE, number(&[0, 0, 0, 2])]), NOMINATED);
        assert_eq!(client.check(2, &[USE_CANDIDATE, number(&[0, 0, 0, 1])]), ANSWERED);
        assert_eq!(client.ice.selected(), Some(path(1)));
        assert_eq!(client.check(2, &[USE_CANDIDATE, number(&[0, 0, 0, 3])]), NOMINATED);
        assert_eq!(client.ice.selected(), Some(path(2)));
    }

    #[test]
    fn a_stranger_selects_nothing() {
        let mut client = Client::new();
        client.ours.pwd.push('x');
        assert_eq!(client.check(1, &[USE_CANDIDATE]), IceOutcome::Rejected(Rejection::Unauthenticated));
        assert_eq!(client.answered(), 0x0111);
        client.ours = credentials("other");
        assert_eq!(client.check(1, &[USE_CANDIDATE]), IceOutcome::Rejected(Rejection::Unauthenticated));
        assert_eq!(client.ice.selected(), None);
    }

    #[test]
    fn nothing_is_answered_before_the_remote_description() {
        let mut client = Client::new();
        client.ice = IceLite::new(credentials("server"));
        assert_eq!(client.check(1, &[USE_CANDIDATE]), IceOutcome::Rejected(Rejection::NotReady));
        assert!(client.reply.is_empty());
    }

    #[test]
    fn a_client_that_wants_to_be_controlled_is_told_otherwise() {
        let mut client = Client::new();
        assert_eq!(client.check(1, &[(0x8029, &[1; 8])]), IceOutcome::Rejected(Rejection::RoleConflict));
        assert_eq!(client.answered(), 0x0111);
    }

    #[test]
    fn old_credentials_are_answered_until_the_new_ones_are_used() {
        let mut client = Client::new();
        assert_eq!(client.check(1, &[USE_CANDIDATE]), NOMINATED);
        client.ice.restart(credentials("fresh"));
        assert_eq!(client.check(1, &[]), ANSWERED);
        assert_eq!(client.ice.selected(), Some(path(1)), "media goes on");
        client.ours = credentials("fresh");
        assert_eq!(client.check(2, &[]), ANSWERED);
        assert_eq!(client.ice.selected(), Some(path(1)));
        client.ours = credentials("server");
        assert_eq!(client.check(1, &[]), IceOutcome::Rejected(Rejection::Unauthenticated));
        client.ours = credentials("fresh");
        assert_eq!(client.check(2, &[USE_CANDIDATE]), NOMINATED);
    }

    #[test]
    fn a_closed_path_is_no_longer_selected() {
        let mut client = Client::new();
        assert_eq!(client.check(1, &[USE_CANDIDATE]), NOMINATED);
        client.ice.forget(path(2));
        assert_eq!(client.ice.selected(), Some(path(1)));
        client.ice.forget(path(1));
        assert_eq!(client.ice.selected(), None);
    }
}
