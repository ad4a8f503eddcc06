//! One RTP stream that a peer receives.

use std::time::Instant;

use chevet_sfu_core::api::{Codec, MediaKind};
use chevet_sfu_core::stream::statistics::Reception;
use chevet_sfu_core::wire::codec::inspect;
use chevet_sfu_core::wire::rtcp::ReportBlock;
use chevet_sfu_core::wire::rtp::RtpHeader;

use super::gaps::{Gaps, Place};
use super::judge::Seen;
use super::lines::{Circumstances, Lines};
use super::pictures::{Item, Part, Pictures};
use super::probe;
use crate::generator::Tally;

#[derive(Debug)]
pub struct Stream {
    pub ssrc: u32,
    codec: Codec,
    gaps: Gaps,
    lines: Lines,
    pictures: Pictures,
    reception: Reception,
    /// Something came since the last report.
    heard: bool,
    /// Middle 32 bits of the last sender report's time, and when it came.
    last_sr: Option<(u32, Instant)>,
}

/// A packet, freed of padding and of what RTX puts in front.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// That of the original for RTX.
    pub sequence: u16,
    pub body: &'a [u8],
    pub repeat: bool,
    /// CLOCK_REALTIME ns.
    pub arrived: u64,
}

impl Stream {
    pub fn new(ssrc: u32, codec: Codec) -> Stream {
        Stream {
            ssrc,
            codec,
            gaps: Gaps::default(),
            lines: Lines::default(),
            pictures: Pictures::default(),
            reception: Reception::default(),
            heard: false,
            last_sr: None,
        }
    }

    fn is_video(&self) -> bool {
        self.codec.kind() == MediaKind::Video
    }

    /// `Seen::Media::first` is left to the caller.
    pub fn on_packet(
        &mut self,
        now: Instant,
        header: &RtpHeader,
        packet: Packet<'_>,
        tally: &mut Tally,
    ) -> Seen {
        let place = self.gaps.on_packet(now, packet.sequence, packet.repeat);
        if matches!(place, Place::Restart { .. }) || self.gaps.overflows() {
            // Before the new numbers are taken note of, as these belong to the old ones.
            self.lose(now, tally);
        }
        let (sequence, newest, continuous, restart, asked) = match place {
            Place::Newest { sequence, continuous } => (sequence, true, continuous, false, false),
            Place::Restart { sequence } => (sequence, true, false, true, false),
            Place::Filled { sequence, asked } => (sequence, false, false, false, asked),
            Place::Known => return Seen::Duplicate,
        };
        if restart {
            self.reception.restart();
            self.pictures.restart(sequence);
        }
        if !packet.repeat {
            self.heard = true;
            let ticks = u128::from(packet.arrived) * u128::from(self.codec.clock_rate()) / 1_000_000_000;
            self.reception.on_packet(sequence, header.timestamp, ticks as u32);
        }
        let Some(probe) = probe::read(packet.body) else {
            if self.is_video() {
                self.pictures.on_item(sequence, Item::Nothing);
            }
            return Seen::Padding;
        };
        let key_frame = inspect(self.codec, packet.body).key_frame;
        let recovered = asked || packet.repeat || probe.repeated;
        tally.received += 1;
        tally.received_bytes += packet.body.len() as u64;
        tally.recovered += u64::from(recovered);
        if !packet.repeat && !probe.repeated {
            tally.latency.saturating_record(packet.arrived.saturating_sub(probe.sent));
            tally.latency_from_due.saturating_record(packet.arrived.saturating_sub(probe.due));
        }
        let circumstances = Circumstances { newest, continuous, restart, key_frame };
        tally.lost_by_probe += self.lines.on_packet(now, &probe, circumstances);
        if self.is_video() {
            let part = Part {
                timestamp: header.timestamp,
                first: probe.index == 0,
                marker: header.marker,
                key: key_frame,
                encoding: probe.encoding,
            };
            self.pictures.on_item(sequence, Item::Packet(part));
            self.count_pictures(tally);
        }
        Seen::Media { first: false, key_frame: key_frame && self.is_video() }
    }

    /// Gives up what has been missing for too long.
    pub fn lose(&mut self, now: Instant, tally: &mut Tally) {
        while let Some(sequence) = self.gaps.expire(now) {
            tally.lost_by_sequence += 1;
            if self.is_video() {
                self.pictures.on_item(sequence, Item::Lost);
            }
        }
        tally.lost_by_probe += self.lines.expire(now);
        self.count_pictures(tally);
    }

    fn count_pictures(&mut self, tally: &mut Tally) {
        let count = self.pictures.take_count();
        tally.frames_complete += count.complete;
        tally.frames_broken += count.broken;
    }

    /// Appends the numbers to ask for, as many as there is room for. Sound is not asked for: browsers do not either unless
    /// told to.
    pub fn ask(&mut self, now: Instant, out: &mut Vec<u16>) {
        if self.is_video() {
            self.gaps.ask(now, out);
        }
    }

    /// Whether to ask for a key frame; takes note that it is done.
    pub fn ask_key_frame(&mut self, now: Instant) -> bool {
        let due = self.is_video() && self.pictures.key_frame_due(now).is_some_and(|due| due <= now);
        if due {
            self.pictures.key_frame_asked(now);
        }
        due
    }

    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let key_frame = if self.is_video() { self.pictures.key_frame_due(now) } else { None };
        [self.gaps.deadline(self.is_video()), self.lines.deadline(), key_frame].into_iter().flatten().min()
    }

    /// Sequence numbers and probes that are missing and not given up.
    #[cfg(test)]
    pub fn pending(&self) -> (u64, u64) {
        (self.gaps.pending(), self.lines.pending())
    }

    pub fn on_sender_report(&mut self, now: Instant, ntp: u64) {
        self.last_sr = Some(((ntp >> 16) as u32, now));
    }

    /// `None` when nothing came since the last one.
    pub fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        if !std::mem::take(&mut self.heard) {
            return None;
        }
        let (last_sr, delay) = self.last_sr.map_or((0, 0), |(ntp, at)| {
            let delay = now.saturating_duration_since(at);
            (ntp, (delay.as_nanos() * 65_536 / 1_000_000_000) as u32)
        });
        Some(ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: self.reception.take_fraction_lost(),
            cumulative_lost: self.reception.lost().min(0x7f_ffff) as i32,
            highest_sequence: self.reception.highest() as u32,
            jitter: self.reception.jitter(),
            last_sr,
            delay_since_sr: delay,
        })
    }
}
