//! How much the line to one subscriber carries, from what its feedback says of each packet.
//!
//! As long as nothing speaks against it, there is no estimate: everything that is asked for is sent, as a good line
//! deserves. What speaks against it:
//!
//! - *A queue that stays.* The one-way delay of a packet (arrival by the receiver's clock less sending by ours) against
//!   the shortest of the last ten seconds is time spent in queues. A packet can be late for many reasons (a burst of a
//!   key frame, Wi-Fi, a receiver without its processor), but then others of the same half second are not: so the
//!   *shortest* queue of that time counts, as in CoDel (RFC 8289 3.1) and LEDBAT (RFC 6817 2.4.2). Delay gradients
//!   (draft-ietf-rmcat-gcc-02 5) see a queue a little earlier, and see many that are none.
//! - *Loss*, where a line drops instead of queueing: beyond what chance explains and what the line loses anyway.
//!
//! Either of them tells that the line is full; then what arrives is what it carries, which is a measurement and not a
//! guess. The estimate becomes a little less than that, so that the queue drains (the decrease of
//! draft-ietf-rmcat-gcc-02 5.5). Without congestion it is at least what arrives, and grows to at most 1.5 times that.
//! A forwarder sends what publishers give it, mostly less than the line carries: more is found out by probing
//! ([`super::probe`]).
//!
//! Times are microseconds: of sending by any steady clock of ours, of arrival by the receiver's; only differences matter.

use crate::api::LineState;

/// The recent past is kept in pieces of this length.
const SLOT_US: u64 = 100_000;
const SLOTS: usize = 16;
/// Time over which the shortest queue counts, about.
const DELAY_WINDOW_US: u64 = 400_000;
/// Its newer half, which tells whether a queue grows or drains.
const DELAY_NEWER_US: u64 = 200_000;
/// With fewer packets nothing is concluded from their delays.
const DELAY_PACKETS: u32 = 6;
/// Shortest delays are remembered for three to four times this; a line whose way has become longer is then no longer
/// taken for a full one.
const BASE_US: u64 = 3_000_000;
const BASES: usize = 4;
/// A queue that stays for less long than this is no congestion, in us. Sound bears it, and busy machines make it.
const QUEUE_US: i64 = 40_000;
/// So much more at most on lines whose delays vary, in us.
const JITTER_MAX_US: i64 = 60_000;
/// A queue that has become shorter by this within the window drains: waiting is enough.
const DRAIN_US: i64 = 3_000;
/// A queue whose length changes by less, and that lowering has not changed either, is not ours: the way has become
/// longer, or others fill it.
const FLAT_US: i64 = 8_000;
/// No more than this is lost of a queue that is not ours.
const FLAT_LOSS: f32 = 0.02;

const LOSS_WINDOW_US: u64 = 400_000;
const LOSS_PACKETS: u32 = 20;
/// Share of packets lost that no repair and no concealment notices (draft-ietf-rmcat-gcc-02 6 holds up to 0.1).
const LOSS_TOLERATED: f32 = 0.08;
/// Deviations of chance allowed: of n packets the share lost varies by 0.5 / sqrt(n) at most.
const LOSS_DEVIATIONS: f32 = 1.5;
/// A line's own loss, which sending less does not mend, is believed up to this share.
const LOSS_OWN_MAX: f32 = 0.15;

/// Arrivals are counted in so many pieces of this length: the rate is that of their sum.
const RATE_SLOT_US: i64 = 50_000;
const RATE_SLOTS: usize = 13;
/// What arrives is measured to a packet more or less, and must not be counted upon to that.
const PROVEN: f32 = 0.95;
/// Of what arrives on a full line.
const DECREASE: f32 = 0.88;
/// Growth for each second, while so much of the estimate is used.
const GROWTH: f32 = 0.06;
const USED: f32 = 0.7;
/// Of what arrives.
const HEADROOM: f32 = 1.5;
/// Bits per second: sound alone has to be possible.
const LEAST: u64 = 30_000;
/// Looks (of 100 ms) without feedback while something is sent, until that is taken for congestion. Counted in looks and
/// not by the clock: when this machine stood still, it was not the line.
const SILENT_LOOKS: u32 = 15;
/// Packets that must have been sent since.
const SILENT_PACKETS: u32 = 10;
/// A calm line on which everything asked for is sent for so long has no limit that matters, in us.
const OPEN_AFTER_US: u64 = 20_000_000;

/// One piece of the recent past, by time of sending.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// `sent / SLOT_US`, plus one; 0 = unused.
    number: u64,
    received: u32,
    lost: u32,
    /// Over the packets received, in us.
    shortest: i64,
    sum: i64,
}

/// What the feedback on one packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Microseconds.
    pub sent: u64,
    /// On the line.
    pub bytes: u32,
    /// Microseconds by the receiver's clock; None: it did not arrive (so far).
    pub arrival: Option<i64>,
}

#[derive(Debug)]
pub struct Estimator {
    /// Bits per second; None: no limit is known.
    limit: Option<u64>,
    /// From REMB, of a receiver that sends no other feedback: bits per second, and when it came.
    told: Option<(u64, u64)>,
    slots: [Slot; SLOTS],
    /// Number of the newest slot.
    newest: u64,
    /// Packets sent before this are no longer judged: they show the line as it was before the last decrease.
    judged_from: u64,
    bases: [Option<i64>; BASES],
    base_number: u64,
    /// Smoothed excess of the mean delay of a slot over its shortest, in us.
    jitter: i64,
    /// Shares of loss, the least of each of the last BASES times of BASE_US.
    losses: [Option<f32>; BASES],
    arrivals: [u64; RATE_SLOTS],
    arrival_number: i64,
    first_arrival: Option<i64>,
    state: LineState,
    grown_at: u64,
    calm_since: u64,
    silent_looks: u32,
    /// Lowered for a queue that did not change.
    flat: bool,
    feedback: bool,
}

impl Default for Estimator {
    fn default() -> Self {
        Estimator {
            limit: None,
            told: None,
            slots: [Slot::default(); SLOTS],
            newest: 0,
            judged_from: 0,
            bases: [None; BASES],
            base_number: 0,
            jitter: 0,
            losses: [None; BASES],
            arrivals: [0; RATE_SLOTS],
            arrival_number: i64::MIN,
            first_arrival: None,
            state: LineState::Unknown,
            grown_at: 0,
            calm_since: 0,
            silent_looks: 0,
            flat: false,
            feedback: false,
        }
    }
}

impl Estimator {
    /// Bits per second on the line, headers of IPv4 and UDP included; None while no limit is known.
    pub fn estimate(&self) -> Option<u64> {
        match (self.limit, self.told) {
            (Some(limit), Some((told, _))) => Some(limit.min(told)),
            (limit, told) => limit.or(told.map(|(told, _)| told)),
        }
    }

    pub fn state(&self) -> LineState {
        self.state
    }

    /// What arrived lately, in bits per second.
    pub fn acknowledged(&self) -> u64 {
        let Some(first) = self.first_arrival else { return 0 };
        // The newest piece is not complete.
        let complete = RATE_SLOTS as i64 - 1;
        let since_first = (self.arrival_number - first.div_euclid(RATE_SLOT_US)).clamp(2, complete);
        let bytes: u64 = (1..=since_first).map(|back| self.arrived_in(self.arrival_number - back)).sum();
        bytes.saturating_mul(8_000_000) / (since_first * RATE_SLOT_US) as u64
    }

    fn arrived_in(&self, number: i64) -> u64 {
        self.arrivals.get(number.rem_euclid(RATE_SLOTS as i64) as usize).copied().unwrap_or(0)
    }

    /// The receiver's own estimate, in bits per second (draft-alvestrand-rmcat-remb-03). A bound for as long as it
    /// sends no feedback on packets.
    pub fn on_remb(&mut self, now: u64, bits_per_second: u64) {
        if !self.feedback {
            self.told = Some((bits_per_second.max(LEAST), now));
            self.state = LineState::Told;
        }
    }

    /// One status of a feedback message. `again`: it was told as lost before.
    pub fn on_packet(&mut self, fate: Fate, again: bool) {
        let number = fate.sent / SLOT_US + 1;
        if number > self.newest {
            self.close_slot();
            self.newest = number;
        }
        if number + SLOTS as u64 > self.newest
            && let Some(slot) = self.slots.get_mut((number % SLOTS as u64) as usize)
        {
            if slot.number != number {
                *slot = Slot { number, shortest: i64::MAX, ..Slot::default() };
            }
            match fate.arrival {
                Some(arrival) => {
                    let delay = arrival - fate.sent as i64;
                    slot.received += 1;
                    slot.sum = slot.sum.saturating_add(delay);
                    slot.shortest = slot.shortest.min(delay);
                    if again {
                        slot.lost = slot.lost.saturating_sub(1);
                    }
                }
                None => slot.lost += 1,
            }
        }
        if let Some(arrival) = fate.arrival {
            self.count_arrival(arrival, fate.bytes);
            self.note_base(fate.sent, arrival - fate.sent as i64);
        }
    }

    fn count_arrival(&mut self, arrival: i64, bytes: u32) {
        self.first_arrival.get_or_insert(arrival);
        let number = arrival.div_euclid(RATE_SLOT_US);
        let pieces = RATE_SLOTS as i64;
        if number > self.arrival_number {
            let from = self.arrival_number.max(number - pieces) + 1;
            for passed in from..=number {
                if let Some(piece) = self.arrivals.get_mut(passed.rem_euclid(pieces) as usize) {
                    *piece = 0;
                }
            }
            self.arrival_number = number;
        }
        if number > self.arrival_number - pieces
            && let Some(piece) = self.arrivals.get_mut(number.rem_euclid(pieces) as usize)
        {
            *piece += u64::from(bytes);
        }
    }

    fn note_base(&mut self, sent: u64, delay: i64) {
        let number = sent / BASE_US;
        if number > self.base_number {
            for passed in number.saturating_sub(BASES as u64 - 1).max(self.base_number + 1)..=number {
                let at = (passed % BASES as u64) as usize;
                if let Some(base) = self.bases.get_mut(at) {
                    *base = None;
                }
                if let Some(loss) = self.losses.get_mut(at) {
                    *loss = None;
                }
            }
            self.base_number = number;
        }
        if let Some(base) = self.bases.get_mut((number % BASES as u64) as usize) {
            *base = Some(base.map_or(delay, |known| known.min(delay)));
        }
    }

    /// Learns from the newest slot how much delays vary, while there is no queue.
    fn close_slot(&mut self) {
        let base = self.base();
        let Some(slot) = self.slot(self.newest).filter(|slot| slot.received >= 3) else { return };
        if slot.shortest - base < QUEUE_US {
            let varies = slot.sum / i64::from(slot.received) - slot.shortest;
            self.jitter += (varies.min(JITTER_MAX_US) - self.jitter) / 16;
        }
    }

    fn base(&self) -> i64 {
        self.bases.iter().flatten().min().copied().unwrap_or(0)
    }

    fn slot(&self, number: u64) -> Option<&Slot> {
        self.slots.get((number % SLOTS as u64) as usize).filter(|slot| slot.number == number && number > 0)
    }

    /// The slots that are judged, the newest first.
    fn recent(&self) -> impl Iterator<Item = &Slot> {
        let oldest = (self.newest.saturating_sub(SLOTS as u64)).max(self.judged_from.div_ceil(SLOT_US));
        (oldest + 1..=self.newest).rev().filter_map(|number| self.slot(number))
    }

    /// The shortest queue of the window, in us, and by how much it has changed within it.
    fn queue(&self) -> Option<(i64, i64)> {
        let (mut packets, mut newer, mut older) = (0, None, None);
        for slot in self.recent().filter(|slot| slot.received > 0) {
            let age = (self.newest - slot.number) * SLOT_US;
            if packets >= DELAY_PACKETS && age >= DELAY_WINDOW_US {
                break;
            }
            let half =
                if packets < DELAY_PACKETS / 2 || age < DELAY_NEWER_US { &mut newer } else { &mut older };
            *half = Some(slot.shortest).into_iter().chain(*half).min();
            packets += slot.received;
        }
        let (newer, older) = newer.zip(older)?;
        let whole = self.recent().last().is_some_and(|slot| self.newest - slot.number >= 3);
        (packets >= DELAY_PACKETS && whole).then(|| (newer.min(older) - self.base(), newer - older))
    }

    /// A queue has come up in the last moments: too soon to conclude anything, and soon enough to end a probe.
    pub fn queue_begins(&self) -> bool {
        let base = self.base();
        let (mut packets, mut shortest) = (0, i64::MAX);
        for slot in self.recent().take(2).filter(|slot| slot.received > 0) {
            packets += slot.received;
            shortest = shortest.min(slot.shortest);
            if packets >= DELAY_PACKETS {
                break;
            }
        }
        packets >= DELAY_PACKETS / 2 && shortest - base > QUEUE_US
    }

    /// Of the last 0.4 s: the share lost, and how many packets that is of.
    fn loss(&self) -> Option<(f32, u32)> {
        let (mut lost, mut all, mut span) = (0, 0, 0);
        for slot in self.recent() {
            lost += slot.lost;
            all += slot.received + slot.lost;
            span = (self.newest - slot.number + 1) * SLOT_US;
            if all >= LOSS_PACKETS && span >= LOSS_WINDOW_US {
                break;
            }
        }
        (all >= LOSS_PACKETS && span >= LOSS_WINDOW_US).then(|| (lost as f32 / all as f32, all))
    }

    /// The queue that is still no congestion.
    fn threshold(&self) -> i64 {
        QUEUE_US + self.jitter.min(JITTER_MAX_US)
    }

    /// After a feedback message. True when the line turned out to be full: the estimate was lowered.
    pub fn conclude(&mut self, now: u64) -> bool {
        if !self.feedback {
            self.calm_since = now;
        }
        self.feedback = true;
        self.told = None;
        self.silent_looks = 0;
        let queue = self.queue();
        let loss = self.loss();
        let waits = queue.is_some_and(|(queue, _)| queue > self.threshold());
        let drains = queue.is_some_and(|(_, change)| change < -DRAIN_US);
        let loses = loss.is_some_and(|(share, packets)| {
            let chance = LOSS_DEVIATIONS / (packets as f32).sqrt();
            share > LOSS_TOLERATED + chance + self.own_loss()
        });
        self.note_loss(loss);
        if loses {
            self.lower(now, LineState::Lossy);
            return true;
        }
        if waits && !drains {
            let steady = queue.is_some_and(|(_, change)| change.abs() < FLAT_US);
            let flat = steady && loss.is_none_or(|(share, _)| share < FLAT_LOSS);
            if flat && self.flat {
                // Sending less has not changed it.
                self.forget_delays();
                self.flat = false;
                return false;
            }
            self.lower(now, LineState::Queueing);
            self.flat = flat;
            return true;
        }
        if queue.is_some() {
            self.flat &= waits && !drains;
        }
        if waits {
            self.calm_since = now;
            return false;
        }
        self.raise(now);
        false
    }

    fn own_loss(&self) -> f32 {
        // Of a past that is long enough to be one.
        let known = self.losses.iter().flatten().count();
        if known < BASES - 1 {
            return 0.0;
        }
        self.losses.iter().flatten().copied().fold(LOSS_OWN_MAX, f32::min)
    }

    fn note_loss(&mut self, loss: Option<(f32, u32)>) {
        let Some((share, _)) = loss else { return };
        if let Some(least) = self.losses.get_mut((self.base_number % BASES as u64) as usize) {
            *least = Some(least.map_or(share, |known| known.min(share)));
        }
    }

    fn lower(&mut self, now: u64, state: LineState) {
        self.limit = Some(((self.acknowledged() as f32 * DECREASE) as u64).max(LEAST));
        self.state = state;
        self.calm_since = now;
        self.grown_at = now;
        // What is sent from now on shows whether that was enough.
        self.judged_from = now;
    }

    fn raise(&mut self, now: u64) {
        let elapsed = now.saturating_sub(self.grown_at).min(1_000_000) as f32 / 1e6;
        self.grown_at = now;
        self.state = if self.limit.is_some() { LineState::Calm } else { LineState::Open };
        let Some(limit) = self.limit else { return };
        let arrives = self.acknowledged();
        let mut raised = limit.max((arrives as f32 * PROVEN) as u64);
        if arrives as f32 > raised as f32 * USED {
            let grown = (raised as f32 * (1.0 + GROWTH * elapsed)) as u64;
            raised = raised.max(grown.min((arrives as f32 * HEADROOM) as u64));
        }
        self.limit = Some(raised);
    }

    /// To be called every 100 ms. `unanswered`: packets sent since the newest one that feedback told of; `content`:
    /// everything asked for is sent. True when the estimate was lowered.
    pub fn look(&mut self, now: u64, unanswered: u32, content: bool) -> bool {
        if self.told.is_some_and(|(_, at)| now.saturating_sub(at) > 10_000_000) {
            self.told = None;
            self.state = LineState::Unknown;
        }
        if !self.feedback {
            return false;
        }
        if content && self.limit.is_some() && now.saturating_sub(self.calm_since) > OPEN_AFTER_US {
            self.limit = None;
            self.state = LineState::Open;
        }
        if !content {
            self.calm_since = self.calm_since.max(now.saturating_sub(OPEN_AFTER_US / 2));
        }
        self.silent_looks = if unanswered >= SILENT_PACKETS { self.silent_looks + 1 } else { 0 };
        if self.silent_looks < SILENT_LOOKS {
            return false;
        }
        self.silent_looks = 0;
        let halved = self.limit.unwrap_or_else(|| self.acknowledged()) / 2;
        self.limit = Some(halved.max(LEAST));
        self.state = LineState::Silent;
        self.calm_since = now;
        self.judged_from = now;
        true
    }

    /// Nothing is known to speak against more, but nothing can be tried out either: the next trial may be this much.
    pub fn try_more(&mut self) {
        if let Some(limit) = &mut self.limit {
            *limit = limit.saturating_add(*limit / 2);
        }
    }

    /// The limit that was found here, without the receiver's own.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// The way has changed: what was known of delays and losses says nothing of it.
    pub fn forget_delays(&mut self) {
        self.slots = [Slot::default(); SLOTS];
        self.bases = [None; BASES];
        self.losses = [None; BASES];
        self.jitter = 0;
    }

    /// Since when nothing was congested, in us.
    pub fn calm_since(&self) -> u64 {
        self.calm_since
    }
}

#[cfg(test)]
mod tests;
