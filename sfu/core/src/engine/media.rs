//! RTP in: address to peer, decryption in place, SSRC to stream, and into the stream's ring.

use std::time::{Duration, Instant};

use crate::api::{Event, MediaKind, Path};
use crate::engine::Engine;
use crate::room::fanout::Arrived;
use crate::room::{BoundStream, Payload, identify};
use crate::stream::{Accepted, Ingress};
use crate::transport::srtp::SrtpError;
use crate::wire::rtp::RtpHeader;

/// Sound in one packet, in ms, for the share of an interval that was loud. Other frame lengths than Opus's usual one
/// shift that share for all packets alike.
const AUDIO_FRAME_MS: u32 = 20;

/// A source that was restarted takes over once the old one has been silent for this long: two sources that claim one
/// encoding at a time would replace each other with every packet.
const HANDOVER: Duration = Duration::from_millis(60);

impl Engine {
    pub(super) fn on_rtp(&mut self, now: Instant, path: Path, bytes: &mut [u8]) {
        let Engine { world, paths, counters, arrived, waiting, to_relay, company, heard, events, .. } = self;
        let drops = &mut counters.drops;
        let Some(&index) = paths.get(&path) else {
            drops.unknown_address += 1;
            return;
        };
        let Some(peer) = world.peers.get_mut(index) else { return };
        let Ok(header) = RtpHeader::parse(bytes, &peer.media.extensions) else {
            drops.rtp_malformed += 1;
            return;
        };
        let Some(srtp) = peer.transport.srtp_in() else {
            drops.no_keys += 1;
            return;
        };
        let (sequence, len) = match srtp.open_rtp(bytes, &header) {
            Ok(opened) => opened,
            Err(SrtpError::Replayed | SrtpError::TooOld) => {
                drops.replayed += 1;
                return;
            }
            Err(_) => {
                drops.unauthenticated += 1;
                return;
            }
        };
        let Some(packet) = bytes.get(..len) else { return };
        peer.transport.touch(now);
        counters.media_received += 1;
        if let Some(transport_sequence) = header.extensions.transport_cc {
            peer.arrivals.on_packet(now, transport_sequence);
        }
        if !heard.contains(&index) {
            heard.push(index);
        }

        let (packet_codec, retransmission) = match peer.media.payload(header.payload_type) {
            Some(Payload::Media(codec)) => (codec, false),
            Some(Payload::Retransmission(codec)) => (codec, true),
            None => {
                drops.unknown_payload_type += 1;
                return;
            }
        };
        let bound = peer.bound(header.ssrc).filter(|bound| bound.retransmission == retransmission);
        let stream = match bound {
            Some(stream) => stream,
            None => {
                let extensions = &header.extensions;
                let rid = if retransmission { extensions.repaired_rid } else { extensions.rid };
                let found =
                    identify(&world.tracks, &peer.tracks, header.ssrc, extensions.mid, rid, retransmission);
                let stream = found.map(|(track, layer)| BoundStream {
                    ssrc: header.ssrc,
                    track,
                    layer,
                    retransmission,
                });
                let taken = |stream: &BoundStream| {
                    let track = world.tracks.get(stream.track);
                    let layer = track.and_then(|track| track.layers.get(usize::from(stream.layer)));
                    let last = layer.and_then(|layer| layer.ingress.as_ref()).and_then(Ingress::last_packet);
                    last.is_some_and(|last| now.saturating_duration_since(last) < HANDOVER)
                };
                let stream = stream.filter(|stream| retransmission || !taken(stream));
                match stream.filter(|stream| peer.bind(*stream)) {
                    Some(stream) => stream,
                    None => {
                        drops.unbound_ssrc += 1;
                        return;
                    }
                }
            }
        };

        let Some(track) = world.tracks.get_mut(stream.track) else { return };
        let codec = track.config.codec;
        if packet_codec.kind() != codec.kind() {
            drops.unknown_payload_type += 1;
            return;
        }
        let Some(layer) = track.layers.get_mut(usize::from(stream.layer)) else { return };
        let outcome = if retransmission {
            let Some(ingress) = layer.ingress.as_mut() else { return };
            ingress.on_rtx(now, packet_codec, &header, packet)
        } else {
            // A source that was restarted comes with another SSRC: its subscribers go on without a gap.
            if layer.ingress.as_ref().is_none_or(|ingress| ingress.ssrc() != header.ssrc) {
                if layer.ingress.is_some() {
                    // The old source's clock says nothing of the new one's timestamps.
                    track.clocks.set(usize::from(stream.layer), None);
                    for &subscription in &track.subscriptions {
                        if let Some(subscription) = world.subscriptions.get_mut(subscription) {
                            subscription.egress.on_source_replaced(usize::from(stream.layer));
                        }
                    }
                }
                layer.ingress = Some(Ingress::new(now, codec, header.ssrc));
                layer.key_frames.want();
            }
            let Some(ingress) = layer.ingress.as_mut() else { return };
            ingress.on_packet(now, packet_codec, &header, sequence, packet)
        };
        let stored = match outcome {
            Accepted::Stored(stored) => stored,
            Accepted::Probe => return,
            Accepted::Malformed => {
                drops.rtp_malformed += 1;
                return;
            }
            // Publishers probe their uplink with copies on the retransmission stream.
            Accepted::Duplicate if retransmission => return,
            Accepted::Duplicate | Accepted::TooOld => {
                drops.too_old += 1;
                return;
            }
        };
        counters.recovered += u64::from(stored.recovered);
        if stored.key_frame {
            layer.key_frames.arrived();
        }
        if codec.kind() == MediaKind::Audio
            && let Some(level) = header.extensions.audio_level
        {
            track.loudness.hear(level.level_dbov, AUDIO_FRAME_MS);
        }
        if !track.live {
            track.live = true;
            if let Some(member) = world.members.get(track.member) {
                events.push_back(Event::TrackLive { track: track.id, member: member.id });
            }
            self.ticks.hasten(now);
        }
        let packet = Arrived { track: stream.track, layer: stream.layer, sequence: stored.sequence };
        if !track.relays.is_empty() {
            to_relay.push(packet);
        }
        match codec.kind() {
            MediaKind::Audio => arrived.push(packet),
            MediaKind::Video => {
                waiting.push(packet);
                company.wait(now);
            }
        }
    }

    /// After a batch: what its publishers are owed at once, NACKs and transport feedback.
    pub(super) fn answer_heard(&mut self, now: Instant) {
        let mut heard = std::mem::take(&mut self.heard);
        for index in heard.drain(..) {
            self.answer_publisher(now, index);
        }
        self.heard = heard;
    }
}
