//! What the client publishes: from AddTrack, by way of a section of its offer, to a track of the room.

use chevet_control::registry::MediaTrack;
use chevet_sfu_io::api::{
    Codec, Command, Encoding, MediaKind, Quality, Token, TrackConfig, TrackId, TransportId,
};
use chevet_sfu_io::sdp::{AgreedPayload, OpusOptions, Section, SectionKind};
use livekit_protocol as proto;
use prost::Message as _;
use proto::request_response::{Reason, Request};
use proto::signal_response::Message;

use super::values::{
    codec_named, encrypted, info_kind, mime_type, opus_options, quality, quality_number, red_allowed,
    short_name,
};
use super::{House, Session};

/// AddTrack requests whose section has not come yet.
const PENDING_MAX: usize = 20;
/// Of names and ids that a client gives to a track, in bytes.
const NAME_MAX: usize = 256;
/// Of a whole AddTrack, in bytes: what it describes goes to everybody in the room. Clients send some hundreds.
const REQUEST_MAX: usize = 16 * 1024;
/// Spatial layers of a track.
const LAYERS_MAX: usize = 3;

#[derive(Debug, Default)]
pub(super) struct Publishing {
    pending: Vec<Pending>,
    /// Same cid as a pending one; taken up after it.
    parked: Vec<proto::AddTrackRequest>,
    pub tracks: Vec<Published>,
}

/// Asked for by AddTrack, not yet in an offer.
#[derive(Debug)]
struct Pending {
    cids: Vec<String>,
    codec: Option<Codec>,
    info: proto::TrackInfo,
}

#[derive(Debug)]
pub(super) struct Published {
    pub info: proto::TrackInfo,
    pub mid: Token,
    pub track: TrackId,
    pub codec: Codec,
    /// The codec asked for, which answers name again and again.
    requested: Codec,
    /// The room knows it.
    announced: bool,
}

impl Publishing {
    pub fn by_mid(&self, mid: Token) -> Option<&Published> {
        self.tracks.iter().find(|track| track.mid == mid)
    }

    fn by_sid(&mut self, sid: &str) -> Option<&mut Published> {
        self.tracks.iter_mut().find(|track| track.info.sid == sid)
    }

    pub fn knows(&self, sid: &str) -> bool {
        self.tracks.iter().any(|track| track.info.sid == sid)
            || self.pending.iter().any(|pending| pending.info.sid == sid)
    }

    /// Which AddTrack each of these sections is about: first by the track id in `a=msid`, then, for Firefox whose ids
    /// never match, the oldest of the same kind.
    pub fn matches(&self, sections: &[(usize, &Section)]) -> Vec<(usize, String)> {
        let mut found: Vec<(usize, String)> = Vec::new();
        for exact in [true, false] {
            for (index, section) in sections {
                if found.iter().any(|(known, _)| known == index) {
                    continue;
                }
                let name = section.msid.as_ref().map_or("", |msid| msid.track.as_str());
                let pending = self.pending.iter().find(|pending| {
                    let free = !found.iter().any(|(_, sid)| *sid == pending.info.sid);
                    let same_kind = info_kind(&pending.info) == section_kind(section);
                    free && same_kind && (!exact || pending.cids.iter().any(|cid| cid == name))
                });
                if let Some(pending) = pending {
                    found.push((*index, pending.info.sid.clone()));
                }
            }
        }
        found
    }

    /// What was asked of a section: the codec, and how Opus shall be sent.
    pub fn request_of(&self, sid: &str) -> Option<(Codec, Option<OpusOptions>)> {
        let (info, codec) = self
            .pending
            .iter()
            .find(|pending| pending.info.sid == sid)
            .map(|pending| (&pending.info, pending.codec))
            .or_else(|| {
                let track = self.tracks.iter().find(|track| track.info.sid == sid)?;
                Some((&track.info, Some(track.requested)))
            })?;
        Some(match info_kind(info)? {
            MediaKind::Audio => {
                let codec = if red_allowed(info) { Codec::Red } else { Codec::Opus };
                (codec, Some(opus_options(info)))
            }
            MediaKind::Video => (codec.unwrap_or(Codec::Vp8), None),
        })
    }
}

pub(super) fn section_kind(section: &Section) -> Option<MediaKind> {
    match section.kind {
        SectionKind::Audio => Some(MediaKind::Audio),
        SectionKind::Video => Some(MediaKind::Video),
        SectionKind::Data | SectionKind::Other => None,
    }
}

impl<H: House> Session<H> {
    pub(super) fn add_track(&mut self, request: proto::AddTrackRequest) {
        if let Err((reason, why)) = self.check_add_track(&request) {
            return self.respond(0, reason, why, Some(Request::AddTrack(request)));
        }
        if self.publish.pending.iter().any(|pending| pending.cids.contains(&request.cid)) {
            self.respond(0, Reason::Queued, "", Some(Request::AddTrack(request.clone())));
            return self.publish.parked.push(request);
        }
        let (kind, source) = (request.r#type(), request.source());
        let sid = self.house.new_track_sid(kind, source);
        let pending = pending(sid, request);
        let cid = pending.cids.first().cloned().unwrap_or_default();
        let track = Some(pending.info.clone());
        self.publish.pending.push(pending);
        self.send(Message::TrackPublished(proto::TrackPublishedResponse { cid, track }));
        self.adopt_parked_sections();
    }

    fn check_add_track(&self, request: &proto::AddTrackRequest) -> Result<(), (Reason, &'static str)> {
        let Ok(kind) = proto::TrackType::try_from(request.r#type) else {
            return Err((Reason::InvalidRequest, "unknown type"));
        };
        if kind == proto::TrackType::Data {
            return Err((Reason::UnsupportedType, "no media track"));
        }
        // A second codec of a track: clients send one only when asked to, which we do not.
        if !request.sid.is_empty() {
            return Err((Reason::UnsupportedType, "a track has one codec"));
        }
        let source = proto::TrackSource::try_from(request.source).unwrap_or(proto::TrackSource::Unknown);
        self.house.may_publish(source).map_err(|refused| (refused.reason(), "may not publish this"))?;
        let texts = [&request.cid, &request.name, &request.stream];
        if texts.into_iter().any(|text| text.len() > NAME_MAX)
            || request.encoded_len() > REQUEST_MAX
            || request.simulcast_codecs.len() > 8
            || request.layers.len() > 16
        {
            return Err((Reason::LimitExceeded, "too long"));
        }
        let waiting = self.publish.pending.len().saturating_add(self.publish.parked.len());
        if waiting >= PENDING_MAX {
            return Err((Reason::LimitExceeded, "too many tracks are waiting for their section"));
        }
        Ok(())
    }

    /// A section and its AddTrack have met and the codec is settled.
    pub(super) fn publish_section(
        &mut self,
        transport: TransportId,
        sid: &str,
        section: &Section,
        payloads: &[AgreedPayload],
    ) {
        let Some(at) = self.publish.pending.iter().position(|pending| pending.info.sid == sid) else {
            return;
        };
        let kind = section_kind(section);
        let codec = payloads.iter().map(|payload| payload.codec).find(|codec| *codec != Codec::Red);
        let (Some(mid), Some(kind), Some(codec)) = (section.mid, kind, codec) else {
            return;
        };
        let requested = self.publish.request_of(sid).map_or(codec, |(codec, _)| codec);
        let pending = self.publish.pending.remove(at);
        let encodings = encodings(&pending.info, section, kind);
        let track = self.house.new_track();
        let mut info = pending.info;
        complete(&mut info, section, mid, codec, &encodings);

        self.commands.push(Command::Publish {
            track,
            config: TrackConfig {
                member: self.house.member(),
                transport,
                mid,
                codec,
                encodings,
                muted: info.muted,
                encrypted: encrypted(info.encryption),
                first: info.source() == proto::TrackSource::Camera && self.house.comes_first(),
            },
        });
        // A muted track may have nothing to send for long; any other is shown when it is heard.
        let announce = info.muted;
        self.publish.tracks.push(Published { info, mid, track, codec, requested, announced: false });
        if announce {
            self.announce(track);
        }
        // The cid is free again for who waits for it.
        if let Some(at) = self.publish.parked.iter().position(|request| pending.cids.contains(&request.cid)) {
            let request = self.publish.parked.remove(at);
            self.add_track(request);
        }
    }

    pub(super) fn track_live(&mut self, track: TrackId) {
        self.announce(track);
    }

    fn announce(&mut self, track: TrackId) {
        let Some(published) = self.publish.tracks.iter_mut().find(|known| known.track == track) else {
            return;
        };
        if published.announced {
            return;
        }
        published.announced = true;
        let media = vec![MediaTrack { track, codec: published.codec }];
        let (info, sid) = (published.info.clone(), published.info.sid.clone());
        if self.house.publish(info, media).is_err() {
            self.withdraw(&sid);
        }
    }

    /// The server takes a track away.
    fn withdraw(&mut self, sid: &str) {
        self.drop_published(sid);
        self.publish.pending.retain(|pending| pending.info.sid != sid);
        self.send(Message::TrackUnpublished(proto::TrackUnpublishedResponse { track_sid: sid.to_owned() }));
    }

    /// The track is no more; the client knows or is told by the caller.
    pub(super) fn drop_published(&mut self, sid: &str) {
        let Some(at) = self.publish.tracks.iter().position(|track| track.info.sid == sid) else {
            return;
        };
        let published = self.publish.tracks.remove(at);
        self.commands.push(Command::Unpublish { track: published.track });
        if published.announced {
            // It may be gone already, with the permission.
            let _ = self.house.unpublish(sid);
        }
    }

    pub(super) fn withdraw_forbidden(&mut self) {
        let forbidden: Vec<String> = self
            .publish
            .tracks
            .iter()
            .map(|track| &track.info)
            .chain(self.publish.pending.iter().map(|pending| &pending.info))
            .filter(|info| self.house.may_publish(info.source()).is_err())
            .map(|info| info.sid.clone())
            .collect();
        for sid in forbidden {
            self.withdraw(&sid);
        }
    }

    pub(super) fn mute(&mut self, sid: &str, muted: bool) {
        if let Some(pending) = self.publish.pending.iter_mut().find(|pending| pending.info.sid == sid) {
            pending.info.muted = muted;
        }
        let Some(published) = self.publish.by_sid(sid) else {
            return;
        };
        published.info.muted = muted;
        let track = published.track;
        self.commands.push(Command::SetMuted { track, muted });
        self.tell_track(sid);
        if muted {
            self.announce(track);
        }
    }

    pub(super) fn muted_by_room(&mut self, sid: &str, muted: bool) {
        let Some(published) = self.publish.by_sid(sid) else {
            return;
        };
        published.info.muted = muted;
        let track = published.track;
        self.commands.push(Command::SetMuted { track, muted });
        self.send(Message::Mute(proto::MuteTrackRequest { sid: sid.to_owned(), muted }));
    }

    pub(super) fn update_audio_track(&mut self, request: proto::UpdateLocalAudioTrack) {
        let Some(published) = self.publish.by_sid(&request.track_sid) else {
            let echo = Some(Request::UpdateAudioTrack(request));
            return self.respond(0, Reason::NotFound, "no such track", echo);
        };
        published.info.audio_features = request.features.into_iter().take(16).collect();
        mirror_audio_features(&mut published.info);
        self.tell_track(&request.track_sid);
    }

    pub(super) fn update_video_track(&mut self, request: proto::UpdateLocalVideoTrack) {
        let Some(published) = self.publish.by_sid(&request.track_sid) else {
            let echo = Some(Request::UpdateVideoTrack(request));
            return self.respond(0, Reason::NotFound, "no such track", echo);
        };
        published.info.width = request.width;
        published.info.height = request.height;
        self.tell_track(&request.track_sid);
    }

    fn tell_track(&mut self, sid: &str) {
        if let Some(published) = self.publish.tracks.iter().find(|track| track.info.sid == sid)
            && published.announced
        {
            // Refused only when the participant is being removed.
            let _ = self.house.update_track(&published.info);
        }
    }

    /// Dynacast: which encodings anybody watches.
    pub(super) fn quality_wanted(&mut self, track: TrackId, wanted: Option<Quality>) {
        let Some(published) = self.publish.tracks.iter().find(|known| known.track == track) else {
            return;
        };
        let layers = published.info.codecs.first().map_or(0, |codec| codec.layers.len());
        let enabled = |quality: Quality| match wanted {
            None => false,
            // A single encoding counts as LOW with clients: it goes on whatever is wanted of it.
            Some(_) if layers <= 1 => true,
            Some(wanted) => quality <= wanted,
        };
        let qualities: Vec<_> = [Quality::Low, Quality::Medium, Quality::High]
            .into_iter()
            .map(|quality| proto::SubscribedQuality {
                quality: quality_number(quality),
                enabled: enabled(quality),
            })
            .collect();
        let codec = short_name(published.codec).to_owned();
        #[allow(deprecated)]
        let update = proto::SubscribedQualityUpdate {
            track_sid: published.info.sid.clone(),
            subscribed_qualities: qualities.clone(),
            subscribed_codecs: vec![proto::SubscribedCodec { codec, qualities }],
        };
        self.send(Message::SubscribedQualityUpdate(update));
    }

    pub(super) fn first_subscriber(&mut self, track: TrackId) {
        if let Some(published) = self.publish.tracks.iter().find(|known| known.track == track) {
            let track_sid = published.info.sid.clone();
            self.send(Message::TrackSubscribed(proto::TrackSubscribed { track_sid }));
        }
    }
}

#[allow(deprecated)]
fn pending(sid: String, request: proto::AddTrackRequest) -> Pending {
    let first = request.simulcast_codecs.first();
    let codec = first.and_then(|codec| codec_named(&codec.codec));
    let mut cids = vec![request.cid.clone()];
    cids.extend(request.simulcast_codecs.iter().map(|codec| codec.cid.clone()).filter(|cid| !cid.is_empty()));
    let mode = first.map_or(0, |codec| codec.video_layer_mode);
    let mut layers = match first {
        Some(codec) if !codec.layers.is_empty() => codec.layers.clone(),
        _ => request.layers,
    };
    layers.sort_by_key(|layer| layer.quality);
    layers.truncate(LAYERS_MAX);

    let kind = request.r#type;
    let mut info = proto::TrackInfo {
        sid,
        r#type: kind,
        name: request.name,
        muted: request.muted,
        width: request.width,
        height: request.height,
        source: request.source,
        mime_type: match kind == proto::TrackType::Audio as i32 {
            true => mime_type(Codec::Opus).to_owned(),
            false => mime_type(codec.unwrap_or(Codec::Vp8)).to_owned(),
        },
        stereo: request.stereo,
        disable_dtx: request.disable_dtx,
        disable_red: request.disable_red,
        encryption: request.encryption,
        stream: request.stream,
        audio_features: request.audio_features.into_iter().take(16).collect(),
        backup_codec_policy: request.backup_codec_policy,
        layers: layers.clone(),
        ..proto::TrackInfo::default()
    };
    mirror_audio_features(&mut info);
    info.codecs = vec![proto::SimulcastCodecInfo {
        mime_type: info.mime_type.clone(),
        cid: request.cid,
        layers,
        video_layer_mode: mode,
        ..proto::SimulcastCodecInfo::default()
    }];
    Pending { cids, codec, info }
}

/// The legacy flags repeat what the features say.
#[allow(deprecated)]
fn mirror_audio_features(info: &mut proto::TrackInfo) {
    use proto::AudioTrackFeature::{TfNoDtx, TfStereo};
    let options = opus_options(info);
    for (set, feature) in [(options.stereo, TfStereo), (!options.dtx, TfNoDtx)] {
        if set && !info.audio_features.contains(&(feature as i32)) {
            info.audio_features.push(feature as i32);
        }
    }
    info.stereo = options.stereo;
    info.disable_dtx = !options.dtx;
}

/// The RTP streams of a section, lowest quality first.
fn encodings(info: &proto::TrackInfo, section: &Section, kind: MediaKind) -> Vec<Encoding> {
    let sending = |rid: &Token| section.rids.iter().any(|known| known.id == *rid && known.sends);
    let mut rids: Vec<Token> = section.simulcast.iter().copied().filter(sending).take(LAYERS_MAX).collect();
    if kind == MediaKind::Audio || rids.len() < 2 {
        let ssrc = section.sources().next();
        return vec![Encoding {
            rid: rids.first().copied(),
            ssrc,
            rtx_ssrc: ssrc.and_then(|ssrc| section.rtx_of(ssrc)),
            quality: Quality::High,
            width: info.width,
            height: info.height,
        }];
    }
    // The names of browsers' SDKs say their order; other names stand as listed.
    const NAMED: [&[u8]; 3] = [b"q", b"h", b"f"];
    let rank = |rid: &Token| NAMED.iter().position(|name| *name == rid.as_bytes());
    if rids.iter().all(|rid| rank(rid).is_some()) {
        rids.sort_by_key(rank);
    }
    let layers: &[proto::VideoLayer] = info.codecs.first().map_or(&[], |codec| codec.layers.as_slice());
    let by_place = [Quality::Low, Quality::Medium, Quality::High];
    rids.iter()
        .enumerate()
        .map(|(place, rid)| {
            let layer = layers
                .iter()
                .find(|layer| !layer.rid.is_empty() && layer.rid.as_bytes() == rid.as_bytes())
                .or_else(|| layers.get(place).filter(|_| layers.len() == rids.len()));
            Encoding {
                rid: Some(*rid),
                ssrc: None,
                rtx_ssrc: None,
                quality: layer.map_or(by_place.get(place).copied().unwrap_or(Quality::High), |layer| {
                    quality(layer.quality)
                }),
                width: layer.map_or(0, |layer| layer.width),
                height: layer.map_or(0, |layer| layer.height),
            }
        })
        .collect()
}

/// Fills in what the negotiation has settled.
#[allow(deprecated)]
fn complete(
    info: &mut proto::TrackInfo,
    section: &Section,
    mid: Token,
    codec: Codec,
    encodings: &[Encoding],
) {
    info.mid = mid.as_str().to_owned();
    info.mime_type = mime_type(codec).to_owned();
    info.simulcast = encodings.len() > 1;
    let sdp_cid =
        section.msid.as_ref().map_or_else(String::new, |msid| msid.track.chars().take(NAME_MAX).collect());
    if let Some(first) = info.codecs.first_mut() {
        first.mime_type = mime_type(codec).to_owned();
        first.mid = mid.as_str().to_owned();
        if sdp_cid != first.cid {
            first.sdp_cid = sdp_cid;
        }
        for (place, layer) in first.layers.iter_mut().enumerate() {
            layer.spatial_layer = i32::try_from(place).unwrap_or(0);
            if let Some(rid) = encodings.get(place).and_then(|encoding| encoding.rid)
                && layer.rid.is_empty()
            {
                layer.rid = rid.as_str().to_owned();
            }
        }
        info.layers = first.layers.clone();
    }
}
