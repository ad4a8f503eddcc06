//! Offers to the client's subscriber connection (v0): one at a time, changes in between make the next.

use std::time::{Duration, Instant};

use chevet_sfu_io::api::{Command, MediaKind, MediaSettings, Token};
use chevet_sfu_io::sdp::{self, AgreedPayload, Offered, OfferedMedia, RemoteDescription, Sender};
use livekit_protocol as proto;
use proto::signal_response::Message;

use super::{ANSWER_TIMEOUT, House, Session};

/// Changes that come close together make one offer.
const SETTLE: Duration = Duration::from_millis(20);
/// Media sections of our offers. Browsers slow down badly beyond, and readers (ours too) have limits.
const SECTIONS_MAX: usize = 250;

#[derive(Debug, Default)]
pub(super) struct Offers {
    last_id: u32,
    outstanding: Option<Instant>,
    /// When the next offer goes out, if none is outstanding.
    next_at: Option<Instant>,
    /// Something changed that the outstanding offer does not say.
    changed: bool,
    sections: Vec<OwnSection>,
}

/// A section that we made. The first is for data.
#[derive(Debug)]
struct OwnSection {
    mid: Token,
    kind: Option<MediaKind>,
    payloads: Vec<AgreedPayload>,
    occupant: Option<String>,
    /// Has been answered as inactive since it was last used, so that the client saw the old track end.
    rested: bool,
    /// The track that it carried before.
    last: Option<String>,
}

impl Offers {
    pub fn due(&self) -> Option<Instant> {
        match self.outstanding {
            Some(since) => since.checked_add(ANSWER_TIMEOUT),
            None => self.next_at,
        }
    }

    pub fn release(&mut self, sid: &str) {
        for section in &mut self.sections {
            if section.occupant.as_deref() == Some(sid) {
                section.last = section.occupant.take();
                section.rested = false;
            }
        }
    }

    fn placed(&self, sid: &str) -> bool {
        self.sections.iter().any(|section| section.occupant.as_deref() == Some(sid))
    }

    /// What was outstanding went with the old socket.
    pub fn reset(&mut self) {
        self.outstanding = None;
        self.next_at = None;
        self.changed = false;
    }
}

impl<H: House> Session<H> {
    pub(super) fn offer_soon(&mut self, now: Instant) {
        if self.offers.outstanding.is_some() {
            self.offers.changed = true;
        } else if self.offers.next_at.is_none() && self.attached {
            self.offers.next_at = now.checked_add(SETTLE);
        }
    }

    pub(super) fn offer_deadline(&mut self, now: Instant) {
        if self.offers.due().is_none_or(|at| at > now) {
            return;
        }
        if self.offers.outstanding.is_some() {
            self.offers.outstanding = None;
            if self.attached {
                self.mismatch("no answer to an offer");
            }
            return;
        }
        self.offers.next_at = None;
        // A participant that gets the right to subscribe later gets its connection then; data stays where it was.
        if self.subscriber.is_none() && !self.subscribe.downs().is_empty() {
            let data_downstream = self.publisher.is_none();
            self.open_subscriber(data_downstream);
        }
        if self.subscriber.is_some() && self.attached {
            self.make_offer(now);
        }
    }

    /// Places what waits and offers all sections.
    pub(super) fn make_offer(&mut self, now: Instant) {
        self.place();
        let Some(peer) = self.subscriber.as_mut() else {
            return;
        };
        let (fingerprint, candidates) = (self.house.fingerprint(), self.house.candidates());
        let end = peer.next_end(&fingerprint, &candidates);
        // Borrows end here: the names of the senders are needed while the sections are read.
        let end = (end.ice.clone(), end.session, end.version);
        let senders: Vec<Option<Sender>> = self
            .offers
            .sections
            .iter()
            .map(|section| Some(self.sender_of(section.occupant.as_deref()?)?.0))
            .collect();
        let sections: Vec<Offered<'_>> = self
            .offers
            .sections
            .iter()
            .zip(&senders)
            .map(|(section, sender)| Offered {
                mid: section.mid,
                media: match section.kind {
                    None => OfferedMedia::Data,
                    Some(kind) => {
                        OfferedMedia::Track { kind, payloads: &section.payloads, sender: sender.as_ref() }
                    }
                },
            })
            .collect();
        let (ice, session, version) = end;
        let local =
            sdp::LocalEnd { ice: &ice, fingerprint: &fingerprint, candidates: &candidates, session, version };
        let text = sdp::offer(local, &sections);
        let mid_to_track_id = self
            .offers
            .sections
            .iter()
            .filter_map(|section| Some((section.mid.as_str().to_owned(), section.occupant.clone()?)))
            .collect();

        self.offers.last_id = self.offers.last_id.saturating_add(1);
        self.offers.outstanding = Some(now);
        self.offers.next_at = None;
        self.offers.changed = false;
        self.send(Message::Offer(proto::SessionDescription {
            r#type: "offer".to_owned(),
            sdp: text,
            id: self.offers.last_id,
            mid_to_track_id,
        }));
    }

    fn place(&mut self) {
        if self.offers.sections.is_empty() {
            self.offers.sections.extend(new_section(0, None));
        }
        // Safari confuses the tracks of a section that is used again.
        let reuse = !self.hello.client.browser.eq_ignore_ascii_case("safari");
        let browser = self.hello.client.sdk() == proto::client_info::Sdk::Js;
        for (sid, kind) in self.unplaced() {
            let Some((codec, stereo)) = self.subscribe.codec_of(&sid) else {
                continue;
            };
            let count = self.offers.sections.len();
            let rested = |section: &OwnSection| {
                reuse && section.kind == Some(kind) && section.occupant.is_none() && section.rested
            };
            // Native clients do not notice a track that comes back in the section it was taken out of.
            let fresh =
                |section: &OwnSection| rested(section) && (browser || section.last.as_ref() != Some(&sid));
            let sections = &self.offers.sections;
            let free = sections.iter().position(fresh);
            let at = match free.or_else(|| sections.iter().position(rested).filter(|_| count >= SECTIONS_MAX))
            {
                Some(at) => at,
                None if count < SECTIONS_MAX => {
                    self.offers.sections.extend(new_section(count, Some(kind)));
                    count
                }
                None => {
                    tracing::warn!(sid = %self.sid, "no more media sections");
                    return;
                }
            };
            if let Some(section) = self.offers.sections.get_mut(at) {
                section.payloads = sdp::downstream_payloads(codec, stereo);
                section.occupant = Some(sid);
                section.rested = false;
            }
        }
    }

    fn unplaced(&self) -> Vec<(String, MediaKind)> {
        self.subscribe
            .downs()
            .iter()
            .filter(|down| !self.offers.placed(&down.sid))
            .map(|down| (down.sid.clone(), down.kind))
            .collect()
    }

    pub(super) fn client_answer(&mut self, now: Instant, description: &proto::SessionDescription) {
        // Some clients do not echo the number.
        let stale = description.id != 0 && description.id != self.offers.last_id;
        if self.offers.outstanding.is_none() || stale {
            tracing::debug!(sid = %self.sid, id = description.id, "answer to no offer");
            return;
        }
        let remote = match sdp::parse(&description.sdp) {
            Ok(remote) => remote,
            Err(error) => return self.mismatch(&format!("unusable answer: {error}")),
        };
        let Some(peer) = self.subscriber.as_mut() else {
            return;
        };
        let transport = peer.id;
        if peer.describe(&mut self.house, &mut self.commands, &remote, false).is_err() {
            return self.mismatch("the answer is of another peer connection");
        }
        self.offers.outstanding = None;
        self.commands.push(Command::SetMedia { transport, media: settings(&remote) });

        let mut agreed = Vec::new();
        for section in &mut self.offers.sections {
            let answered = remote.section(section.mid).map(|(_, answered)| answered);
            match (&section.occupant, section.kind) {
                (_, None) => {}
                (None, _) => section.rested = true,
                (Some(sid), _) => {
                    let receives =
                        answered.is_some_and(|answered| !answered.rejected && answered.direction.receives());
                    let has = |pt: u8| {
                        answered
                            .is_some_and(|answered| answered.payloads.iter().any(|payload| payload.pt == pt))
                    };
                    let payloads = section
                        .payloads
                        .iter()
                        .filter(|payload| receives && has(payload.pt))
                        .map(|payload| AgreedPayload {
                            rtx: payload.rtx.filter(|rtx| has(*rtx)),
                            ..payload.clone()
                        })
                        .collect::<Vec<_>>();
                    agreed.push((sid.clone(), section.mid, payloads));
                }
            }
        }
        for (sid, mid, payloads) in agreed {
            self.start_down(&sid, transport, mid, &payloads);
        }
        let unsaid = self.offers.changed || !self.unplaced().is_empty();
        if unsaid && self.offers.sections.len() < SECTIONS_MAX {
            self.offers.next_at = now.checked_add(SETTLE);
        }
    }
}

fn new_section(number: usize, kind: Option<MediaKind>) -> Option<OwnSection> {
    let mid = Token::new(number.to_string().as_bytes())?;
    Some(OwnSection { mid, kind, payloads: Vec::new(), occupant: None, rested: false, last: None })
}

/// What the answer left of our extensions.
fn settings(remote: &RemoteDescription) -> MediaSettings {
    let mut settings =
        MediaSettings { mixed_extensions: remote.mixed_extensions, ..MediaSettings::default() };
    for section in remote.sections.iter().filter(|section| !section.rejected) {
        for agreed in &section.extensions {
            if !settings.extensions.iter().any(|(id, _)| *id == agreed.id) {
                settings.extensions.push((agreed.id, agreed.extension));
            }
        }
    }
    settings
}
