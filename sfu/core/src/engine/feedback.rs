//! RTCP: what subscribers and publishers report, and what they are told.

use std::time::Instant;

use crate::api::{MediaKind, Path};
use crate::engine::{Engine, Transmit, abs_send_time};
use crate::room::downlink::Ceiling;
use crate::room::fanout::hand_over;
use crate::room::{Peer, World};
use crate::transport::srtp::SrtpError;
use crate::wire::rtcp::{
    self, ReportBlock, Rtcp, write_nack, write_pli, write_receiver_report, write_sdes_cname,
    write_sender_report,
};

/// What we call ourselves in feedback. Receivers look at the media SSRC; libwebrtc uses the same value.
const OUR_SSRC: u32 = 1;
/// RFC 3550 6.5.1: a name without meaning for others.
const CNAME: &str = "chevet";
/// A compound is sent before it grows over what a datagram holds, with room for the tag.
const COMPOUND_MAX: usize = 1200;
/// Retransmissions asked for by one compound; what is asked beyond it will be asked again.
const RESENDS_MAX: usize = 256;

/// Buffers for building RTCP, kept between uses.
#[derive(Default)]
pub struct Scratch {
    compound: Vec<u8>,
    sequences: Vec<u16>,
    blocks: Vec<ReportBlock>,
    resends: Vec<(u32, u16)>,
}

impl Engine {
    pub(super) fn on_rtcp<T: Transmit>(&mut self, now: Instant, path: Path, bytes: &mut [u8], tx: &mut T) {
        let Some(&index) = self.paths.get(&path) else {
            self.counters.drops.unknown_address += 1;
            return;
        };
        let Some(peer) = self.world.peers.get_mut(index) else { return };
        let Some(srtp) = peer.transport.srtp_in() else {
            self.counters.drops.no_keys += 1;
            return;
        };
        let len = match srtp.open_rtcp(bytes) {
            Ok(len) => len,
            Err(SrtpError::Replayed | SrtpError::TooOld) => {
                self.counters.drops.replayed += 1;
                return;
            }
            Err(_) => {
                self.counters.drops.unauthenticated += 1;
                return;
            }
        };
        peer.transport.touch(now);
        let Some(compound) = bytes.get(..len) else { return };
        let mut any = false;
        for packet in rtcp::packets(compound) {
            any = true;
            self.on_rtcp_packet(now, index, packet);
        }
        self.counters.drops.rtcp_malformed += u64::from(!any);
        self.resend(now, index, tx);
    }

    fn on_rtcp_packet(&mut self, now: Instant, index: usize, packet: Rtcp<'_>) {
        match packet {
            Rtcp::SenderReport { ssrc, ntp, rtp, reports, .. } => {
                if let Some((track, layer)) = self.world.on_sender_report(now, index, ssrc, ntp, rtp) {
                    self.relay_clock(track, layer);
                }
                reports.for_each(|block| self.on_report_block(now, index, &block));
            }
            Rtcp::ReceiverReport { reports, .. } => {
                reports.for_each(|block| self.on_report_block(now, index, &block));
            }
            Rtcp::Nack { media, items, .. } => {
                self.counters.nacks_received += 1;
                let room = RESENDS_MAX.saturating_sub(self.scratch.resends.len());
                self.scratch.resends.extend(items.take(room).map(|sequence| (media, sequence)));
            }
            Rtcp::Pli { media, .. } => self.on_key_frame_request(now, index, media),
            Rtcp::Fir { entries, .. } => {
                for entry in entries {
                    self.on_key_frame_request(now, index, entry.ssrc);
                }
            }
            Rtcp::TransportCc(view) => self.on_transport_feedback(now, index, &view),
            Rtcp::Remb { bitrate, .. } => self.on_remb(now, index, bitrate),
            Rtcp::Sdes | Rtcp::Bye { .. } | Rtcp::ExtendedReport { .. } | Rtcp::Unknown { .. } => {}
        }
    }

    fn on_report_block(&mut self, now: Instant, peer: usize, block: &ReportBlock) {
        if let Some(subscription) = self.world.subscription_by_ssrc(peer, block.ssrc)
            && let Some(subscription) = self.world.subscriptions.get_mut(subscription)
        {
            subscription.egress.on_report_block(now, block);
        }
    }

    fn on_key_frame_request(&mut self, now: Instant, peer: usize, ssrc: u32) {
        self.counters.key_frame_requests_received += 1;
        let Some(subscription) = self.world.subscription_by_ssrc(peer, ssrc) else { return };
        let Some(subscription) = self.world.subscriptions.get(subscription) else { return };
        // It sees nothing because its line carries nothing of it.
        if subscription.suspended {
            return;
        }
        let Some(track) = self.world.tracks.get_mut(subscription.track) else { return };
        let layer = subscription.egress.current().or(subscription.target).unwrap_or(0);
        let Some(layer) = track.layers.get_mut(layer) else { return };
        layer.key_frames.want();
        let track = subscription.track;
        self.answer_origin(now, track);
    }

    /// Sends the packets that the compound just read asked for again.
    fn resend<T: Transmit>(&mut self, now: Instant, index: usize, tx: &mut T) {
        if self.scratch.resends.is_empty() {
            return;
        }
        let send_time = abs_send_time(self.clock.ntp(now));
        let mut resends = std::mem::take(&mut self.scratch.resends);
        for (ssrc, sequence) in resends.drain(..) {
            let Some(subscription) = self.world.subscription_by_ssrc(index, ssrc) else { continue };
            let Some(entry) = self.world.subscriptions.get_mut(subscription) else { continue };
            // What was left because the line is full need not be whole: the next picture begins with a key frame.
            if entry.ceiling != Ceiling::Free && entry.egress.current().is_none() {
                continue;
            }
            let Some(resend) = entry.egress.on_nack(now, sequence) else { continue };
            let Some(peer) = self.world.peers.get_mut(index) else { continue };
            let packet = self.world.tracks.get(entry.track).and_then(|track| {
                track.layers.get(resend.layer())?.ingress.as_ref()?.packet(resend.source())
            });
            let (Some(packet), Some(path)) = (packet, peer.transport.path()) else { continue };
            if self.out.is_full() {
                hand_over(&mut self.out, &mut self.counters, tx);
            }
            let number = peer.transport_sequence;
            let slot = self.out.slot();
            let Some(written) = entry.egress.write_rtx(&packet, &resend, number, send_time, slot) else {
                continue;
            };
            let Some(srtp) = peer.transport.srtp_out() else { continue };
            if let Some(sealed) =
                srtp.seal_rtp_in_place(slot, written.header_len, written.len, written.ssrc, written.sequence)
            {
                self.out.direct(path);
                self.out.commit(sealed);
                if let Some(line) = &mut peer.downlink {
                    line.sent.note(number, self.out.handovers.number(), sealed);
                }
                peer.transport_sequence = peer.transport_sequence.wrapping_add(1);
                self.counters.retransmitted += 1;
            }
        }
        self.scratch.resends = resends;
    }

    /// Sends the NACKs, key-frame requests and transport feedback that a publisher is owed now. Returns when it will
    /// be owed a repeated NACK even if nothing arrives.
    pub(super) fn answer_publisher(&mut self, now: Instant, index: usize) -> Option<Instant> {
        let Engine { world, scratch, counters, outbox, .. } = self;
        let World { peers, tracks, .. } = world;
        let peer = peers.get_mut(index)?;
        if !peer.connected {
            return None;
        }
        let mut next: Option<Instant> = None;
        scratch.compound.clear();
        for &track in &peer.tracks {
            let Some(track) = tracks.get_mut(track) else { continue };
            let video = track.config.codec.kind() == MediaKind::Video;
            for layer in &mut track.layers {
                let Some(ingress) = layer.ingress.as_mut() else { continue };
                scratch.sequences.clear();
                ingress.nacks_due(now, &mut scratch.sequences);
                if !scratch.sequences.is_empty() {
                    write_nack(&mut scratch.compound, OUR_SSRC, ingress.ssrc(), &scratch.sequences);
                    counters.nacks_sent += 1;
                }
                next = next.into_iter().chain(ingress.next_deadline()).min();
                if video {
                    if ingress.needs_key_frame() {
                        layer.key_frames.want();
                    }
                    if layer.key_frames.due(now) {
                        write_pli(&mut scratch.compound, OUR_SSRC, ingress.ssrc());
                        layer.key_frame_requests += 1;
                        counters.key_frame_requests_sent += 1;
                    }
                }
            }
        }
        let media = peer.streams.first().map_or(0, |stream| stream.ssrc);
        while peer.arrivals.feedback(now, OUR_SSRC, media, &mut scratch.compound) {
            counters.transport_feedback_sent += 1;
            if scratch.compound.len() > COMPOUND_MAX {
                break;
            }
        }
        send_compound(peer, &mut scratch.compound, outbox);
        next
    }

    /// Sender reports for what a peer receives, receiver reports for what it sends.
    pub(super) fn report_to(&mut self, now: Instant, index: usize) {
        let Engine { world, scratch, outbox, .. } = self;
        let World { peers, tracks, subscriptions, .. } = world;
        let Some(peer) = peers.get_mut(index) else { return };
        if !peer.connected {
            return;
        }
        scratch.compound.clear();
        scratch.blocks.clear();
        for &track in &peer.tracks {
            let Some(track) = tracks.get_mut(track) else { continue };
            for layer in &mut track.layers {
                let Some(ingress) = layer.ingress.as_mut() else { continue };
                if ingress.live(now) {
                    scratch.blocks.extend(ingress.report_block(now));
                }
            }
        }
        for blocks in scratch.blocks.chunks(30) {
            write_receiver_report(&mut scratch.compound, OUR_SSRC, blocks);
        }
        for position in 0..peer.subscriptions.len() {
            let Some(subscription) =
                peer.subscriptions.get(position).and_then(|&index| subscriptions.get_mut(index))
            else {
                continue;
            };
            let Some(track) = tracks.get(subscription.track) else { continue };
            if let Some(info) = subscription.egress.sender_report(now, &track.clocks) {
                let ssrc = subscription.egress.ssrc();
                write_sender_report(&mut scratch.compound, ssrc, &info, &[]);
                write_sdes_cname(&mut scratch.compound, ssrc, CNAME);
            }
            if scratch.compound.len() > COMPOUND_MAX {
                send_compound(peer, &mut scratch.compound, outbox);
            }
        }
        send_compound(peer, &mut scratch.compound, outbox);
    }
}

/// Seals a compound and queues it for the peer.
fn send_compound(peer: &mut Peer, compound: &mut Vec<u8>, outbox: &mut crate::transport::Outbox) {
    if compound.is_empty() {
        return;
    }
    let path = peer.transport.path();
    if let (Some(path), Some(srtp)) = (path, peer.transport.srtp_out())
        && srtp.seal_rtcp(compound, 0).is_ok()
    {
        outbox.push(path, compound);
    }
    compound.clear();
}

impl World {
    /// A peer subscribes to a handful of tracks and sends little RTCP: a scan.
    fn subscription_by_ssrc(&self, peer: usize, ssrc: u32) -> Option<usize> {
        let peer = self.peers.get(peer)?;
        peer.subscriptions.iter().copied().find(|&index| {
            self.subscriptions.get(index).is_some_and(|subscription| subscription.egress.ssrc() == ssrc)
        })
    }

    /// Gives the track and the encoding that the report is of.
    fn on_sender_report(
        &mut self,
        now: Instant,
        peer: usize,
        ssrc: u32,
        ntp: u64,
        rtp: u32,
    ) -> Option<(usize, u8)> {
        let bound = self.peers.get(peer)?.bound(ssrc).filter(|bound| !bound.retransmission)?;
        let track = self.tracks.get_mut(bound.track)?;
        let layer = usize::from(bound.layer);
        let ingress = track.layers.get_mut(layer)?.ingress.as_mut()?;
        track.clocks.set(layer, Some(ingress.on_sender_report(now, ntp, rtp)));
        Some((bound.track, bound.layer))
    }
}
