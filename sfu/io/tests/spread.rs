//! One room on several engines, on a simulated network.

mod common;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chevet_sfu_core::api::*;
use chevet_sfu_core::engine::{CompanySettings, Counters, Engine, EngineConfig};
use chevet_sfu_core::transport::Certificate;
use chevet_sfu_io::WorkerId;
use chevet_sfu_io::sim::{Link, Random, World};

use common::client::{Client, Identity};
use common::media::Source;
use common::script::{
    AUDIO_SSRC, VIDEO_SSRC, join, media_settings, open_room, publish, subscribe, subscribed_ssrcs,
};

const ROOM: RoomId = RoomId(1);
const RIDS: [(&str, Quality, u32); 3] =
    [("q", Quality::Low, 180), ("h", Quality::Medium, 360), ("f", Quality::High, 720)];

fn server(worker: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + worker as u8], 7882))
}

fn address(number: u64) -> SocketAddr {
    SocketAddr::from(([10, 0, 1, number as u8], 5000))
}

/// A room on several workers.
struct Meeting {
    world: World<Client>,
    identity: Arc<Identity>,
    workers: usize,
    /// By member.
    places: HashMap<u64, usize>,
    requests: u64,
}

impl Meeting {
    fn new(seed: u64, workers: usize) -> Meeting {
        let start = Instant::now();
        let mut world = World::new(start, seed);
        let certificate = Arc::new(Certificate::generate().unwrap());
        for worker in 0..workers {
            let config = EngineConfig {
                certificate: certificate.clone(),
                seed: seed + worker as u64,
                ntp_epoch: 3_900_000_000 << 32,
                company: CompanySettings::default(),
            };
            assert_eq!(world.add_engine(server(worker), Engine::new(config, start)), worker);
        }
        world.tell(0, open_room(ROOM));
        Meeting { world, identity: Identity::new(), workers, places: HashMap::new(), requests: 0 }
    }

    /// With so many members on each worker: 1 is on the first, 2 on the second, and so on in turn.
    fn with_members(seed: u64, workers: usize, members: u64) -> Meeting {
        let mut meeting = Meeting::new(seed, workers);
        for number in 1..=members {
            meeting.join(number, (number as usize - 1) % workers);
        }
        meeting.connect_all();
        meeting
    }

    /// Members are numbered from 1 and their peers from 0.
    fn join(&mut self, number: u64, worker: usize) {
        let now = self.world.now();
        let id = WorkerId(worker as u16);
        let (client, commands) = join(now, ROOM, number, &self.identity, server(worker), id, true);
        self.world.add_peer(address(number), client);
        self.places.insert(number, worker);
        for command in commands {
            self.world.tell(worker, command);
        }
    }

    fn client(&mut self, number: u64) -> &mut Client {
        self.world.peer(number as usize - 1)
    }

    fn tell(&mut self, number: u64, command: Command) {
        self.world.tell(self.places[&number], command);
    }

    fn connect_all(&mut self) {
        let connected = self
            .world
            .run_while(Duration::from_secs(20), |world| world.peers().any(|client| !client.is_connected()));
        assert!(connected, "not everybody connected");
    }

    fn publish(&mut self, number: u64, bits_per_second: u64) {
        for command in publish(number) {
            self.tell(number, command);
        }
        let now = self.world.now();
        let ssrc = VIDEO_SSRC + 16 * number as u32;
        let mut video = Source::video(now, "1", None, ssrc, bits_per_second, true);
        video.number_from(0);
        let audio = Source::audio(now, "0", AUDIO_SSRC + 16 * number as u32, 30);
        self.client(number).sources = vec![audio, video];
    }

    /// Video in three encodings, as track 10 n + 1.
    fn publish_simulcast(&mut self, number: u64) {
        let encodings = RIDS.map(|(rid, quality, height)| Encoding {
            rid: Token::new(rid.as_bytes()),
            ssrc: None,
            rtx_ssrc: None,
            quality,
            width: height * 16 / 9,
            height,
        });
        let config = TrackConfig {
            member: MemberId(number),
            transport: TransportId(number),
            mid: Token::new(b"1").unwrap(),
            codec: Codec::Vp8,
            encodings: encodings.to_vec(),
            muted: false,
            encrypted: false,
            first: false,
        };
        self.tell(number, Command::Publish { track: TrackId(number * 10 + 1), config });
        let now = self.world.now();
        let sources = RIDS.iter().zip([150_000, 500_000, 1_500_000]).enumerate().map(|(at, (rid, rate))| {
            let ssrc = VIDEO_SSRC + 16 * number as u32 + at as u32;
            Source::video(now, "1", Some(rid.0), ssrc, rate, true)
        });
        self.client(number).sources = sources.collect();
    }

    fn subscribe(&mut self, publisher: u64, subscriber: u64) {
        for command in subscribe(publisher, subscriber) {
            self.tell(subscriber, command);
        }
        let [_, video, rtx] = subscribed_ssrcs(publisher);
        self.client(subscriber).rtx.insert(rtx, video);
    }

    fn ask_for(&mut self, publisher: u64, subscriber: u64, quality: Quality) {
        let subscription = SubscriptionId((publisher << 32) | (subscriber << 1) | 1);
        let settings = SubscriptionSettings { quality, ..Default::default() };
        self.tell(subscriber, Command::SetSubscription { subscription, settings });
    }

    /// Packets of audio and video, and those lost of either.
    fn got(&mut self, publisher: u64, subscriber: u64) -> ([u64; 2], [u64; 2]) {
        let [audio, video, _] = subscribed_ssrcs(publisher);
        let client = self.client(subscriber);
        let seen = [audio, video]
            .map(|ssrc| client.received.get(&ssrc).map_or((0, 0), |got| (got.packets, got.lost())));
        (seen.map(|(packets, _)| packets), seen.map(|(_, lost)| lost))
    }

    fn key_frames(&mut self, publisher: u64, subscriber: u64) -> u64 {
        let [_, video, _] = subscribed_ssrcs(publisher);
        self.client(subscriber).received.get(&video).map_or(0, |got| got.key_frames)
    }

    fn counters(&mut self, worker: usize) -> Counters {
        *self.world.engine(worker).counters()
    }

    fn events(&mut self) -> Vec<(usize, Event)> {
        let all = (0..self.workers).flat_map(|worker| {
            let events = self.world.take_events(worker);
            events.into_iter().map(move |event| (worker, event)).collect::<Vec<_>>()
        });
        all.collect()
    }

    /// What an operator sees of the room.
    fn report(&mut self) -> RoomReport {
        self.requests += 1;
        let asked = self.requests;
        self.world.tell(0, Command::Inspect { room: ROOM, request: asked, parts: 1 });
        let mut whole = RoomReport::default();
        let mut left = None;
        for (_, event) in self.events() {
            if let Event::Report { request, parts, report } = event
                && request == asked
            {
                left = Some(left.unwrap_or(parts) - 1);
                whole.members.extend(report.members);
                whole.tracks.extend(report.tracks);
                whole.subscriptions.extend(report.subscriptions);
            }
        }
        assert_eq!(left, Some(0), "a worker did not answer");
        whole
    }
}

#[test]
fn everybody_gets_all_media_whichever_worker_they_are_on() {
    let mut meeting = Meeting::with_members(1, 3, 9);
    // Members 1, 4, 7 on the first worker, 2, 5, 8 on the second, 3, 6, 9 on the third.
    meeting.publish(1, 1_500_000);
    meeting.publish(2, 800_000);
    for subscriber in 3..=9 {
        meeting.subscribe(1, subscriber);
        meeting.subscribe(2, subscriber);
    }
    meeting.world.run_for(Duration::from_secs(10));
    for subscriber in 3..=9 {
        for (publisher, least) in [(1, 1400), (2, 800)] {
            let ([audio, video], lost) = meeting.got(publisher, subscriber);
            assert!((480..=505).contains(&audio), "{audio} audio packets of {publisher}");
            assert!(video > least, "{video} video packets of {publisher}");
            assert_eq!(lost, [0, 0]);
            assert!(meeting.key_frames(publisher, subscriber) >= 1);
        }
    }
    // Each of the two was copied once to each of the two other workers, whatever the number of subscribers there.
    for worker in [0, 1] {
        let counters = meeting.counters(worker);
        assert_eq!(counters.drops.relay_overflow, 0);
        let copies = counters.relayed_out as f64 / counters.media_received as f64;
        assert!((1.9..=2.0).contains(&copies), "{copies} copies of each packet");
    }
    let (third, out) = (meeting.counters(2), meeting.counters(0).relayed_out);
    let second = meeting.counters(1).relayed_out;
    assert_eq!(third.relayed_in, out / 2 + second / 2);
    assert_eq!((third.relayed_out, third.media_received), (0, 0));
    let firsts = meeting
        .events()
        .into_iter()
        .filter(|(_, event)| matches!(event, Event::FirstSubscriber { .. } | Event::TrackLive { .. }));
    let mut firsts: Vec<usize> = firsts.map(|(worker, _)| worker).collect();
    firsts.sort_unstable();
    assert_eq!(firsts, [0, 0, 0, 0, 1, 1, 1, 1], "each is told once, by the publisher's worker");
}

#[test]
fn an_operator_sees_the_whole_room() {
    let mut meeting = Meeting::with_members(2, 2, 4);
    meeting.publish(1, 500_000);
    meeting.subscribe(1, 2);
    meeting.subscribe(1, 3);
    meeting.world.run_for(Duration::from_secs(2));
    let report = meeting.report();
    let mut members: Vec<u64> = report.members.iter().map(|member| member.member.0).collect();
    members.sort_unstable();
    assert_eq!(members, [1, 2, 3, 4]);
    assert!(report.members.iter().all(|member| member.transports.iter().all(|it| it.connected)));
    assert_eq!(report.tracks.len(), 2);
    assert_eq!(report.subscriptions.len(), 4);
    assert!(report.subscriptions.iter().all(|it| it.packets > 50 && it.forwarded.is_some()), "{report:?}");
}

#[test]
fn what_a_subscriber_misses_is_repaired_by_its_own_worker() {
    let mut meeting = Meeting::with_members(3, 2, 2);
    let lossy = Link { latency: Duration::from_millis(20), loss: 0.03, ..Link::default() };
    meeting.world.link(server(1), address(2), lossy);
    meeting.publish(1, 1_500_000);
    meeting.subscribe(1, 2);
    meeting.world.run_for(Duration::from_secs(15));
    let [_, video, _] = subscribed_ssrcs(1);
    let received = &meeting.client(2).received[&video];
    assert!(received.recovered > 40, "{} repaired", received.recovered);
    assert!(received.lost() * 500 < received.packets, "{} of {} lost", received.lost(), received.packets);
    let (first, second) = (meeting.counters(0), meeting.counters(1));
    assert_eq!((first.nacks_received, first.retransmitted), (0, 0));
    assert!(second.nacks_received > 0 && second.retransmitted >= received_repairs(&mut meeting, video));
}

fn received_repairs(meeting: &mut Meeting, ssrc: u32) -> u64 {
    meeting.client(2).received[&ssrc].recovered
}

#[test]
fn losses_of_the_publisher_are_repaired_before_and_after_the_relay() {
    let mut meeting = Meeting::with_members(4, 2, 2);
    let lossy = Link {
        latency: Duration::from_millis(20),
        jitter: Duration::from_millis(5),
        loss: 0.03,
        ..Link::default()
    };
    meeting.world.link(server(0), address(1), lossy);
    meeting.publish(1, 1_500_000);
    meeting.subscribe(1, 2);
    meeting.world.run_for(Duration::from_secs(15));
    let ([_, video], [_, lost]) = meeting.got(1, 2);
    assert!(video > 2000 && lost * 200 < video, "{lost} of {video} lost");
}

#[test]
fn a_request_for_a_key_frame_crosses_to_the_publisher() {
    let mut meeting = Meeting::with_members(5, 2, 4);
    meeting.publish(1, 500_000);
    meeting.subscribe(1, 3);
    meeting.world.run_for(Duration::from_secs(4));
    let before = meeting.client(1).key_frame_requests;
    // A latecomer on the other worker.
    meeting.subscribe(1, 2);
    meeting.world.run_for(Duration::from_millis(1500));
    assert_eq!(meeting.client(1).key_frame_requests, before + 1);
    assert!(meeting.key_frames(1, 2) >= 1 && meeting.got(1, 2).0[1] > 30);
    let [_, video, _] = subscribed_ssrcs(1);
    let had = meeting.key_frames(1, 2);
    for _ in 0..5 {
        meeting.client(2).request_key_frame(video);
    }
    meeting.world.run_for(Duration::from_secs(3));
    let asked = meeting.client(1).key_frame_requests - before;
    assert!((2..=3).contains(&asked), "asked {asked} times");
    assert!(meeting.key_frames(1, 2) > had);
}

#[test]
fn subscribers_of_one_track_switch_layers_independently_on_every_worker() {
    let mut meeting = Meeting::with_members(6, 2, 4);
    meeting.publish_simulcast(1);
    for subscriber in 2..=4 {
        meeting.subscribe(1, subscriber);
    }
    meeting.world.run_for(Duration::from_secs(4));
    let wishes = [
        [Quality::Low, Quality::High, Quality::Medium],
        [Quality::Medium, Quality::Low, Quality::High],
        [Quality::High, Quality::Low, Quality::Low],
        [Quality::Low, Quality::Medium, Quality::High],
    ];
    for qualities in wishes {
        for (subscriber, quality) in (2..).zip(qualities) {
            meeting.ask_for(1, subscriber, quality);
        }
        meeting.world.run_for(Duration::from_secs(3));
        let report = meeting.report();
        for (subscriber, quality) in (2..).zip(qualities) {
            let seen = report.subscriptions.iter().find(|it| it.member == MemberId(subscriber)).unwrap();
            assert_eq!(seen.forwarded, Some(quality), "{seen:?}");
        }
    }
    for subscriber in 2..=4 {
        let ([_, video], [_, lost]) = meeting.got(1, subscriber);
        assert!(video > 500, "{video} packets");
        assert_eq!(lost, 0, "a switch leaves no gap");
    }
}

#[test]
fn the_publisher_hears_the_highest_quality_wanted_on_any_worker() {
    let mut meeting = Meeting::with_members(7, 3, 3);
    meeting.publish_simulcast(1);
    meeting.subscribe(1, 2);
    meeting.subscribe(1, 3);
    meeting.world.run_for(Duration::from_secs(12));
    let last = |meeting: &mut Meeting| {
        let mut wanted = meeting.events().into_iter().filter_map(|(worker, event)| match event {
            Event::Wanted { quality, .. } => {
                assert_eq!(worker, 0, "by the publisher's worker");
                Some(quality)
            }
            _ => None,
        });
        wanted.next_back()
    };
    assert_eq!(last(&mut meeting), Some(Some(Quality::High)));
    meeting.ask_for(1, 2, Quality::Low);
    meeting.ask_for(1, 3, Quality::Medium);
    meeting.world.run_for(Duration::from_secs(7));
    assert_eq!(last(&mut meeting), Some(Some(Quality::Medium)));
    meeting.ask_for(1, 2, Quality::High);
    meeting.world.run_for(Duration::from_millis(300));
    assert_eq!(last(&mut meeting), Some(Some(Quality::High)), "a rise is told at once");
    for subscriber in [2, 3] {
        let subscription = SubscriptionId((1 << 32) | (subscriber << 1) | 1);
        meeting.tell(subscriber, Command::Unsubscribe { subscription });
    }
    meeting.world.run_for(Duration::from_secs(7));
    assert_eq!(last(&mut meeting), Some(None));
    let before = meeting.counters(0).relayed_out;
    meeting.world.run_for(Duration::from_secs(2));
    assert_eq!(meeting.counters(0).relayed_out, before, "nobody there wants it any more");
}

#[test]
fn speakers_are_told_once_by_the_worker_they_are_on() {
    let mut meeting = Meeting::with_members(8, 2, 3);
    for publisher in [1, 2] {
        meeting.publish(publisher, 200_000);
        meeting.subscribe(publisher, 3);
    }
    meeting.subscribe(1, 2);
    meeting.subscribe(2, 1);
    meeting.world.run_for(Duration::from_secs(4));
    let mut begun: HashMap<u64, Vec<usize>> = HashMap::new();
    for (worker, event) in meeting.events() {
        if let Event::Speakers { speakers, .. } = event {
            for speaker in speakers {
                assert!(speaker.active);
                begun.entry(speaker.member.0).or_default().push(worker);
            }
        }
    }
    for (member, worker) in [(1, 0), (2, 1)] {
        let told = &begun[&member];
        assert!(told.iter().all(|by| *by == worker), "{told:?}");
    }
    meeting.tell(2, Command::SetMuted { track: TrackId(20), muted: true });
    meeting.client(2).sources.clear();
    meeting.world.run_for(Duration::from_secs(1));
    let stopped: Vec<usize> = meeting
        .events()
        .into_iter()
        .filter(|(_, event)| {
            let Event::Speakers { speakers, .. } = event else { return false };
            speakers.iter().any(|speaker| speaker.member == MemberId(2) && !speaker.active)
        })
        .map(|(worker, _)| worker)
        .collect();
    assert_eq!(stopped, [1]);
}

#[test]
fn mute_and_the_end_of_a_track_reach_subscribers_elsewhere() {
    let mut meeting = Meeting::with_members(9, 2, 2);
    meeting.publish(1, 500_000);
    meeting.subscribe(1, 2);
    meeting.world.run_for(Duration::from_secs(2));
    meeting.tell(1, Command::SetMuted { track: TrackId(11), muted: true });
    let reason = |meeting: &mut Meeting| {
        let report = meeting.report();
        report.subscriptions.iter().find(|it| it.track == TrackId(11)).map(|it| it.reason)
    };
    assert_eq!(reason(&mut meeting), Some(LayerReason::Muted));
    meeting.tell(1, Command::SetMuted { track: TrackId(11), muted: false });
    meeting.world.run_for(Duration::from_secs(2));
    assert_eq!(reason(&mut meeting), Some(LayerReason::OnlyOne));
    meeting.tell(1, Command::Unpublish { track: TrackId(11) });
    assert_eq!(reason(&mut meeting), None);
    assert_eq!(meeting.counters(1).subscriptions, 1);
    meeting.tell(1, Command::CloseTransport { transport: TransportId(1) });
    assert_eq!(meeting.counters(1).subscriptions, 0);
    meeting.tell(1, Command::RemoveMember { member: MemberId(1) });
    assert_eq!(meeting.report().members.len(), 1);
    for worker in [0, 1] {
        assert_eq!(meeting.counters(worker).drops.stale_command, 0);
    }
}

#[test]
fn a_source_that_is_restarted_goes_on_for_subscribers_elsewhere() {
    let mut meeting = Meeting::with_members(10, 2, 2);
    let encoding =
        Encoding { rid: None, ssrc: None, rtx_ssrc: None, quality: Quality::High, width: 0, height: 0 };
    let config = TrackConfig {
        member: MemberId(1),
        transport: TransportId(1),
        mid: Token::new(b"1").unwrap(),
        codec: Codec::Vp8,
        encodings: vec![encoding],
        muted: false,
        encrypted: false,
        first: false,
    };
    meeting.tell(1, Command::Publish { track: TrackId(11), config });
    meeting.subscribe(1, 2);
    for ssrc in [500, 900] {
        let now = meeting.world.now();
        meeting.client(1).sources = vec![Source::video(now, "1", None, ssrc, 500_000, true)];
        let before = (meeting.got(1, 2).0[1], meeting.key_frames(1, 2));
        meeting.world.run_for(Duration::from_secs(3));
        let ([_, video], [_, lost]) = meeting.got(1, 2);
        assert!(video - before.0 > 150, "{} packets of source {ssrc}", video - before.0);
        assert!(meeting.key_frames(1, 2) > before.1);
        assert_eq!(lost, 0);
    }
}

#[test]
fn what_a_busy_worker_cannot_take_is_counted_and_the_pictures_come_back() {
    let mut meeting = Meeting::with_members(11, 2, 3);
    meeting.publish(1, 6_000_000);
    meeting.subscribe(1, 2);
    meeting.subscribe(1, 3);
    meeting.world.run_for(Duration::from_secs(3));
    assert_eq!(meeting.counters(0).drops.relay_overflow, 0);
    meeting.world.stalled = Some(1);
    meeting.world.run_for(Duration::from_secs(8));
    let dropped = meeting.counters(0).drops.relay_overflow;
    assert!(dropped > 1000, "{dropped} dropped");
    // Those on the publisher's worker notice nothing.
    assert_eq!(meeting.got(1, 3).1, [0, 0]);
    let asked = meeting.client(1).key_frame_requests;
    let had = meeting.key_frames(1, 2);
    meeting.world.stalled = None;
    meeting.world.run_for(Duration::from_secs(3));
    assert!(meeting.client(1).key_frame_requests > asked, "the gap is closed by a key frame");
    assert!(meeting.key_frames(1, 2) > had);
    let ([_, before], _) = meeting.got(1, 2);
    let dropped = meeting.counters(0).drops.relay_overflow;
    meeting.world.run_for(Duration::from_secs(2));
    assert!(meeting.got(1, 2).0[1] - before > 1000, "and goes on");
    assert_eq!(meeting.counters(0).drops.relay_overflow, dropped);
}

#[test]
fn subscribers_may_come_before_the_other_worker_has_heard_of_the_track() {
    let mut meeting = Meeting::with_members(12, 2, 2);
    // The publisher's worker is late with its commands: the other one knows the track and asks for it in vain.
    let mut commands = publish(1);
    for command in &commands {
        let remote = Command::Remote { worker: 0, command: Box::new(command.clone()) };
        meeting.world.command(1, remote);
    }
    meeting.subscribe(1, 2);
    meeting.world.run_for(Duration::from_millis(50));
    assert!(meeting.counters(0).drops.relay_stray > 0);
    for command in commands.drain(..) {
        meeting.world.command(0, command);
    }
    let now = meeting.world.now();
    meeting.client(1).sources = vec![Source::video(now, "1", None, VIDEO_SSRC + 16, 500_000, true)];
    meeting.world.run_for(Duration::from_secs(2));
    assert!(meeting.got(1, 2).0[1] > 50);
}

/// What the random run believes to be there.
#[derive(Default)]
struct Model {
    members: Vec<(u64, usize)>,
    /// (track, publisher)
    tracks: Vec<(u64, u64)>,
    /// (subscription, track, subscriber)
    subscriptions: Vec<(u64, u64, u64)>,
}

impl Model {
    fn remove_track(&mut self, track: u64) {
        self.tracks.retain(|(known, _)| *known != track);
        self.subscriptions.retain(|(_, of, _)| *of != track);
    }

    fn remove_member(&mut self, member: u64) {
        let tracks: Vec<u64> =
            self.tracks.iter().filter(|(_, by)| *by == member).map(|(track, _)| *track).collect();
        tracks.into_iter().for_each(|track| self.remove_track(track));
        self.subscriptions.retain(|(_, _, by)| *by != member);
        self.members.retain(|(known, _)| *known != member);
    }
}

fn pick<T: Copy>(random: &mut Random, from: &[T]) -> Option<T> {
    (!from.is_empty()).then(|| from[random.bits() as usize % from.len()])
}

/// Whatever comes and goes in whatever order, every worker knows the same, and nothing stays behind.
#[test]
fn workers_agree_on_who_and_what_is_there_after_any_sequence_of_commands() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let mut meeting = Meeting::new(seed, 3);
        let mut model = Model::default();
        let mut next = 0;
        for _ in 0..150 {
            next += 1;
            match random.bits() % 10 {
                0..=2 => {
                    let worker = (random.bits() % 3) as usize;
                    let id = WorkerId(worker as u16);
                    let now = meeting.world.now();
                    let (_, commands) = join(now, ROOM, next, &meeting.identity, server(worker), id, true);
                    commands.into_iter().for_each(|command| meeting.world.tell(worker, command));
                    model.members.push((next, worker));
                }
                3 => {
                    let Some((member, worker)) = pick(&mut random, &model.members) else { continue };
                    meeting.world.tell(worker, Command::RemoveMember { member: MemberId(member) });
                    model.remove_member(member);
                }
                4 | 5 => {
                    let Some((member, worker)) = pick(&mut random, &model.members) else { continue };
                    let Command::Publish { config, .. } = publish(member).remove(1) else { panic!() };
                    meeting.world.tell(worker, Command::Publish { track: TrackId(next), config });
                    model.tracks.push((next, member));
                }
                6 => {
                    let Some((track, by)) = pick(&mut random, &model.tracks) else { continue };
                    let worker = model.members.iter().find(|(member, _)| *member == by).unwrap().1;
                    meeting.world.tell(worker, Command::Unpublish { track: TrackId(track) });
                    model.remove_track(track);
                }
                7 | 8 => {
                    let Some((track, _)) = pick(&mut random, &model.tracks) else { continue };
                    let Some((member, worker)) = pick(&mut random, &model.members) else { continue };
                    let Command::Subscribe { config, .. } = subscribe(1, member).remove(1) else { panic!() };
                    let config = SubscriptionConfig { track: TrackId(track), ssrc: next as u32, ..config };
                    let subscription = SubscriptionId(next);
                    meeting.world.tell(worker, Command::Subscribe { subscription, config });
                    model.subscriptions.push((next, track, member));
                }
                _ => {
                    let Some((subscription, _, by)) = pick(&mut random, &model.subscriptions) else {
                        continue;
                    };
                    let worker = model.members.iter().find(|(member, _)| *member == by).unwrap().1;
                    let subscription = SubscriptionId(subscription);
                    meeting.world.tell(worker, Command::Unsubscribe { subscription });
                    model.subscriptions.retain(|(known, _, _)| *known != subscription.0);
                }
            }
            if random.chance(0.2) {
                meeting.world.run_for(Duration::from_millis(random.bits() % 300));
            }
        }
        let mut sum = Counters::default();
        for worker in 0..3 {
            let counters = meeting.counters(worker);
            assert_eq!(counters.drops.stale_command, 0, "seed {seed}, worker {worker}");
            sum.members += counters.members;
            sum.tracks += counters.tracks;
            sum.subscriptions += counters.subscriptions;
        }
        let there = (model.members.len(), model.tracks.len(), model.subscriptions.len());
        let seen = (sum.members as usize, sum.tracks as usize, sum.subscriptions as usize);
        assert_eq!(seen, there, "seed {seed}");
        let report = meeting.report();
        assert_eq!((report.members.len(), report.tracks.len(), report.subscriptions.len()), there);
        meeting.world.tell(0, Command::CloseRoom { room: ROOM });
        for worker in 0..3 {
            let Counters { rooms, members, transports, tracks, subscriptions, .. } = meeting.counters(worker);
            assert_eq!([rooms, members, transports, tracks, subscriptions], [0; 5], "seed {seed}");
        }
    }
}

#[test]
fn a_spread_room_settles_its_media_as_on_one_worker() {
    // The settings of the transports play no part in the relay: a subscriber without transport-wide numbers is served.
    let mut meeting = Meeting::with_members(13, 2, 2);
    let media = media_settings(false);
    meeting.tell(2, Command::SetMedia { transport: TransportId(2), media });
    meeting.publish(1, 300_000);
    meeting.subscribe(1, 2);
    meeting.world.run_for(Duration::from_secs(3));
    assert!(meeting.got(1, 2).0[1] > 100);
}
