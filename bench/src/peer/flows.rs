//! RTP and RTCP of one peer: what it publishes, what it receives, and the feedback between.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chevet_sfu_core::stream::twcc::ArrivalRecorder;
use chevet_sfu_core::transport::srtp::{SrtpIn, SrtpOut};
use chevet_sfu_core::wire::rtcp::{self, ReportBlock, Rtcp};
use chevet_sfu_core::wire::rtp::{ExtensionMap, RtpHeader};
use rand::Rng as _;

use super::Media;
use super::connection::Turn;
use crate::media::StreamSpec;
use crate::media::judge::{Ask, Judge, Seen};
use crate::media::source::{Outgoing, Source};
use crate::net::DATAGRAM_MAX;
use crate::net::clock::{Now, realtime_ns};

/// Between receiver and sender reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Blocks that fit one report (RFC 3550 6.4.1).
const BLOCKS_MAX: usize = 31;
/// Sequence numbers of one NACK that are answered.
const REPEATS_MAX: usize = 1024;

/// Media under keys: nothing here works without them.
pub struct Flows {
    keys_in: SrtpIn,
    keys_out: SrtpOut,
    extensions: ExtensionMap,
    /// Payload types of retransmissions, as a set of bits.
    rtx_payloads: u128,
    /// SSRCs of retransmissions, with those of the media they repeat, sorted.
    retransmissions: Vec<(u32, u32)>,
    judge: Judge,
    arrivals: Option<ArrivalRecorder>,
    sources: Vec<Source>,
    /// Of the next packet, if the numbers are negotiated.
    transport_cc: Option<u16>,
    /// Stands for us in feedback while we send nothing.
    own_ssrc: u32,
    next_report: Instant,
    first_media: bool,
}

impl Flows {
    pub fn new(now: Instant, keys: (SrtpIn, SrtpOut), media: &Media) -> Flows {
        let mut flows = Flows {
            keys_in: keys.0,
            keys_out: keys.1,
            extensions: ExtensionMap::default(),
            rtx_payloads: 0,
            retransmissions: Vec::new(),
            judge: Judge::new(),
            arrivals: None,
            sources: Vec::new(),
            transport_cc: None,
            own_ssrc: rand::rng().random_range(1..u32::MAX),
            // Somewhere in the first interval, so that the reports of many peers do not fall together.
            next_report: now + REPORT_INTERVAL.mul_f64(rand::rng().random_range(0.1..1.0)),
            first_media: false,
        };
        flows.set_media(now, media);
        flows
    }

    pub fn set_media(&mut self, now: Instant, media: &Media) {
        self.extensions = ExtensionMap::new(&media.settings);
        self.rtx_payloads = 0;
        for rtx in media.settings.payloads.iter().filter_map(|payload| payload.rtx) {
            self.rtx_payloads |= 1 << (rtx & 0x7f);
        }
        self.retransmissions.clone_from(&media.retransmissions);
        self.retransmissions.sort_unstable();
        self.judge.set_media(&media.settings);
        if media.transport_cc && self.arrivals.is_none() {
            self.arrivals = Some(ArrivalRecorder::new(now));
        }
        let numbered = self.extensions.id(chevet_sfu_core::api::Extension::TransportCc).is_some();
        self.transport_cc = numbered.then(|| self.transport_cc.unwrap_or(0));
    }

    pub fn publish(&mut self, now: &Now, spec: StreamSpec) {
        let seed = rand::rng().random();
        self.sources.push(Source::new(spec, now.realtime, seed));
    }

    /// True for the first media packet.
    pub fn on_rtp(&mut self, turn: &mut Turn<'_>, arrived: u64, bytes: &mut [u8]) -> bool {
        let Ok(header) = RtpHeader::parse(bytes, &self.extensions) else {
            turn.tally.unexpected += 1;
            return false;
        };
        let Ok((_, len)) = self.keys_in.open_rtp(bytes, &header) else {
            turn.tally.unexpected += 1;
            return false;
        };
        let at = turn.now.instant_of(arrived);
        if let (Some(arrivals), Some(sequence)) = (&mut self.arrivals, header.extensions.transport_cc) {
            arrivals.on_packet(at, sequence);
        }
        let payload = bytes.get(header.header_len..len).unwrap_or_default();
        let retransmission = if self.rtx_payloads & (1 << header.payload_type) != 0 {
            let found = self.retransmissions.binary_search_by_key(&header.ssrc, |(ssrc, _)| *ssrc);
            // Of a stream that no description has told of yet.
            let Some(pair) = found.ok().and_then(|at| self.retransmissions.get(at)) else { return false };
            Some(pair.1)
        } else {
            None
        };
        let seen =
            self.judge.on_packet(turn.now.instant, arrived, &header, payload, retransmission, turn.tally);
        let first = matches!(seen, Seen::Media { .. }) && !self.first_media;
        self.first_media |= first;
        first
    }

    pub fn on_rtcp(&mut self, turn: &mut Turn<'_>, path: SocketAddr, bytes: &mut [u8]) {
        let Ok(len) = self.keys_in.open_rtcp(bytes) else {
            turn.tally.unexpected += 1;
            return;
        };
        for packet in rtcp::packets(bytes.get(..len).unwrap_or_default()) {
            match packet {
                Rtcp::SenderReport { ssrc, ntp, .. } => {
                    self.judge.on_sender_report(turn.now.instant, ssrc, ntp);
                }
                Rtcp::Nack { media, items, .. } => {
                    for sequence in items.take(REPEATS_MAX) {
                        turn.tally.nacks_received += 1;
                        self.repeat(turn, path, media, sequence);
                    }
                }
                Rtcp::Pli { media, .. } => self.request_key_frame(media),
                Rtcp::Fir { entries, .. } => {
                    for entry in entries {
                        self.request_key_frame(entry.ssrc);
                    }
                }
                _ => {}
            }
        }
    }

    fn request_key_frame(&mut self, ssrc: u32) {
        for source in &mut self.sources {
            if source.request_key_frame(ssrc) {
                return;
            }
        }
    }

    fn repeat(&mut self, turn: &mut Turn<'_>, path: SocketAddr, ssrc: u32, sequence: u16) {
        let Some(source) = self.sources.iter_mut().find(|source| source.owns(ssrc)) else { return };
        let room = turn.outlet.room();
        let clear = DATAGRAM_MAX - self.keys_out.overhead();
        let Some(out) = room.get_mut(..clear) else { return };
        let now = realtime_ns();
        let Some(packet) = source.repeat(now, ssrc, sequence, self.transport_cc, &self.extensions, out)
        else {
            return;
        };
        self.transport_cc = self.transport_cc.map(|number| number.wrapping_add(1));
        if let Some(len) = seal(&self.keys_out, room, &packet) {
            turn.outlet.commit(path, len, false);
        }
    }

    /// When media is due, CLOCK_REALTIME ns.
    pub fn next_media(&self) -> u64 {
        self.sources.iter().map(Source::next_due).min().unwrap_or(u64::MAX)
    }

    /// When feedback is due.
    pub fn deadline(&self) -> Instant {
        let arrivals = self.arrivals.as_ref().and_then(ArrivalRecorder::next_deadline);
        let deadlines = [arrivals, self.judge.next_deadline()];
        deadlines.into_iter().flatten().min().map_or(self.next_report, |at| at.min(self.next_report))
    }

    pub fn on_time(&mut self, turn: &mut Turn<'_>, path: SocketAddr) {
        self.send_media(turn, path);
        let now = turn.now.instant;
        if let Some(arrivals) = &mut self.arrivals {
            loop {
                turn.rtcp.clear();
                if !arrivals.feedback(now, self.own_ssrc, 0, turn.rtcp) {
                    break;
                }
                send_rtcp(&mut self.keys_out, turn, path);
            }
        }
        if self.judge.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.ask(turn, path);
        }
        if self.next_report <= now {
            self.next_report = now + REPORT_INTERVAL;
            self.report(turn, path);
        }
    }

    fn send_media(&mut self, turn: &mut Turn<'_>, path: SocketAddr) {
        let clear = DATAGRAM_MAX - self.keys_out.overhead();
        for source in &mut self.sources {
            while source.next_due() <= turn.now.realtime {
                let room = turn.outlet.room();
                let Some(out) = room.get_mut(..clear) else { return };
                // Asked for anew: the moment before the packet is sealed, at most a batch before the kernel has it.
                let now = realtime_ns();
                let Some(packet) = source.write(now, self.transport_cc, &self.extensions, out) else { break };
                self.transport_cc = self.transport_cc.map(|number| number.wrapping_add(1));
                turn.tally.offered += 1;
                turn.tally.key_frames_sent += u64::from(packet.key_frame);
                turn.tally.lateness.saturating_record(now.saturating_sub(packet.due));
                if let Some(len) = seal(&self.keys_out, room, &packet) {
                    turn.outlet.commit(path, len, true);
                }
            }
        }
    }

    /// NACKs and PLIs.
    fn ask(&mut self, turn: &mut Turn<'_>, path: SocketAddr) {
        while let Some(ask) = self.judge.poll(turn.now.instant, turn.tally) {
            turn.rtcp.clear();
            rtcp::write_receiver_report(turn.rtcp, self.own_ssrc, &[]);
            match ask {
                Ask::Nack { ssrc, sequences } => {
                    rtcp::write_nack(turn.rtcp, self.own_ssrc, ssrc, sequences);
                }
                Ask::Pli { ssrc } => rtcp::write_pli(turn.rtcp, self.own_ssrc, ssrc),
            }
            send_rtcp(&mut self.keys_out, turn, path);
        }
    }

    fn report(&mut self, turn: &mut Turn<'_>, path: SocketAddr) {
        for source in &self.sources {
            for encoding in 0..source.spec().encodings.len() {
                turn.rtcp.clear();
                source.sender_report(turn.now.realtime, encoding, turn.rtcp);
                if !turn.rtcp.is_empty() {
                    send_rtcp(&mut self.keys_out, turn, path);
                }
            }
        }
        turn.blocks.clear();
        self.judge.report_blocks(turn.now.instant, turn.blocks);
        let blocks: &[ReportBlock] = turn.blocks;
        for blocks in blocks.chunks(BLOCKS_MAX) {
            turn.rtcp.clear();
            rtcp::write_receiver_report(turn.rtcp, self.own_ssrc, blocks);
            if self.keys_out.seal_rtcp(turn.rtcp, 0).is_ok() {
                turn.outlet.push(path, turn.rtcp);
            }
        }
    }
}

/// Seals a packet that was written to the beginning of `room`; its length then.
fn seal(keys: &SrtpOut, room: &mut [u8], packet: &Outgoing) -> Option<usize> {
    keys.seal_rtp_in_place(room, packet.header_len, packet.len, packet.ssrc, packet.extended_sequence)
}

/// Sends the compound that was written.
fn send_rtcp(keys: &mut SrtpOut, turn: &mut Turn<'_>, path: SocketAddr) {
    if keys.seal_rtcp(turn.rtcp, 0).is_ok() {
        turn.outlet.push(path, turn.rtcp);
    }
}
