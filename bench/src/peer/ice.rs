//! A full, controlling ICE agent with one host candidate (RFC 8445), as a value: sends checks, nominates the first candidate
//! that answers, keeps consent (RFC 7675), answers the other side's checks.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chevet_sfu_core::api::IceCredentials;
use chevet_sfu_core::wire::stun::{self as codec, ErrorCode, IceRole, Unverified};
use rand::Rng as _;

use super::stun;
use crate::net::Outlet;

/// Between checks of one candidate, as browsers have it for a pair that has not answered.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// After [`EAGER`] without an answer.
const SLOW_CHECK_INTERVAL: Duration = Duration::from_millis(250);
const EAGER: Duration = Duration::from_secs(5);
/// RFC 7675 5.1 wants 5 s, browsers take half of it.
const CONSENT_INTERVAL: Duration = Duration::from_millis(2500);
/// RFC 7675 5.1: consent ends so long after the last answer. A first answer may take as long.
const CONSENT: Duration = Duration::from_secs(30);
/// Candidates that are checked, the other side's own ones and those its checks come from.
const MAX_CANDIDATES: usize = 16;
/// Checks whose answers are waited for.
const MAX_TRANSACTIONS: usize = 128;

const ATTR_PRIORITY: u16 = 0x0024;
const ATTR_USE_CANDIDATE: u16 = 0x0025;
const ATTR_ICE_CONTROLLING: u16 = 0x802a;
/// Of a peer-reflexive candidate learnt from our check (RFC 8445 5.1.2).
const PRIORITY: [u8; 4] = 0x6e7f_1eff_u32.to_be_bytes();

/// What a message changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The first answer: this is where everything goes from now on.
    Selected(SocketAddr),
    /// An answer, or a check that was answered.
    Known,
    /// Not for us, not authentic, or not a message.
    Dropped,
}

pub struct Ice {
    local: IceCredentials,
    remote: Option<IceCredentials>,
    /// The highest possible, or nearly: in a conflict of roles we stay the controlling side.
    tie_breaker: u64,
    candidates: Vec<SocketAddr>,
    /// The latest address whose check was authentic.
    heard_from: Option<SocketAddr>,
    selected: Option<SocketAddr>,
    transactions: VecDeque<([u8; 12], SocketAddr)>,
    begun: Option<Instant>,
    next_check: Option<Instant>,
    answered: Option<Instant>,
    reply: Vec<u8>,
}

impl Ice {
    pub fn new(local: IceCredentials) -> Ice {
        Ice {
            local,
            remote: None,
            tie_breaker: u64::MAX - u64::from(rand::rng().random::<u16>()),
            candidates: Vec::new(),
            heard_from: None,
            selected: None,
            transactions: VecDeque::new(),
            begun: None,
            next_check: None,
            answered: None,
            reply: Vec::new(),
        }
    }

    /// Begins to check, or adds candidates.
    pub fn begin(&mut self, now: Instant, remote: &IceCredentials, candidates: &[SocketAddr]) {
        self.remote = Some(remote.clone());
        for candidate in candidates {
            self.add(*candidate);
        }
        self.begun.get_or_insert(now);
        if self.selected.is_none() {
            self.next_check = Some(now);
        }
    }

    fn add(&mut self, candidate: SocketAddr) {
        if !self.candidates.contains(&candidate) && self.candidates.len() < MAX_CANDIDATES {
            self.candidates.push(candidate);
        }
    }

    /// Where to send: the candidate that answered first, before that one whose check came.
    pub fn path(&self) -> Option<SocketAddr> {
        self.selected.or(self.heard_from)
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.next_check
    }

    /// Sends the checks that are due. False when the other side is gone: nothing was answered for 30 s.
    pub fn on_time(&mut self, now: Instant, outlet: &mut Outlet) -> bool {
        if self.next_check.is_none_or(|at| at > now) {
            return true;
        }
        let Some(since) = self.answered.or(self.begun) else { return true };
        let silence = now.saturating_duration_since(since);
        if silence >= CONSENT {
            self.next_check = None;
            return false;
        }
        let interval = match self.selected {
            Some(selected) => {
                self.check(selected, outlet);
                // RFC 7675 5.1: spread, so that the checks of many peers do not fall together.
                CONSENT_INTERVAL.mul_f64(rand::rng().random_range(0.8..1.2))
            }
            None => {
                for number in 0..self.candidates.len() {
                    self.check(self.candidates[number], outlet);
                }
                if silence < EAGER { CHECK_INTERVAL } else { SLOW_CHECK_INTERVAL }
            }
        };
        self.next_check = now.checked_add(interval);
        true
    }

    fn check(&mut self, to: SocketAddr, outlet: &mut Outlet) {
        let Some(remote) = &self.remote else { return };
        let mut transaction = [0; 12];
        rand::rng().fill(&mut transaction);
        let user = format!("{}:{}", remote.ufrag, self.local.ufrag);
        let attributes: [(u16, &[u8]); 3] = [
            (ATTR_PRIORITY, &PRIORITY),
            (ATTR_ICE_CONTROLLING, &self.tie_breaker.to_be_bytes()),
            (ATTR_USE_CANDIDATE, &[]),
        ];
        outlet.push(to, &codec::write_request(transaction, &user, &remote.pwd, &attributes));
        if self.transactions.len() >= MAX_TRANSACTIONS {
            self.transactions.pop_front();
        }
        self.transactions.push_back((transaction, to));
    }

    /// A STUN message came.
    pub fn on_message(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &[u8],
        outlet: &mut Outlet,
    ) -> Outcome {
        match stun::kind(bytes) {
            Some(stun::BINDING_REQUEST) => self.on_request(from, bytes, outlet),
            Some(stun::BINDING_SUCCESS) => self.on_success(now, from, bytes),
            // An error: the next check may do better. Indications keep mappings alive and say nothing.
            Some(_) => Outcome::Known,
            None => Outcome::Dropped,
        }
    }

    fn on_success(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> Outcome {
        let known = stun::transaction(bytes).and_then(|id| {
            self.transactions.iter().position(|(transaction, to)| *transaction == id && *to == from)
        });
        let authentic = self.remote.as_ref().is_some_and(|remote| stun::is_authentic(bytes, &remote.pwd));
        let Some(known) = known.filter(|_| authentic) else { return Outcome::Dropped };
        self.transactions.remove(known);
        self.answered = Some(now);
        if self.selected.is_some() {
            return Outcome::Known;
        }
        self.selected = Some(from);
        self.transactions.clear();
        self.next_check = now.checked_add(CONSENT_INTERVAL);
        Outcome::Selected(from)
    }

    fn on_request(&mut self, from: SocketAddr, bytes: &[u8], outlet: &mut Outlet) -> Outcome {
        self.reply.clear();
        let Ok(unverified) = Unverified::parse(bytes) else { return Outcome::Dropped };
        let id = unverified.transaction_id();
        let ours = unverified.username().is_some_and(|(ufrag, _)| ufrag == self.local.ufrag);
        let pwd = &self.local.pwd;
        let Some(request) = ours.then(|| unverified.verify(pwd).ok()).flatten() else {
            codec::write_error(&mut self.reply, id, ErrorCode::Unauthenticated, None, None);
            outlet.push(from, &self.reply);
            return Outcome::Dropped;
        };
        if let Some(unknown) = request.unknown_required {
            codec::write_error(&mut self.reply, id, ErrorCode::UnknownAttribute, Some(unknown), Some(pwd));
        } else if matches!(request.role, Some(IceRole::Controlling(_))) {
            // RFC 8445 7.3.1.1: our tie-breaker is the larger one, so the other side has to give way.
            codec::write_error(&mut self.reply, id, ErrorCode::RoleConflict, None, Some(pwd));
        } else {
            codec::write_success(&mut self.reply, id, from, pwd);
            self.heard_from = Some(from);
        }
        outlet.push(from, &self.reply);
        // RFC 8445 7.3.1.4: a check of ours in the other direction, at once. It may come before the description does.
        if self.heard_from == Some(from) && self.selected.is_none() {
            self.add(from);
            self.check(from, outlet);
        }
        Outcome::Known
    }
}
