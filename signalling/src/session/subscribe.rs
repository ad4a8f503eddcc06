//! What the client receives: which tracks it may and wants to have, and what it asked of each.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use chevet_control::registry::Offered;
use chevet_sfu_io::api::{
    Codec, Command, MediaKind, Quality, SubscriptionConfig, SubscriptionId, SubscriptionSettings, Token,
    TrackId, TransportId,
};
use chevet_sfu_io::sdp::{AgreedPayload, Sender};
use livekit_protocol as proto;
use proto::signal_response::Message;

use super::values::{info_kind, opus_options, quality, red_allowed};
use super::{House, Protocol, Session};

/// Wishes and settings that are remembered, each.
const REMEMBERED_MAX: usize = 4096;
/// After this the client learns that a track which it wants has not appeared.
const NOT_FOUND_AFTER: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Subscribing {
    /// Tracks of the others.
    tracks: HashMap<String, Offered>,
    /// Asked for or declined by name, known or not.
    wishes: HashMap<String, bool>,
    /// Wanted by name, unknown so far.
    missing: HashMap<String, Instant>,
    settings: HashMap<String, SubscriptionSettings>,
    downs: Vec<Down>,
    /// No codec in common: not tried again.
    unusable: HashSet<String>,
}

/// A track on its way to the client.
#[derive(Debug)]
pub(super) struct Down {
    pub sid: String,
    pub kind: MediaKind,
    pub codec: Codec,
    track: TrackId,
    subscription: SubscriptionId,
    ssrc: u32,
    rtx_ssrc: Option<u32>,
    /// The media server forwards it.
    active: bool,
    /// The client's line carries nothing of it.
    suspended: bool,
    /// What the client was told of that.
    told_suspended: bool,
}

impl Subscribing {
    pub fn due(&self) -> Option<Instant> {
        self.missing.values().min().copied()
    }

    pub fn downs(&self) -> &[Down] {
        &self.downs
    }

    /// Tracks that shall go down and have no section, the oldest first.
    pub fn waiting<'a>(
        &'a self,
        kind: MediaKind,
        placed: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = &'a str> + 'a {
        self.downs
            .iter()
            .filter(move |down| down.kind == kind && !placed(&down.sid))
            .map(|down| down.sid.as_str())
    }

    /// The section of this track is lost; it begins again in another.
    pub fn restart<H: House>(&mut self, commands: &mut Vec<Command>, house: &mut H, sid: &str) {
        if let Some(down) = self.downs.iter_mut().find(|down| down.sid == sid)
            && down.active
        {
            commands.push(Command::Unsubscribe { subscription: down.subscription });
            house.set_subscribed(down.track, false);
            down.active = false;
            down.suspended = false;
            down.subscription = house.new_subscription();
        }
    }

    /// The codecs that a section for this track has to carry.
    pub fn codec_of(&self, sid: &str) -> Option<(Codec, bool)> {
        let info = &self.tracks.get(sid)?.publication.info;
        let down = self.downs.iter().find(|down| down.sid == sid)?;
        let codec = match down.codec {
            Codec::Opus if red_allowed(info) => Codec::Red,
            codec => codec,
        };
        Some((codec, opus_options(info).stereo))
    }
}

impl<H: House> Session<H> {
    pub(super) fn track_appeared(&mut self, now: Instant, offered: Offered) {
        let sid = offered.publication.info.sid.clone();
        self.subscribe.missing.remove(&sid);
        let media: Vec<TrackId> = offered.publication.media.iter().map(|media| media.track).collect();
        let denied = !offered.allowed && self.subscribe.tracks.get(&sid).is_none_or(|known| known.allowed);
        let publisher_sid = offered.publication.publisher_sid.to_string();
        self.subscribe.tracks.insert(sid.clone(), offered);
        // Published anew under the same sid: the old stream is gone.
        if self.subscribe.downs.iter().any(|down| down.sid == sid && !media.contains(&down.track)) {
            self.drop_down(now, &sid);
        }
        if denied && self.wishes(&sid) {
            self.tell_permission(publisher_sid, sid.clone(), false);
        }
        self.evaluate(now, &sid);
    }

    pub(super) fn track_gone(&mut self, now: Instant, sid: &str) {
        self.drop_down(now, sid);
        self.subscribe.tracks.remove(sid);
        self.subscribe.wishes.remove(sid);
        self.subscribe.settings.remove(sid);
        self.subscribe.unusable.remove(sid);
    }

    pub(super) fn track_allowed(&mut self, now: Instant, publisher_sid: &str, sid: &str, allowed: bool) {
        let Some(offered) = self.subscribe.tracks.get_mut(sid) else {
            return;
        };
        if std::mem::replace(&mut offered.allowed, allowed) == allowed {
            return;
        }
        if self.wishes(sid) {
            self.tell_permission(publisher_sid.to_owned(), sid.to_owned(), allowed);
        }
        self.evaluate(now, sid);
    }

    fn tell_permission(&mut self, participant_sid: String, track_sid: String, allowed: bool) {
        self.send(Message::SubscriptionPermissionUpdate(proto::SubscriptionPermissionUpdate {
            participant_sid,
            track_sid,
            allowed,
        }));
    }

    /// The client or the API names tracks; unknown ones are remembered.
    pub(super) fn wish(&mut self, now: Instant, sids: impl IntoIterator<Item = String>, subscribe: bool) {
        for sid in sids {
            if self.subscribe.wishes.len() >= REMEMBERED_MAX && !self.subscribe.wishes.contains_key(&sid) {
                tracing::debug!(sid = %self.sid, "too many tracks named");
                break;
            }
            self.subscribe.wishes.insert(sid.clone(), subscribe);
            if subscribe && !self.subscribe.tracks.contains_key(&sid) {
                if let Some(at) = now.checked_add(NOT_FOUND_AFTER) {
                    self.subscribe.missing.entry(sid.clone()).or_insert(at);
                }
            } else {
                self.subscribe.missing.remove(&sid);
            }
            if !subscribe {
                self.subscribe.unusable.remove(&sid);
            }
            self.evaluate(now, &sid);
        }
    }

    pub(super) fn wish_deadline(&mut self, now: Instant) {
        if self.subscribe.due().is_none_or(|at| at > now) {
            return;
        }
        let overdue: Vec<String> =
            self.subscribe.missing.iter().filter(|(_, at)| **at <= now).map(|(sid, _)| sid.clone()).collect();
        for track_sid in overdue {
            self.subscribe.missing.remove(&track_sid);
            let err = proto::SubscriptionError::SeTrackNotfound as i32;
            self.send(Message::SubscriptionResponse(proto::SubscriptionResponse { track_sid, err }));
        }
    }

    /// Replaces the wishes by those of a resuming client.
    pub(super) fn replace_wishes(&mut self, now: Instant, sids: Vec<String>, subscribe: bool) {
        self.hello.auto_subscribe = !subscribe;
        self.subscribe.wishes.clear();
        self.subscribe.missing.clear();
        self.wish(now, sids, subscribe);
        self.evaluate_all(now);
    }

    pub(super) fn track_settings(&mut self, request: proto::UpdateTrackSettings) {
        let settings = SubscriptionSettings {
            enabled: !request.disabled,
            quality: quality(request.quality),
            width: request.width,
            height: request.height,
            fps: request.fps,
        };
        for sid in request.track_sids {
            self.set_settings(sid, settings);
        }
    }

    pub(super) fn set_settings(&mut self, sid: String, settings: SubscriptionSettings) {
        if self.subscribe.settings.len() >= REMEMBERED_MAX && !self.subscribe.settings.contains_key(&sid) {
            return;
        }
        if let Some(down) = self.subscribe.downs.iter().find(|down| down.sid == sid)
            && down.active
        {
            self.commands.push(Command::SetSubscription { subscription: down.subscription, settings });
        }
        self.subscribe.settings.insert(sid, settings);
    }

    pub(super) fn disable(&mut self, sid: String) {
        let settings = self.subscribe.settings.get(&sid).copied().unwrap_or_default();
        self.set_settings(sid, SubscriptionSettings { enabled: false, ..settings });
    }

    /// Congestion, not the client, has paused a track, or not any more.
    pub(super) fn stream_state(&mut self, subscription: SubscriptionId, suspended: bool) {
        let mut downs = self.subscribe.downs.iter_mut();
        let Some(down) = downs.find(|down| down.subscription == subscription) else { return };
        down.suspended = suspended;
        if !self.attached {
            return;
        }
        down.told_suspended = suspended;
        let sid = down.sid.clone();
        let state = if suspended { proto::StreamState::Paused } else { proto::StreamState::Active };
        self.tell_stream_states(&[sid], state);
    }

    /// After a resume: what happened meanwhile was told to nobody.
    pub(super) fn repeat_stream_states(&mut self) {
        for suspended in [true, false] {
            let mut sids = Vec::new();
            for down in &mut self.subscribe.downs {
                if down.suspended == suspended && down.told_suspended != suspended {
                    down.told_suspended = suspended;
                    sids.push(down.sid.clone());
                }
            }
            let state = if suspended { proto::StreamState::Paused } else { proto::StreamState::Active };
            self.tell_stream_states(&sids, state);
        }
    }

    fn tell_stream_states(&mut self, sids: &[String], state: proto::StreamState) {
        let stream_states: Vec<proto::StreamStateInfo> = sids
            .iter()
            .filter_map(|sid| {
                let publisher = &self.subscribe.tracks.get(sid)?.publication.publisher_sid;
                Some(proto::StreamStateInfo {
                    participant_sid: publisher.to_string(),
                    track_sid: sid.clone(),
                    state: state as i32,
                })
            })
            .collect();
        if !stream_states.is_empty() {
            self.send(Message::StreamStateUpdate(proto::StreamStateUpdate { stream_states }));
        }
    }

    fn wishes(&self, sid: &str) -> bool {
        self.subscribe.wishes.get(sid).copied().unwrap_or(self.hello.auto_subscribe)
    }

    pub(super) fn evaluate_all(&mut self, now: Instant) {
        let mut sids: Vec<String> = self.subscribe.tracks.keys().cloned().collect();
        sids.sort_unstable();
        for sid in sids {
            self.evaluate(now, &sid);
        }
    }

    /// Begins or ends the subscription of a track, as permissions and wishes have it now.
    fn evaluate(&mut self, now: Instant, sid: &str) {
        let present = self.subscribe.downs.iter().any(|down| down.sid == sid);
        let wanted =
            self.subscribe.tracks.get(sid).filter(|offered| {
                offered.allowed && self.wishes(sid) && !self.subscribe.unusable.contains(sid)
            });
        match wanted.cloned().filter(|_| self.house.permission().can_subscribe) {
            Some(offered) if !present => self.add_down(now, &offered),
            None if present => self.drop_down(now, sid),
            _ => {}
        }
    }

    fn add_down(&mut self, now: Instant, offered: &Offered) {
        let info = &offered.publication.info;
        let (Some(media), Some(kind)) = (offered.publication.media.first(), info_kind(info)) else {
            return;
        };
        let ssrc = self.new_ssrc();
        let mut down = Down {
            sid: info.sid.clone(),
            kind,
            codec: media.codec,
            track: media.track,
            subscription: self.house.new_subscription(),
            ssrc,
            rtx_ssrc: None,
            active: false,
            suspended: false,
            told_suspended: false,
        };
        if kind == MediaKind::Video {
            // Two of 32 random bits may be alike, and RTP could not tell them apart.
            down.rtx_ssrc = Some(ssrc).map(|taken| {
                loop {
                    let other = self.new_ssrc();
                    if other != taken {
                        break other;
                    }
                }
            });
        }
        self.subscribe.downs.push(down);
        self.subscription_changed(now);
    }

    fn new_ssrc(&mut self) -> u32 {
        loop {
            let ssrc = (self.house.random() >> 16) as u32;
            let taken =
                self.subscribe.downs.iter().any(|down| down.ssrc == ssrc || down.rtx_ssrc == Some(ssrc));
            if ssrc != 0 && !taken {
                return ssrc;
            }
        }
    }

    fn drop_down(&mut self, now: Instant, sid: &str) {
        let Some(at) = self.subscribe.downs.iter().position(|down| down.sid == sid) else {
            return;
        };
        let down = self.subscribe.downs.remove(at);
        if down.active {
            self.commands.push(Command::Unsubscribe { subscription: down.subscription });
            self.house.set_subscribed(down.track, false);
        }
        self.offers.release(sid);
        self.single.release(sid);
        self.subscription_changed(now);
    }

    /// Sections have to be negotiated anew.
    pub(super) fn subscription_changed(&mut self, now: Instant) {
        match self.hello.protocol {
            Protocol::Dual => self.offer_soon(now),
            Protocol::Single => self.request_sections_at(now),
        }
    }

    /// How a section names the track.
    pub(super) fn sender_of(&self, sid: &str) -> Option<(Sender, Codec, bool)> {
        let down = self.subscribe.downs.iter().find(|down| down.sid == sid)?;
        let publication = &self.subscribe.tracks.get(sid)?.publication;
        let sender = Sender {
            stream: format!("{}|{sid}", publication.publisher_sid),
            track: sid.to_owned(),
            cname: publication.publisher_sid.to_string(),
            ssrc: down.ssrc,
            rtx_ssrc: down.rtx_ssrc,
        };
        Some((sender, down.codec, opus_options(&publication.info).stereo))
    }

    /// The section of the track is agreed: the media server may forward. Repeated for every later agreement.
    pub(super) fn start_down(
        &mut self,
        sid: &str,
        transport: TransportId,
        mid: Token,
        payloads: &[AgreedPayload],
    ) {
        let red = self.subscribe.tracks.get(sid).is_some_and(|known| red_allowed(&known.publication.info));
        let Some(down) = self.subscribe.downs.iter_mut().find(|down| down.sid == sid) else {
            return;
        };
        let usable: Vec<_> = payloads
            .iter()
            .filter(|payload| payload.codec == down.codec || (payload.codec == Codec::Red && red))
            .map(AgreedPayload::payload_type)
            .collect();
        if !usable.iter().any(|payload| payload.codec == down.codec) {
            return self.refuse_down(sid);
        }
        if down.active {
            return;
        }
        down.active = true;
        let (subscription, track) = (down.subscription, down.track);
        let rtx_ssrc = down.rtx_ssrc.filter(|_| usable.iter().any(|payload| payload.rtx.is_some()));
        let config =
            SubscriptionConfig { transport, track, mid, ssrc: down.ssrc, rtx_ssrc, payloads: usable };
        let video = down.kind == MediaKind::Video;
        self.commands.push(Command::Subscribe { subscription, config });
        // A client that adapts to what is visible will say soon what it needs; until then the least.
        let first = (self.hello.adaptive_stream && video)
            .then(|| SubscriptionSettings { quality: Quality::Low, ..SubscriptionSettings::default() });
        if let Some(settings) = self.subscribe.settings.get(sid).copied().or(first) {
            self.commands.push(Command::SetSubscription { subscription, settings });
        }
        self.house.set_subscribed(track, true);
    }

    /// No codec in common.
    pub(super) fn refuse_down(&mut self, sid: &str) {
        let Some(at) = self.subscribe.downs.iter().position(|down| down.sid == sid) else {
            return;
        };
        let down = self.subscribe.downs.remove(at);
        if down.active {
            self.commands.push(Command::Unsubscribe { subscription: down.subscription });
            self.house.set_subscribed(down.track, false);
        }
        self.offers.release(sid);
        self.single.release(sid);
        self.subscribe.unusable.insert(sid.to_owned());
        let err = proto::SubscriptionError::SeCodecUnsupported as i32;
        self.send(Message::SubscriptionResponse(proto::SubscriptionResponse {
            track_sid: sid.to_owned(),
            err,
        }));
    }
}
