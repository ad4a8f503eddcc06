//! Offers of the client: the publisher's connection in v0, the one connection in v1.

use std::time::{Duration, Instant};

use chevet_sfu_io::api::{Codec, Command, MediaKind, Token, TransportId};
use chevet_sfu_io::sdp::{self, Direction, RemoteDescription, Replied, Section, SectionKind};
use livekit_protocol as proto;
use proto::signal_response::Message;

use super::publish::section_kind;
use super::{House, Protocol, Session};

/// Changes that come close together make one request for sections.
const SETTLE: Duration = Duration::from_millis(20);
/// After this the client is asked again for the sections that it was asked for.
const REQUEST_AGAIN: Duration = Duration::from_secs(5);
const REQUESTS_MAX: u32 = 4;

/// The state of the client's offers.
#[derive(Debug, Default)]
pub(super) struct Single {
    /// The last offer with our replies.
    settled: Option<(RemoteDescription, Vec<Replied>)>,
    /// Sections of v1 that carry a track down: mid and its sid.
    carriers: Vec<(Token, String)>,
    /// Sections that carried a track until the last answer; they rest for one negotiation, so that the client sees
    /// the one track end before another begins.
    resting: Vec<Token>,
    /// When to ask the client for an offer.
    request_at: Option<Instant>,
    requests: u32,
}

impl Single {
    pub fn due(&self) -> Option<Instant> {
        self.request_at
    }

    pub fn carrier(&self, sid: &str) -> Option<Token> {
        self.carriers.iter().find(|(_, carried)| carried == sid).map(|(mid, _)| *mid)
    }

    pub fn release(&mut self, sid: &str) {
        for (mid, carried) in &self.carriers {
            if carried == sid {
                self.resting.push(*mid);
            }
        }
        self.carriers.retain(|(_, carried)| carried != sid);
    }

    /// After a resume everything asked for before is void.
    pub fn reset(&mut self) {
        self.request_at = None;
        self.requests = 0;
    }
}

impl<H: House> Session<H> {
    pub(super) fn client_offer(&mut self, now: Instant, description: proto::SessionDescription) {
        let remote = match sdp::parse(&description.sdp) {
            Ok(remote) => remote,
            Err(error) => return self.mismatch(&format!("unusable offer: {error}")),
        };
        let mut peer = match self.publisher.take() {
            Some(peer) => peer,
            None => self.open_publisher(),
        };
        let transport = peer.id;
        let Ok(role) = peer.describe(&mut self.house, &mut self.commands, &remote, true) else {
            self.publisher = Some(peer);
            return self.mismatch("the offer is of another peer connection");
        };

        self.drop_unsent(&remote);
        let matched = self.match_sections(&remote);
        if self.hello.protocol == Protocol::Single {
            self.assign_carriers(&remote);
        }
        let replies: Vec<Replied> = remote
            .sections
            .iter()
            .enumerate()
            .map(|(at, section)| self.reply(at, section, &matched))
            .collect();

        let (fingerprint, candidates) = (self.house.fingerprint(), self.house.candidates());
        let text = sdp::answer(peer.next_end(&fingerprint, &candidates), &remote, &replies, role);
        self.commands.push(Command::SetMedia { transport, media: sdp::media_settings(&remote, &replies) });
        self.publisher = Some(peer);

        for (at, sid) in &matched {
            if let (Some(section), Some(Replied::Media { payloads, .. })) =
                (remote.sections.get(*at), replies.get(*at))
            {
                self.publish_section(transport, sid, section, payloads);
            }
        }
        self.start_carriers(transport, &remote, &replies);

        let mid_to_track_id =
            self.single.carriers.iter().map(|(mid, sid)| (mid.as_str().to_owned(), sid.clone())).collect();
        self.send(Message::Answer(proto::SessionDescription {
            r#type: "answer".to_owned(),
            sdp: text,
            id: description.id,
            mid_to_track_id,
        }));
        self.single.resting.clear();
        self.single.settled = Some((remote, replies));
        self.single.requests = 0;
        self.single.request_at = None;
        if self.hello.protocol == Protocol::Single && self.waits_for_section() {
            self.request_sections_at(now);
        }
    }

    /// Tracks whose section is no longer sent, or gone.
    fn drop_unsent(&mut self, remote: &RemoteDescription) {
        let sends = |mid: Token| {
            remote.section(mid).is_some_and(|(_, section)| !section.rejected && section.direction.sends())
        };
        let gone: Vec<String> = self
            .publish
            .tracks
            .iter()
            .filter(|track| !sends(track.mid))
            .map(|track| track.info.sid.clone())
            .collect();
        for sid in gone {
            self.drop_published(&sid);
        }
    }

    /// Sections that are sent and belong to no track yet, with the AddTrack that they are about.
    fn match_sections(&self, remote: &RemoteDescription) -> Vec<(usize, String)> {
        let fresh: Vec<(usize, &Section)> = remote
            .sections
            .iter()
            .enumerate()
            .filter(|(_, section)| {
                !section.rejected
                    && section.direction.sends()
                    && section_kind(section).is_some()
                    && section.mid.is_some_and(|mid| self.publish.by_mid(mid).is_none())
            })
            .collect();
        self.publish.matches(&fresh)
    }

    fn reply(&self, at: usize, section: &Section, matched: &[(usize, String)]) -> Replied {
        let kind = match (section.kind, section.mid) {
            _ if section.rejected => return Replied::Rejected,
            (SectionKind::Other, _) | (_, None) => return Replied::Rejected,
            (SectionKind::Data, _) => return Replied::Data,
            (SectionKind::Audio, _) => MediaKind::Audio,
            (SectionKind::Video, _) => MediaKind::Video,
        };
        if section.direction.sends() {
            let published = section.mid.and_then(|mid| self.publish.by_mid(mid)).map(|track| &track.info.sid);
            let sid = matched.iter().find(|(index, _)| *index == at).map(|(_, sid)| sid).or(published);
            let request = sid.and_then(|sid| self.publish.request_of(sid));
            // Without a request (the offer came before its AddTrack) everything is taken until we know.
            let payloads = sdp::choose_received(section, request);
            return Replied::Media { direction: Direction::RecvOnly, payloads, sender: None };
        }
        let carried = section
            .mid
            .and_then(|mid| self.single.carriers.iter().find(|(carrier, _)| *carrier == mid))
            .and_then(|(_, sid)| self.sender_of(sid));
        match carried {
            Some((mut sender, codec, stereo)) => {
                let mut payloads = sdp::choose_sent(section, Some(codec), stereo);
                if !payloads.iter().any(|payload| payload.codec == codec && payload.rtx.is_some()) {
                    sender.rtx_ssrc = None;
                }
                // The codecs of other tracks may stay in the section, but this one has to be among them.
                if !payloads.iter().any(|payload| payload.codec == codec) {
                    payloads.clear();
                }
                if payloads.is_empty() {
                    return Replied::Media { direction: Direction::Inactive, payloads, sender: None };
                }
                Replied::Media { direction: Direction::SendOnly, payloads, sender: Some(sender) }
            }
            None => {
                let first = (kind == MediaKind::Video).then_some(Codec::Vp8);
                let payloads = sdp::choose_sent(section, first, false);
                Replied::Media { direction: Direction::Inactive, payloads, sender: None }
            }
        }
    }

    /// Gives the free sections of the offer to tracks that wait for one.
    fn assign_carriers(&mut self, remote: &RemoteDescription) {
        let receives = |section: &Section| {
            !section.rejected && !section.direction.sends() && section.direction.receives()
        };
        let usable = |mid: Token| remote.section(mid).is_some_and(|(_, section)| receives(section));
        let lost: Vec<String> = self
            .single
            .carriers
            .iter()
            .filter(|(mid, _)| !usable(*mid))
            .map(|(_, sid)| sid.clone())
            .collect();
        for sid in lost {
            self.single.release(&sid);
            self.subscribe.restart(&mut self.commands, &mut self.house, &sid);
        }
        for section in &remote.sections {
            let (Some(mid), Some(kind), true) = (section.mid, section_kind(section), receives(section))
            else {
                continue;
            };
            if self.single.resting.contains(&mid)
                || self.single.carriers.iter().any(|(known, _)| *known == mid)
            {
                continue;
            }
            let waiting = self.subscribe.waiting(kind, |sid| self.single.carrier(sid).is_some()).next();
            if let Some(sid) = waiting.map(str::to_owned) {
                self.single.carriers.push((mid, sid));
            }
        }
    }

    /// Begins what the answer has just promised.
    fn start_carriers(&mut self, transport: TransportId, remote: &RemoteDescription, replies: &[Replied]) {
        for (mid, sid) in self.single.carriers.clone() {
            let reply = remote.section(mid).and_then(|(at, _)| replies.get(at));
            match reply {
                Some(Replied::Media { direction: Direction::SendOnly, payloads, sender: Some(_) }) => {
                    self.start_down(&sid, transport, mid, payloads);
                }
                _ => {
                    self.single.release(&sid);
                    self.refuse_down(&sid);
                }
            }
        }
    }

    /// An AddTrack came after the offer with its section.
    pub(super) fn adopt_parked_sections(&mut self) {
        let Some((remote, replies)) = self.single.settled.take() else {
            return;
        };
        if let Some(transport) = self.publisher.as_ref().map(|peer| peer.id) {
            for (at, sid) in self.match_sections(&remote) {
                if let (Some(section), Some(Replied::Media { payloads, .. })) =
                    (remote.sections.get(at), replies.get(at))
                {
                    self.publish_section(transport, &sid, section, payloads);
                }
            }
        }
        // Publishing may have taken up a parked request, which may have looked here in vain: it waits for an offer.
        self.single.settled.get_or_insert((remote, replies));
    }

    /// A change of subscriptions in v1: only the client can offer, so it is asked to.
    pub(super) fn request_sections_at(&mut self, now: Instant) {
        if self.single.request_at.is_none() {
            self.single.requests = 0;
            self.single.request_at = now.checked_add(SETTLE);
        }
    }

    pub(super) fn requirement_deadline(&mut self, now: Instant) {
        if self.single.request_at.is_none_or(|at| at > now) {
            return;
        }
        self.single.request_at = None;
        // Before the first offer there is nothing to add to; that offer will be answered with all that is wanted.
        let Some((remote, _)) = &self.single.settled else {
            return;
        };
        if !self.attached || self.single.requests >= REQUESTS_MAX {
            return;
        }
        let missing = |kind: MediaKind| {
            let waiting = self.subscribe.waiting(kind, |sid| self.single.carrier(sid).is_some()).count();
            let free = remote
                .sections
                .iter()
                .filter(|section| {
                    section_kind(section) == Some(kind)
                        && !section.rejected
                        && section.direction == Direction::RecvOnly
                        && section.mid.is_some_and(|mid| {
                            !self.single.resting.contains(&mid)
                                && !self.single.carriers.iter().any(|(known, _)| *known == mid)
                        })
                })
                .count();
            u32::try_from(waiting.saturating_sub(free)).unwrap_or(0)
        };
        let (num_audios, num_videos) = (missing(MediaKind::Audio), missing(MediaKind::Video));
        if self.waits_for_section() || !self.single.resting.is_empty() {
            let requirement = proto::MediaSectionsRequirement { num_audios, num_videos };
            self.send(Message::MediaSectionsRequirement(requirement));
            self.single.requests = self.single.requests.saturating_add(1);
            self.single.request_at = now.checked_add(REQUEST_AGAIN);
        }
    }

    fn waits_for_section(&self) -> bool {
        [MediaKind::Audio, MediaKind::Video].into_iter().any(|kind| {
            self.subscribe.waiting(kind, |sid| self.single.carrier(sid).is_some()).next().is_some()
        })
    }
}
