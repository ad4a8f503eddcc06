//! What happens by the clock: repairs and feedback to publishers, reports to everybody, policies, speakers, quality.

use std::time::{Duration, Instant};

use crate::api::{Event, LayerReason, MediaKind, Quality, RoomId, Speaker};
use crate::engine::{Engine, Transmit};
use crate::policy::layers::{self, EncodingState};
use crate::policy::quality::{Observation, verdict};
use crate::policy::speakers::INTERVAL_MS;
use crate::room::downlink::Ceiling;

/// The shortest time between two looks: while a publisher owes us packets, or a sender of data waits.
const BUSY: Duration = Duration::from_millis(20);
/// Otherwise. Also the step of all slower rhythms.
const CALM: Duration = Duration::from_millis(100);
/// Reports leave once a second; each peer has its own tenth of it, so that a thousand reports are not one burst.
const PHASES: usize = 10;
const QUALITY_STEPS: u64 = 50;

pub struct Ticks {
    next: Instant,
    next_step: Instant,
    /// Steps of `CALM` so far.
    steps: u64,
    speakers_at: Instant,
    states: Vec<EncodingState>,
}

impl Ticks {
    pub fn new(now: Instant) -> Ticks {
        Ticks { next: now, next_step: now, steps: 0, speakers_at: now, states: Vec::new() }
    }

    /// Something changed that the next step should see soon.
    pub fn hasten(&mut self, now: Instant) {
        self.next = self.next.min(now + BUSY);
    }
}

impl Engine {
    /// When `on_deadline` wants to be called next. An idle engine sleeps.
    pub fn next_deadline(&self) -> Option<Instant> {
        let ticking = !self.world.tracks.is_empty() || !self.world.rooms.is_empty();
        [self.schedule.next(), self.company.due(), ticking.then_some(self.ticks.next), self.links_retry]
            .into_iter()
            .flatten()
            .min()
    }

    pub fn on_deadline<T: Transmit>(&mut self, now: Instant, tx: &mut T) {
        while let Some((at, index)) = self.schedule.pop_due(now) {
            let Some(peer) = self.world.peers.get_mut(index) else { continue };
            if peer.scheduled != Some(at) {
                continue;
            }
            peer.scheduled = None;
            peer.transport.on_deadline(now, &mut self.outbox);
            self.stir(index);
        }
        if self.company.is_due(now) {
            self.forward_arrived(now, tx);
        }
        if now >= self.ticks.next {
            self.tick(now);
            self.send_probes(now, tx);
        }
        self.settle(now, tx);
    }

    fn tick(&mut self, now: Instant) {
        let step = now >= self.ticks.next_step;
        let mut next = None;
        let peers: usize = self.world.peers.iter().map(|(index, _)| index + 1).max().unwrap_or(0);
        for index in 0..peers {
            next = earlier(next, self.answer_publisher(now, index));
            if step && index % PHASES == self.ticks.steps as usize % PHASES {
                self.report_to(now, index);
            }
        }
        self.look_after_mirrors(now, step);
        if !self.lines.probing.is_empty() {
            next = earlier(next, Some(now + BUSY));
        }
        if self.look_after_data(now, step) {
            next = earlier(next, Some(now + BUSY));
        }
        if step {
            self.step(now);
            self.ticks.steps += 1;
            self.ticks.next_step = now + CALM;
        }
        // Repairs wait for their moment, but not so exactly that each would wake the worker.
        let next = next.map_or(self.ticks.next_step, |next| next.max(now + BUSY));
        self.ticks.next = next.min(self.ticks.next_step);
    }

    /// True while a sender waits for a receiver.
    fn look_after_data(&mut self, now: Instant, step: bool) -> bool {
        let rooms: usize = self.world.rooms.iter().map(|(index, _)| index + 1).max().unwrap_or(0);
        let mut waiting = false;
        for room in 0..rooms {
            let waits = self.world.rooms.get(room).is_some_and(|room| room.router.is_waiting());
            if waits || step {
                self.route_room(now, room, |router, members, events| {
                    router.on_deadline(now, members, events)
                });
            }
            waiting |= waits;
        }
        waiting
    }

    fn step(&mut self, now: Instant) {
        self.company.measure(now, self.counters.media_forwarded);
        self.look_after_lines(now);
        let tracks: Vec<usize> = self.world.tracks.iter().map(|(index, _)| index).collect();
        for track in tracks {
            self.retarget(now, track);
            self.update_wanted(now, track);
        }
        let rooms: Vec<usize> = self.world.rooms.iter().map(|(index, _)| index).collect();
        let speakers_due =
            now.saturating_duration_since(self.ticks.speakers_at) >= Duration::from_millis(INTERVAL_MS);
        for &room in &rooms {
            if speakers_due {
                self.listen(room);
            }
        }
        if speakers_due {
            self.ticks.speakers_at = now;
        }
        if self.ticks.steps % QUALITY_STEPS == QUALITY_STEPS - 1 {
            self.judge();
        }
    }

    /// Decides anew for each subscription of a track, and asks for the key frames that this takes.
    pub(super) fn retarget(&mut self, now: Instant, track: usize) {
        let Some(count) = self.world.tracks.get(track).map(|track| track.subscriptions.len()) else { return };
        let mut states = std::mem::take(&mut self.ticks.states);
        if let Some(track) = self.world.tracks.get(track) {
            track.encoding_states(now, &mut states);
        }
        for position in 0..count {
            let subscription =
                self.world.tracks.get(track).and_then(|track| track.subscriptions.get(position).copied());
            if let Some(subscription) = subscription {
                self.decide(now, subscription, &states);
            }
        }
        self.ticks.states = states;
        self.request_key_frames(now, track);
    }

    /// The same for one subscription that changed.
    pub(super) fn retarget_one(&mut self, now: Instant, subscription: usize) {
        let Some(track) = self.world.subscriptions.get(subscription).map(|s| s.track) else { return };
        let mut states = std::mem::take(&mut self.ticks.states);
        if let Some(track) = self.world.tracks.get(track) {
            track.encoding_states(now, &mut states);
        }
        self.decide(now, subscription, &states);
        self.ticks.states = states;
        self.request_key_frames(now, track);
    }

    fn decide(&mut self, now: Instant, index: usize, states: &[EncodingState]) {
        let Some(subscription) = self.world.subscriptions.get_mut(index) else { return };
        let Some(track) = self.world.tracks.get_mut(subscription.track) else { return };
        let muted = track.config.muted && track.config.codec.kind() == MediaKind::Video;
        // A key frame that nobody receives would pass the gate for nothing.
        let connected = self.world.peers.get(subscription.peer).is_some_and(|peer| peer.connected);
        let (target, reason) = layers::choose(states, &subscription.settings, muted);
        let (target, reason) = if connected { (target, reason) } else { (None, LayerReason::NotConnected) };
        let (target, reason) = match (target, subscription.ceiling) {
            (Some(_), Ceiling::Nothing) => (None, LayerReason::Bandwidth),
            (Some(asked), Ceiling::Encoding(highest)) if asked > highest => {
                (Some(layers::at_most(states, highest)), LayerReason::Bandwidth)
            }
            (target, _) => (target, reason),
        };
        subscription.target = target;
        // A picture that is too much for a full line does not go on until the key frame of the smaller one.
        let leaves = subscription.urgent && reason == LayerReason::Bandwidth;
        if leaves && subscription.egress.current() > target {
            subscription.egress.set_target(None);
        }
        subscription.egress.set_target(target);
        // Rates are measured on the encoding that is forwarded.
        if subscription.settings.fps > 0
            && let Some(ingress) = subscription
                .egress
                .current()
                .and_then(|layer| track.layers.get_mut(layer))
                .and_then(|layer| layer.ingress.as_mut())
        {
            let rates = ingress.frame_rates(now);
            subscription
                .egress
                .set_temporal_limit(layers::temporal_limit(rates.as_slice(), subscription.settings.fps));
        } else {
            subscription.egress.set_temporal_limit(None);
        }
        let awaiting = subscription.egress.needs_key_frame().is_some();
        subscription.reason = if awaiting { LayerReason::AwaitingKeyFrame } else { reason };
        self.set_suspended(index, target.is_none() && reason == LayerReason::Bandwidth);
    }

    /// Tells of the begin and of the end of it.
    pub(super) fn set_suspended(&mut self, index: usize, suspended: bool) {
        let Some(subscription) = self.world.subscriptions.get_mut(index) else { return };
        if subscription.suspended == suspended {
            return;
        }
        subscription.suspended = suspended;
        self.counters.suspensions += u64::from(suspended);
        let (id, track, peer) = (subscription.id, subscription.track, subscription.peer);
        let track = self.world.tracks.get(track).map(|track| track.id);
        let member = self.world.peers.get(peer).and_then(|peer| self.world.members.get(peer.member));
        if let (Some(track), Some(member)) = (track, member) {
            let member = member.id;
            self.tell(Event::Suspended { subscription: id, track, member, suspended });
        }
    }

    /// Notes which encodings of a track somebody waits for, and asks the publisher as the throttle allows.
    pub(super) fn request_key_frames(&mut self, now: Instant, index: usize) {
        let Some(track) = self.world.tracks.get_mut(index) else { return };
        if track.config.codec.kind() == MediaKind::Audio {
            return;
        }
        let mut any = false;
        for &subscription in &track.subscriptions {
            let Some(subscription) = self.world.subscriptions.get(subscription) else { continue };
            let connected = self.world.peers.get(subscription.peer).is_some_and(|peer| peer.connected);
            if !connected {
                continue;
            }
            if let Some(layer) =
                subscription.egress.needs_key_frame().and_then(|layer| track.layers.get_mut(layer))
            {
                layer.key_frames.want();
                any = true;
            }
        }
        if any {
            self.answer_origin(now, index);
        }
    }

    /// A subscriber's transport came up: everything it subscribes to can begin.
    pub(super) fn request_key_frames_for(&mut self, now: Instant, peer: usize) {
        let Some(peer) = self.world.peers.get(peer) else { return };
        for subscription in peer.subscriptions.clone() {
            self.retarget_one(now, subscription);
        }
    }

    pub(super) fn update_wanted(&mut self, now: Instant, index: usize) {
        let Some(track) = self.world.tracks.get_mut(index) else { return };
        if track.config.codec.kind() == MediaKind::Audio {
            return;
        }
        let mut states = std::mem::take(&mut self.ticks.states);
        track.encoding_states(now, &mut states);
        let maximum: Option<Quality> = track
            .subscriptions
            .iter()
            .filter_map(|&subscription| self.world.subscriptions.get(subscription))
            .filter(|subscription| subscription.settings.enabled)
            .filter_map(|subscription| states.get(layers::wanted(&states, &subscription.settings).0))
            .map(|state| state.quality)
            .chain(track.relays.iter().filter_map(|relay| relay.quality))
            .max();
        self.ticks.states = states;
        if track.mirror.is_some() {
            self.tell_interest(index, maximum);
            return;
        }
        let announced = track.wanted.update(now, maximum);
        let Some(member) = self.world.members.get(track.member) else { return };
        if let Some(quality) = announced {
            self.events.push_back(Event::Wanted { track: track.id, member: member.id, quality });
        }
    }

    fn listen(&mut self, room: usize) {
        let mut changes = Vec::new();
        let Some(members) = self.world.rooms.get(room).map(|room| &room.members) else { return };
        for &index in members {
            let Some(member) = self.world.members.get(index) else { continue };
            for &track in &member.tracks {
                let Some(track) = self.world.tracks.get_mut(track) else { continue };
                if track.config.codec.kind() == MediaKind::Audio && !track.config.muted {
                    changes.extend(track.loudness.tick(member.id));
                }
            }
        }
        self.tell_speakers(room, changes);
    }

    pub(super) fn tell_speakers(&mut self, room: usize, speakers: Vec<Speaker>) {
        if speakers.is_empty() {
            return;
        }
        let Some(room): Option<RoomId> = self.world.rooms.get(room).map(|room| room.id) else { return };
        self.tell(Event::Speakers { room, speakers });
    }

    /// The verdict on each member's connection over the last period, told when it changes.
    fn judge(&mut self) {
        let members: Vec<usize> = self.world.members.iter().map(|(index, _)| index).collect();
        for index in members {
            let Some(seen) = self.observe(index) else { continue };
            let verdict = verdict(&seen);
            let Some(member) = self.world.members.get_mut(index) else { continue };
            let changed = member.quality.is_none_or(|before| before.grade != verdict.grade);
            member.quality = Some(verdict);
            let id = member.id;
            if changed {
                self.tell(Event::Quality { member: id, verdict });
            }
        }
    }

    /// None for a member whose connection is not up yet.
    fn observe(&mut self, index: usize) -> Option<Observation> {
        let world = &mut self.world;
        let member = world.members.get(index)?;
        let mut seen = Observation::default();
        let mut connected = false;
        for &peer in &member.peers {
            let Some(peer) = world.peers.get(peer) else { continue };
            connected |= peer.connected;
            seen.silent |= peer.connected && peer.lost;
            for &subscription in &peer.subscriptions {
                let Some(subscription) = world.subscriptions.get_mut(subscription) else { continue };
                let Some(track) = world.tracks.get(subscription.track) else { continue };
                let view = subscription.egress.receiver_view();
                let totals = (subscription.egress.packets(), view.cumulative_lost.max(0) as u64);
                seen.add(totals, &mut subscription.judged);
                let ticks_per_ms = track.clocks.clock_rate() as f32 / 1000.0;
                seen.jitter_ms = seen.jitter_ms.max(view.jitter as f32 / ticks_per_ms);
                let round_trip = view.rtt.map(|round_trip| round_trip.as_secs_f32() * 1000.0);
                seen.round_trip_ms = max_of(seen.round_trip_ms, round_trip);
            }
        }
        for &track in &member.tracks {
            let Some(track) = world.tracks.get_mut(track) else { continue };
            for layer in &mut track.layers {
                let Some(ingress) = layer.ingress.as_mut() else { continue };
                let sent = ingress.statistics();
                let unrepaired = sent.lost.saturating_sub(sent.recovered);
                seen.add((sent.packets + unrepaired, unrepaired), &mut layer.judged);
                seen.jitter_ms = seen.jitter_ms.max(sent.jitter_ms);
            }
        }
        connected.then_some(seen)
    }
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    a.into_iter().chain(b).min()
}

fn max_of(a: Option<f32>, b: Option<f32>) -> Option<f32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (one, other) => one.or(other),
    }
}
