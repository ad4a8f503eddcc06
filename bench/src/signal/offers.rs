//! Our side of the negotiation of one peer connection on which we offer.

use chevet_sfu_core::api::{MediaKind, Token};

use crate::peer::Local;
use crate::sdp::{self, End, OurContent, Ours};

/// The sections that we offer, and where the exchange stands. One offer at a time is on its way; whatever changes
/// meanwhile makes the next.
#[derive(Debug)]
pub struct Offers {
    session: u64,
    sections: Vec<Ours>,
    /// Of the last offer, from 1.
    id: u32,
    outstanding: bool,
    wanted: bool,
}

impl Offers {
    pub fn new(session: u64) -> Offers {
        Offers { session, sections: Vec::new(), id: 0, outstanding: false, wanted: false }
    }

    /// At the end; sections never move and never go away (RFC 8829 5.2.2).
    pub fn add(&mut self, content: OurContent) -> Token {
        let number = self.sections.len().to_string();
        // At most 16 digits, for every length that fits into memory.
        let mid = Token::new(number.as_bytes()).unwrap_or_else(|| unreachable!("{number} sections"));
        self.sections.push(Ours { mid, content });
        self.wanted = true;
        mid
    }

    /// More sections to receive in, and an offer in any case: none at all is how a server asks for one.
    pub fn require(&mut self, audios: u32, videos: u32) {
        /// A server that asks for more has lost its count.
        const MAX: usize = 4096;
        for (kind, count) in [(MediaKind::Audio, audios), (MediaKind::Video, videos)] {
            for _ in 0..count {
                if self.sections.len() < MAX {
                    self.add(OurContent::Receive(kind));
                }
            }
        }
        self.wanted = true;
    }

    /// The next offer with its number, if one is due.
    pub fn next(&mut self, local: &Local, candidate: Option<std::net::SocketAddr>) -> Option<(u32, String)> {
        if self.outstanding || !self.wanted {
            return None;
        }
        self.wanted = false;
        self.outstanding = true;
        self.id += 1;
        let end = End { local, candidate, session: self.session, version: self.id.into() };
        Some((self.id, sdp::offer(end, &self.sections)))
    }

    /// Whether the answer is to the offer on its way. Some servers leave the number out.
    pub fn answered(&mut self, id: u32) -> bool {
        let expected = self.outstanding && (id == self.id || id == 0);
        if expected {
            self.outstanding = false;
        }
        expected
    }
}

#[cfg(test)]
mod tests {
    use chevet_sfu_core::api::{Fingerprint, IceCredentials};

    use super::*;

    #[test]
    fn one_offer_at_a_time_is_on_its_way_and_changes_meanwhile_make_the_next() {
        let local = Local {
            ice: IceCredentials { ufrag: "abcd".into(), pwd: "0123456789012345678901".into() },
            fingerprint: Fingerprint([7; 32]),
        };
        let mut offers = Offers::new(5);
        assert!(offers.next(&local, None).is_none());
        offers.add(OurContent::Data);
        let (id, text) = offers.next(&local, None).expect("there is something to say");
        assert_eq!(id, 1);
        assert_eq!(text.matches("m=").count(), 1);
        offers.require(2, 1);
        assert!(offers.next(&local, None).is_none());
        assert!(!offers.answered(7), "an answer to another offer");
        assert!(offers.answered(1));
        let (id, text) = offers.next(&local, None).expect("sections were asked for");
        assert_eq!(id, 2);
        assert!(text.contains("a=group:BUNDLE 0 1 2 3\r\n"), "{text}");
        assert!(text.contains("o=- 5 2 IN"), "{text}");
        assert!(offers.answered(0));
        assert!(!offers.answered(2), "answered twice");
        assert!(offers.next(&local, None).is_none());
        offers.require(0, 0);
        assert!(offers.next(&local, None).is_some());
    }
}
