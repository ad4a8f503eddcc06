//! The lines to subscribers: feedback in, pictures and probes out.

use std::time::Instant;

use crate::api::MediaKind;
use crate::engine::{Engine, Transmit, abs_send_time};
use crate::policy::allotment::{self, Wish};
use crate::policy::bandwidth::Fate;
use crate::policy::layers::{self, EncodingState};
use crate::room::downlink::Ceiling;
use crate::room::fanout::hand_over;
use crate::room::{Peer, Subscription, Track, World};
use crate::wire::rtcp::TransportCcView;

/// Ticks of arrival times in feedback, in us.
const TICK_US: i64 = 250;
/// Looks a second.
const LOOKS: u64 = 10;
/// Estimates are told by class; these are their upper bounds in bits per second, and above them is one more.
const CLASSES: [u64; 5] = [100_000, 250_000, 500_000, 1_000_000, 2_500_000];

/// Signs are read from pictures of so many lines or more.
const READABLE_LINES: u32 = 360;

/// Buffers, kept between uses.
#[derive(Default)]
pub struct Lines {
    wishes: Vec<Wish>,
    /// Whose they are.
    subscriptions: Vec<usize>,
    states: Vec<EncodingState>,
    /// Peers whose lines are being probed.
    pub probing: Vec<usize>,
}

impl Engine {
    pub(super) fn on_transport_feedback(&mut self, now: Instant, index: usize, view: &TransportCcView<'_>) {
        self.counters.transport_feedback_received += 1;
        let Engine { world, out, .. } = self;
        let Some(peer) = world.peers.get_mut(index) else { return };
        let next = peer.transport_sequence;
        let Some(line) = peer.downlink.as_mut() else { return };
        let mut clock = line.reference_us(view.reference_time);
        for status in view.arrivals() {
            let arrival = status.delta.map(|delta| {
                clock += i64::from(delta) * TICK_US;
                clock
            });
            let first = line.is_first_word(status.sequence);
            let sent = match arrival {
                Some(_) => line.sent.take(status.sequence, next),
                None if first => line.sent.get(status.sequence, next),
                None => None,
            };
            let Some(sent) = sent else { continue };
            if first {
                line.tells_of(status.sequence);
            }
            if let Some(at) = out.handovers.time(sent.handover, now) {
                line.estimator.on_packet(Fate { sent: at, bytes: sent.bytes, arrival }, !first);
            }
        }
        let now_us = out.handovers.micros(now);
        if line.estimator.conclude(now_us) {
            self.line_is_full(now, index);
        } else if line.prober.is_running() && line.estimator.queue_begins() {
            line.prober.on_congestion(now_us);
        }
    }

    pub(super) fn on_remb(&mut self, now: Instant, index: usize, bits_per_second: u64) {
        let now_us = self.out.handovers.micros(now);
        if let Some(line) = self.world.peers.get_mut(index).and_then(|peer| peer.downlink.as_mut()) {
            line.estimator.on_remb(now_us, bits_per_second);
        }
    }

    /// The estimate was lowered: pictures give way at once.
    fn line_is_full(&mut self, now: Instant, index: usize) {
        let now_us = self.out.handovers.micros(now);
        let Some(peer) = self.world.peers.get_mut(index) else { return };
        let Some(line) = peer.downlink.as_mut() else { return };
        line.on_congestion(now_us);
        self.counters.estimates_lowered += 1;
        self.allot(now, index);
        let count = self.world.peers.get(index).map_or(0, |peer| peer.subscriptions.len());
        for position in 0..count {
            let subscription =
                self.world.peers.get(index).and_then(|peer| peer.subscriptions.get(position).copied());
            if let Some(subscription) = subscription {
                self.retarget_one(now, subscription);
            }
        }
    }

    /// Every 100 ms, before targets are decided.
    pub(super) fn look_after_lines(&mut self, now: Instant) {
        for (_, track) in &mut self.world.tracks {
            if track.config.codec.kind() == MediaKind::Video {
                track.layers.iter_mut().for_each(|layer| layer.note_demand(now));
            }
        }
        let now_us = self.out.handovers.micros(now);
        let peers: usize = self.world.peers.iter().map(|(index, _)| index + 1).max().unwrap_or(0);
        for index in 0..peers {
            let World { peers, tracks, subscriptions, .. } = &mut self.world;
            let Some(peer) = peers.get_mut(index) else { continue };
            let path = peer.transport.path();
            let Some(line) = peer.downlink.as_mut() else { continue };
            line.at_path(path);
            line.look(now_us);
            let unanswered = line.unanswered(peer.transport_sequence);
            let content = line.wanted.is_none();
            let lowered = line.estimator.look(now_us, unanswered, content);
            let redundant = line.decide_redundancy();
            let mut sound = 0;
            for subscription in &peer.subscriptions {
                let Some(subscription) = subscriptions.get_mut(*subscription) else { continue };
                let audio = tracks
                    .get(subscription.track)
                    .is_some_and(|track| track.config.codec.kind() == MediaKind::Audio);
                if audio {
                    sound += subscription.take_sound();
                    subscription.egress.set_redundancy(redundant);
                }
            }
            line.note_sound(sound * 8 * LOOKS);
            if lowered {
                self.line_is_full(now, index);
            } else {
                self.allot(now, index);
            }
            self.probe(now_us, index);
        }
        self.count_lines();
    }

    /// Divides what the line of a peer carries among what it receives.
    fn allot(&mut self, now: Instant, index: usize) {
        let Engine { world, out, lines, .. } = self;
        let now_us = out.handovers.micros(now);
        let World { peers, tracks, subscriptions, .. } = world;
        let Some(peer) = peers.get_mut(index) else { return };
        let Some(line) = peer.downlink.as_mut() else { return };
        let Some(estimate) = line.estimator.estimate() else {
            // Nothing to divide: as it is on a good line.
            if line.wanted.take().is_some() {
                line.prober.stop(now_us);
            }
            for &subscription in &peer.subscriptions {
                if let Some(subscription) = subscriptions.get_mut(subscription) {
                    subscription.ceiling = Ceiling::Free;
                }
            }
            return;
        };
        lines.wishes.clear();
        lines.subscriptions.clear();
        let mut voices = false;
        for &index in &peer.subscriptions {
            let Some(subscription) = subscriptions.get_mut(index) else { continue };
            let Some(track) = tracks.get(subscription.track) else { continue };
            if track.config.codec.kind() == MediaKind::Audio {
                voices |= !track.config.muted;
                continue;
            }
            track.encoding_states(now, &mut lines.states);
            let (target, _) = layers::choose(&lines.states, &subscription.settings, track.config.muted);
            let Some(target) = target else {
                subscription.ceiling = Ceiling::Free;
                continue;
            };
            let mut wish = Wish {
                now: subscription.target,
                new: subscription.target.is_none() && subscription.ceiling != Ceiling::Nothing,
                size: subscription.settings.height,
                floor: track.config.first.then(|| floor(track, target)),
                ..Wish::default()
            };
            for (encoding, (rate, layer)) in wish.rates.iter_mut().zip(&track.layers).enumerate() {
                let live = lines.states.get(encoding).is_some_and(|state| state.live);
                if encoding == target || (encoding < target && live) {
                    *rate = Some(layer.demand);
                }
            }
            lines.wishes.push(wish);
            lines.subscriptions.push(index);
        }
        let sound = line.sound();
        let more = line.may_be_better(now_us);
        allotment::divide(allotment::for_pictures(estimate, sound, voices), more, &mut lines.wishes);
        let urgent = line.is_urgent(now_us);
        let mut bettered = false;
        for (wish, &subscription) in lines.wishes.iter().zip(&lines.subscriptions) {
            let Some(subscription) = subscriptions.get_mut(subscription) else { continue };
            subscription.ceiling = match wish.given {
                Some(_) if !wish.held_back() => Ceiling::Free,
                Some(encoding) => Ceiling::Encoding(encoding),
                None => Ceiling::Nothing,
            };
            subscription.urgent = urgent;
            bettered |= !wish.new && wish.given > wish.now;
        }
        if bettered {
            line.bettered(now_us);
        }
        let step = allotment::next_step(&lines.wishes);
        line.wanted = step.map(|pictures| allotment::estimate_for(pictures, sound, voices));
        if line.wanted.is_none() {
            line.prober.stop(now_us);
        }
    }

    /// Begins a probe of a peer's line, if something is held back and the time has come.
    fn probe(&mut self, now_us: u64, index: usize) {
        let Engine { world, lines, .. } = self;
        let World { peers, subscriptions, .. } = world;
        let Some(peer) = peers.get_mut(index) else { return };
        let pads = padder(peer, subscriptions).is_some();
        let Some(line) = peer.downlink.as_mut() else { return };
        let (Some(wanted), Some(estimate)) = (line.wanted, line.estimator.limit()) else { return };
        if estimate >= wanted {
            return;
        }
        let arrives = line.estimator.acknowledged();
        if !line.prober.begin(now_us, line.estimator.calm_since(), estimate, wanted, arrives) {
            return;
        }
        if pads {
            if !lines.probing.contains(&index) {
                lines.probing.push(index);
            }
        } else {
            // Without retransmissions there is nothing to pad: the next better picture itself is the trial.
            line.prober.stop(now_us);
            line.estimator.try_more();
        }
    }

    /// Sends the padding that is due of the probes under way.
    pub(super) fn send_probes<T: Transmit>(&mut self, now: Instant, tx: &mut T) {
        if self.lines.probing.is_empty() {
            return;
        }
        let send_time = abs_send_time(self.clock.ntp(now));
        let Engine { world, out, lines, counters, .. } = self;
        let World { peers, subscriptions, .. } = world;
        let now_us = out.handovers.micros(now);
        lines.probing.retain(|&index| {
            let Some(peer) = peers.get_mut(index) else { return false };
            let padder = padder(peer, subscriptions);
            let Some(line) = peer.downlink.as_mut() else { return false };
            let mut left = line.prober.padding(now_us);
            let goes_on = line.prober.is_running();
            let Some(path) = peer.transport.path() else { return goes_on };
            let Some(srtp) = peer.transport.srtp_out() else { return goes_on };
            let Some(subscription) = padder.and_then(|index| subscriptions.get_mut(index)) else {
                return goes_on;
            };
            while left > 0 {
                if out.is_full() {
                    hand_over(out, counters, tx);
                }
                let number = peer.transport_sequence;
                let slot = out.slot();
                let Some(written) = subscription.egress.write_probe(number, send_time, slot) else { break };
                let sealed = srtp.seal_rtp_in_place(
                    slot,
                    written.header_len,
                    written.len,
                    written.ssrc,
                    written.sequence,
                );
                let Some(sealed) = sealed else { break };
                out.direct(path);
                out.commit(sealed);
                line.sent.note(number, out.handovers.number(), sealed);
                peer.transport_sequence = number.wrapping_add(1);
                counters.probe_packets += 1;
                left = left.saturating_sub(sealed as u64);
            }
            goes_on
        });
    }

    fn count_lines(&mut self) {
        let counters = &mut self.counters;
        counters.estimates = [0; CLASSES.len() + 1];
        for (_, peer) in &self.world.peers {
            let estimate = peer.downlink.as_ref().and_then(|line| line.estimator.estimate());
            let Some(estimate) = estimate else { continue };
            let class = CLASSES.iter().position(|bound| estimate <= *bound).unwrap_or(CLASSES.len());
            if let Some(count) = counters.estimates.get_mut(class) {
                *count += 1;
            }
        }
        let suspended = self.world.subscriptions.iter().filter(|(_, subscription)| subscription.suspended);
        counters.videos_suspended = suspended.count() as u64;
    }
}

/// The lowest encoding that signs can be read from, `target` at most.
fn floor(track: &Track, target: usize) -> usize {
    let readable = track.config.encodings.iter().position(|encoding| encoding.height >= READABLE_LINES);
    readable.map_or(target, |readable| readable.min(target))
}

/// The subscription of a peer by which padding can be sent.
fn padder(peer: &Peer, subscriptions: &slab::Slab<Subscription>) -> Option<usize> {
    peer.subscriptions
        .iter()
        .copied()
        .find(|&index| subscriptions.get(index).is_some_and(|subscription| subscription.egress.can_probe()))
}
