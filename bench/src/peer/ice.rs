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

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(name: &str) -> IceCredentials {
        IceCredentials { ufrag: name.to_owned(), pwd: format!("{name}-password-of-some-length") }
    }

    fn server(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    struct Agent {
        ice: Ice,
        outlet: Outlet,
        now: Instant,
    }

    impl Agent {
        fn new() -> Agent {
            Agent { ice: Ice::new(credentials("client")), outlet: Outlet::new(), now: Instant::now() }
        }

        fn begun(ports: &[u16]) -> Agent {
            let mut agent = Agent::new();
            let candidates: Vec<SocketAddr> = ports.iter().copied().map(server).collect();
            agent.ice.begin(agent.now, &credentials("server"), &candidates);
            agent
        }

        /// The checks that are due after so long.
        fn checks_after(&mut self, pause: Duration) -> Vec<(SocketAddr, Vec<u8>)> {
            self.now += pause;
            assert!(self.ice.on_time(self.now, &mut self.outlet));
            self.outlet.take()
        }

        fn hear(&mut self, from: SocketAddr, bytes: &[u8]) -> (Outcome, Vec<(SocketAddr, Vec<u8>)>) {
            let outcome = self.ice.on_message(self.now, from, bytes, &mut self.outlet);
            (outcome, self.outlet.take())
        }
    }

    /// The answer of a server to a check.
    fn answer(check: &[u8], pwd: &str) -> Vec<u8> {
        let mut out = Vec::new();
        codec::write_success(&mut out, stun::transaction(check).unwrap(), server(1), pwd);
        out
    }

    /// A check of the server.
    fn their_check(pwd: &str, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        codec::write_request([5; 12], "client:server", pwd, attributes)
    }

    const CONTROLLED: (u16, &[u8]) = (0x8029, &[1; 8]);

    #[test]
    fn every_candidate_is_checked_until_the_first_answer() {
        let mut agent = Agent::begun(&[1, 2]);
        let checks = agent.checks_after(Duration::ZERO);
        assert_eq!(checks.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [server(1), server(2)]);
        let request = Unverified::parse(&checks[1].1).unwrap();
        assert_eq!(request.username(), Some(("server", "client")));
        let request = request.verify(&credentials("server").pwd).unwrap();
        assert!(request.use_candidate && matches!(request.role, Some(IceRole::Controlling(_))));

        assert!(agent.checks_after(Duration::from_millis(10)).is_empty());
        assert_eq!(agent.checks_after(CHECK_INTERVAL).len(), 2);
        let answer = answer(&checks[1].1, &credentials("server").pwd);
        assert_eq!(agent.hear(server(2), &answer).0, Outcome::Selected(server(2)));
        assert_eq!(agent.ice.path(), Some(server(2)));
        assert!(agent.checks_after(Duration::from_secs(1)).is_empty());
        let consent = agent.checks_after(Duration::from_secs(2));
        assert_eq!(consent.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [server(2)]);
    }

    #[test]
    fn only_the_answer_to_a_check_selects() {
        let mut agent = Agent::begun(&[1]);
        let check = agent.checks_after(Duration::ZERO).remove(0).1;
        let pwd = credentials("server").pwd;
        assert_eq!(agent.hear(server(1), &answer(&check, "another")).0, Outcome::Dropped);
        assert_eq!(agent.hear(server(9), &answer(&check, &pwd)).0, Outcome::Dropped);
        let mut unasked = check.clone();
        unasked[10] ^= 1;
        assert_eq!(agent.hear(server(1), &answer(&unasked, &pwd)).0, Outcome::Dropped);
        assert_eq!(agent.ice.path(), None);
        assert_eq!(agent.hear(server(1), &answer(&check, &pwd)).0, Outcome::Selected(server(1)));
        assert_eq!(agent.hear(server(1), &answer(&check, &pwd)).0, Outcome::Dropped, "repeated");
    }

    #[test]
    fn a_check_of_a_full_agent_is_answered_and_returned_at_once() {
        let mut agent = Agent::begun(&[]);
        let check = their_check(&credentials("client").pwd, &[CONTROLLED]);
        let (outcome, sent) = agent.hear(server(7), &check);
        assert_eq!(outcome, Outcome::Known);
        assert_eq!(sent.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [server(7), server(7)]);
        assert_eq!(stun::kind(&sent[0].1), Some(stun::BINDING_SUCCESS));
        assert_eq!(stun::transaction(&sent[0].1), Some([5; 12]));
        assert!(stun::is_authentic(&sent[0].1, &credentials("client").pwd));
        assert_eq!(stun::kind(&sent[1].1), Some(stun::BINDING_REQUEST));
        let answer = answer(&sent[1].1, &credentials("server").pwd);
        assert_eq!(agent.hear(server(7), &answer).0, Outcome::Selected(server(7)));
    }

    #[test]
    fn a_check_before_the_description_is_answered() {
        let mut agent = Agent::new();
        let (_, sent) = agent.hear(server(7), &their_check(&credentials("client").pwd, &[CONTROLLED]));
        assert_eq!(sent.len(), 1, "without the other side's password there is no check to send");
        assert_eq!(stun::kind(&sent[0].1), Some(stun::BINDING_SUCCESS));
    }

    #[test]
    fn strangers_and_those_who_want_to_control_are_refused() {
        let mut agent = Agent::begun(&[1]);
        let controlling: (u16, &[u8]) = (ATTR_ICE_CONTROLLING, &[1; 8]);
        for (check, expected) in [
            (their_check("guessed", &[CONTROLLED]), Outcome::Dropped),
            (their_check(&credentials("client").pwd, &[controlling]), Outcome::Known),
        ] {
            let (outcome, sent) = agent.hear(server(3), &check);
            assert_eq!(outcome, expected);
            assert_eq!(sent.len(), 1);
            assert_eq!(stun::kind(&sent[0].1), Some(0x0111), "an error");
            assert_eq!(agent.ice.path(), None);
        }
    }

    #[test]
    fn silence_ends_consent_after_thirty_seconds() {
        let mut agent = Agent::begun(&[1]);
        let check = agent.checks_after(Duration::ZERO).remove(0).1;
        agent.hear(server(1), &answer(&check, &credentials("server").pwd));
        for _ in 0..9 {
            assert_eq!(agent.checks_after(Duration::from_secs(3)).len(), 1);
        }
        agent.now += Duration::from_secs(4);
        assert!(!agent.ice.on_time(agent.now, &mut agent.outlet));
        assert!(agent.ice.deadline().is_none());
    }
}
