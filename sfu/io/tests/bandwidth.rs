//! Lines that carry less than what is asked for, on a simulated network: pictures give way to sound, come back when the
//! line does, and nobody else notices.

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chevet_sfu_core::api::{
    Codec, Command, Encoding, Event, LayerReason, LineState, MemberId, Quality, RoomId, RoomReport, Token,
    TrackConfig, TrackId, TransportId,
};
use chevet_sfu_core::engine::{CompanySettings, Engine, EngineConfig};
use chevet_sfu_core::transport::Certificate;
use chevet_sfu_io::WorkerId;
use chevet_sfu_io::sim::{Link, World};

use common::client::{Client, Identity};
use common::media::Source;
use common::script::{AUDIO_SSRC, VIDEO_SSRC, join, open_room, subscribe, subscribed_ssrcs};

const ROOM: RoomId = RoomId(1);
/// Lowest first, in bits per second of payload.
const RATES: [u64; 3] = [120_000, 350_000, 1_200_000];

fn server() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 7882))
}

fn address(number: u64) -> SocketAddr {
    SocketAddr::from(([10, 0, 1, number as u8], 5000))
}

/// A publisher (1) with three encodings of its picture, and subscribers (2, 3...).
struct Call {
    world: World<Client>,
    identity: Arc<Identity>,
    events: Vec<(Duration, bool, MemberId)>,
    began: Instant,
}

impl Call {
    fn new(seed: u64, lines: &[Link]) -> Call {
        Call::with(seed, lines, true, Codec::Opus)
    }

    fn with(seed: u64, lines: &[Link], transport_cc: bool, sound: Codec) -> Call {
        let start = Instant::now();
        let mut world = World::new(start, seed);
        let config = EngineConfig {
            certificate: Arc::new(Certificate::generate().unwrap()),
            seed,
            ntp_epoch: 3_900_000_000 << 32,
            company: CompanySettings::default(),
        };
        world.add_engine(server(), Engine::new(config, start));
        world.command(0, open_room(ROOM));
        let mut call = Call { world, identity: Identity::new(), events: Vec::new(), began: start };
        call.join(1, true);
        for (number, line) in (2..).zip(lines) {
            call.line(number, Link { latency: Duration::from_millis(15), ..*line });
            call.join(number, transport_cc);
        }
        let connected = call
            .world
            .run_while(Duration::from_secs(20), |world| world.peers().any(|client| !client.is_connected()));
        assert!(connected, "not everybody connected");
        call.publish(1, sound, false);
        for number in 2..2 + lines.len() as u64 {
            for command in subscribe(1, number) {
                call.world.command(0, command);
            }
            let [_, video, rtx] = subscribed_ssrcs(1);
            call.client(number).rtx.insert(rtx, video);
        }
        call.began = call.world.now();
        call
    }

    /// Both directions.
    fn line(&mut self, number: u64, link: Link) {
        self.world.link(server(), address(number), link);
    }

    fn join(&mut self, number: u64, transport_cc: bool) {
        let now = self.world.now();
        let (client, commands) = join(now, ROOM, number, &self.identity, server(), WorkerId(0), transport_cc);
        self.world.add_peer(address(number), client);
        for command in commands {
            self.world.command(0, command);
        }
    }

    fn client(&mut self, number: u64) -> &mut Client {
        self.world.peer(number as usize - 1)
    }

    fn publish(&mut self, number: u64, codec: Codec, first: bool) {
        let now = self.world.now();
        let ssrcs = 0x1000 * (number as u32 - 1);
        let encoding = |index: u32, quality, height: u32| Encoding {
            rid: Some(Token::new(&[b'q' + index as u8]).unwrap()),
            ssrc: Some(VIDEO_SSRC + ssrcs + 16 * index),
            rtx_ssrc: None,
            quality,
            width: height * 16 / 9,
            height,
        };
        let track = |mid: &str, codec, encodings| TrackConfig {
            member: MemberId(number),
            transport: TransportId(number),
            mid: Token::new(mid.as_bytes()).unwrap(),
            codec,
            encodings,
            muted: false,
            encrypted: false,
            first,
        };
        let sound = Encoding { rid: None, ssrc: Some(AUDIO_SSRC + ssrcs), ..encoding(0, Quality::High, 0) };
        let pictures = [(Quality::Low, 180), (Quality::Medium, 360), (Quality::High, 720)];
        let pictures = (0..).zip(pictures).map(|(index, (quality, height))| encoding(index, quality, height));
        let config = track("0", codec, vec![sound]);
        self.world.command(0, Command::Publish { track: TrackId(10 * number), config });
        let config = track("1", Codec::Vp8, pictures.collect());
        self.world.command(0, Command::Publish { track: TrackId(10 * number + 1), config });
        let sound = Source::audio(now, "0", AUDIO_SSRC + ssrcs, 30);
        let sound = if codec == Codec::Red { sound.with_redundancy() } else { sound };
        let mut sources = vec![sound];
        for (index, rate) in (0..).zip(RATES) {
            sources.push(Source::video(now, "1", None, VIDEO_SSRC + ssrcs + 16 * index, rate, true));
        }
        self.client(number).sources = sources;
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * 100 {
            self.world.run_for(Duration::from_millis(10));
            let at = self.world.now() - self.began;
            for event in self.world.take_events(0) {
                if let Event::Suspended { member, suspended, .. } = event {
                    self.events.push((at, suspended, member));
                }
            }
        }
    }

    fn report(&mut self) -> RoomReport {
        self.world.command(0, Command::Inspect { room: ROOM, request: 1, parts: 1 });
        let events = self.world.take_events(0);
        events
            .into_iter()
            .find_map(|event| match event {
                Event::Report { report, .. } => Some(report),
                _ => None,
            })
            .expect("a report")
    }

    /// What a subscriber gets of the picture, and why.
    fn picture(&mut self, number: u64) -> (Option<Quality>, LayerReason) {
        self.picture_of(1, number)
    }

    fn picture_of(&mut self, publisher: u64, number: u64) -> (Option<Quality>, LayerReason) {
        let report = self.report();
        let picture = report
            .subscriptions
            .iter()
            .find(|one| one.member == MemberId(number) && one.track == TrackId(10 * publisher + 1))
            .expect("the picture");
        (picture.forwarded, picture.reason)
    }

    fn estimate(&mut self, number: u64) -> (Option<u64>, LineState) {
        let report = self.report();
        let member = report.members.iter().find(|one| one.member == MemberId(number)).expect("the member");
        let line = &member.transports[0];
        (line.estimate_bits_per_second.map(|bits| bits / 1000), line.line)
    }

    /// Packets of sound that arrived, and that were sent.
    fn sound(&mut self, number: u64) -> (u64, u64) {
        let [audio, ..] = subscribed_ssrcs(1);
        let got = self.client(number).received.get(&audio).map_or(0, |got| got.packets);
        (got, self.client(1).sources[0].sent())
    }

    fn pictures(&mut self, number: u64) -> u64 {
        let [_, video, _] = subscribed_ssrcs(1);
        self.client(number).received.get(&video).map_or(0, |got| got.packets)
    }

    /// Runs, and gives the bytes that came with each packet of sound.
    fn sound_size(&mut self, number: u64, seconds: u64) -> u64 {
        let [audio, ..] = subscribed_ssrcs(1);
        let before =
            self.client(number).received.get(&audio).map_or((0, 0), |got| (got.packets, got.payload_bytes));
        self.run(seconds);
        let after = &self.client(number).received[&audio];
        (after.payload_bytes - before.1) / (after.packets - before.0)
    }

    /// Runs, and gives the share of sound that was lost meanwhile.
    fn sound_lost(&mut self, number: u64, seconds: u64) -> f64 {
        let before = self.sound(number);
        self.run(seconds);
        let after = self.sound(number);
        1.0 - (after.0 - before.0) as f64 / (after.1 - before.1) as f64
    }

    fn lowered(&mut self) -> u64 {
        self.world.engine(0).counters().estimates_lowered
    }
}

fn carries(kbits: u64) -> Link {
    Link { bits_per_second: Some(kbits * 1000), queue: Duration::from_millis(300), ..Link::default() }
}

#[test]
fn over_150_kbits_the_sound_goes_on_and_the_picture_is_suspended_or_the_smallest() {
    for seed in 1..=4 {
        let mut call = Call::new(seed, &[carries(150)]);
        call.run(3);
        let lost = call.sound_lost(2, 60);
        let (forwarded, reason) = call.picture(2);
        assert!(lost < 0.02, "{lost:.3} of the sound was lost, {:?}", call.events);
        assert!(forwarded.is_none_or(|quality| quality == Quality::Low), "{forwarded:?}");
        assert_eq!(reason, LayerReason::Bandwidth);
        let (estimate, _) = call.estimate(2);
        assert!(estimate.is_some_and(|kbits| kbits <= 160), "{estimate:?}");
        // Suspended once, and not time and again.
        assert!(call.events.len() <= 3, "{:?}", call.events);
        assert!(call.events.iter().all(|event| event.2 == MemberId(2)));
    }
}

#[test]
fn over_a_poor_line_sound_comes_without_its_redundancy_and_a_good_line_keeps_it() {
    let mut call = Call::with(3, &[carries(150), carries(2_000)], true, Codec::Red);
    call.run(5);
    assert_eq!((call.sound_size(2, 20), call.sound_size(3, 1)), (80, 165));
    let lost = call.sound_lost(2, 30);
    assert!(lost < 0.02, "{lost:.3} of the sound was lost");
    let redundant = |call: &mut Call, number| {
        let report = call.report();
        let member = report.members.iter().find(|one| one.member == MemberId(number)).expect("the member");
        member.transports[0].redundant_sound
    };
    assert_eq!((redundant(&mut call, 2), redundant(&mut call, 3)), (false, true));
    // It comes back with the line. After a minute without success the next probe is half a minute away.
    call.line(2, Link { latency: Duration::from_millis(15), ..carries(10_000) });
    call.run(90);
    assert_eq!((call.sound_size(2, 5), redundant(&mut call, 2)), (165, true));
}

#[test]
fn chance_loss_is_what_redundancy_is_for_and_leaves_it() {
    let mut call = Call::with(4, &[Link { loss: 0.05, ..carries(10_000) }], true, Codec::Red);
    call.run(5);
    assert_eq!(call.sound_size(2, 20), 165);
}

#[test]
fn a_picture_that_is_suspended_is_not_sent_at_all() {
    let mut call = Call::new(1, &[carries(110)]);
    call.run(5);
    assert_eq!(call.picture(2), (None, LayerReason::Bandwidth));
    assert_eq!(call.events.last().map(|event| event.1), Some(true));
    let before = call.pictures(2);
    call.run(5);
    assert_eq!(call.pictures(2), before);
    assert_eq!(call.world.engine(0).counters().videos_suspended, 1);
    // Whoever asks for a key frame of it does not bother the publisher.
    let asked = call.client(1).key_frame_requests;
    let [_, video, _] = subscribed_ssrcs(1);
    call.client(2).request_key_frame(video);
    call.run(1);
    assert_eq!(call.client(1).key_frame_requests, asked);
    // The end of the subscription is the end of the suspension.
    let Some(Command::Subscribe { subscription, .. }) = subscribe(1, 2).pop() else { panic!("subscribes") };
    call.world.command(0, Command::Unsubscribe { subscription });
    call.run(1);
    assert_eq!(call.events.last().map(|event| event.1), Some(false));
}

#[test]
fn over_600_kbits_the_picture_settles_on_the_encoding_that_fits() {
    for seed in 1..=4 {
        let mut call = Call::new(seed, &[carries(600)]);
        call.run(10);
        let lost = call.sound_lost(2, 30);
        let (forwarded, reason) = call.picture(2);
        assert_eq!((forwarded, reason), (Some(Quality::Medium), LayerReason::Bandwidth));
        assert!(lost < 0.02, "{lost:.3} of the sound was lost");
        assert!(call.events.is_empty(), "{:?}", call.events);
    }
}

#[test]
fn a_picture_that_signs_are_read_from_is_large_enough_before_others_are_seen_at_all() {
    for (kbits, signs, other) in [(350, Quality::Low, None), (900, Quality::Medium, Some(Quality::Low))] {
        let mut call = Call::new(10, &[carries(kbits), carries(10_000)]);
        call.publish(3, Codec::Opus, true);
        for command in subscribe(3, 2) {
            call.world.command(0, command);
        }
        let [_, video, rtx] = subscribed_ssrcs(3);
        call.client(2).rtx.insert(rtx, video);
        call.run(40);
        let shown = (call.picture_of(3, 2).0, call.picture_of(1, 2).0);
        assert_eq!(shown, (Some(signs), other), "{kbits} kbit/s, {:?}", call.estimate(2));
    }
}

#[test]
fn a_line_that_recovers_gets_the_large_picture_back_within_20_seconds() {
    for (poor, seed) in [(110, 1), (150, 2), (600, 3)] {
        let mut call = Call::new(seed, &[carries(poor)]);
        call.run(10);
        call.line(2, Link { latency: Duration::from_millis(15), ..carries(10_000) });
        let mut seconds = 0;
        while call.picture(2).0 != Some(Quality::High) {
            call.run(1);
            seconds += 1;
            assert!(seconds <= 20, "from {poor} kbit/s: {:?} {:?}", call.picture(2), call.estimate(2));
        }
        assert!(call.events.last().is_none_or(|event| !event.1), "{:?}", call.events);
        assert!(call.sound_lost(2, 10) < 0.001);
        // After a while there is no limit any more.
        call.run(25);
        assert_eq!(call.estimate(2), (None, LineState::Open));
    }
}

#[test]
fn a_line_that_becomes_poor_during_the_call_loses_the_picture_and_not_the_sound() {
    let mut call = Call::new(5, &[carries(10_000)]);
    call.run(10);
    assert_eq!(call.picture(2).0, Some(Quality::High));
    call.line(2, Link { latency: Duration::from_millis(15), ..carries(150) });
    call.run(3);
    assert!(call.sound_lost(2, 20) < 0.02);
    assert!(call.picture(2).0.is_none_or(|quality| quality == Quality::Low));
}

#[test]
fn a_clean_line_gets_the_large_picture_at_once_and_keeps_it() {
    let mut call = Call::new(1, &[carries(10_000)]);
    call.run(2);
    assert_eq!(call.picture(2), (Some(Quality::High), LayerReason::AsAsked));
    for _ in 0..120 {
        call.run(1);
        assert_eq!(call.picture(2), (Some(Quality::High), LayerReason::AsAsked));
    }
    assert_eq!((call.lowered(), call.world.engine(0).counters().probe_packets), (0, 0));
    assert_eq!(call.estimate(2), (None, LineState::Open));
}

#[test]
fn loss_and_jitter_without_a_queue_lower_nothing() {
    let lossy = Link { loss: 0.05, ..carries(10_000) };
    let shaky = Link { jitter: Duration::from_millis(30), ..carries(10_000) };
    for (seed, line) in (1..).zip([lossy, shaky, Link { jitter: Duration::from_millis(30), ..lossy }]) {
        let mut call = Call::new(seed, &[line]);
        call.run(3);
        for _ in 0..60 {
            call.run(1);
            assert_eq!(call.picture(2), (Some(Quality::High), LayerReason::AsAsked), "{line:?}");
        }
        assert_eq!(call.lowered(), 0, "{line:?}");
    }
}

#[test]
fn of_two_subscribers_only_the_one_with_the_poor_line_gets_less() {
    let mut call = Call::new(6, &[carries(150), carries(10_000)]);
    call.run(2);
    for _ in 0..30 {
        call.run(1);
        assert_eq!(call.picture(3), (Some(Quality::High), LayerReason::AsAsked));
    }
    assert!(call.picture(2).0.is_none_or(|quality| quality == Quality::Low));
    let [audio, video, _] = subscribed_ssrcs(1);
    for ssrc in [audio, video] {
        assert_eq!(call.client(3).received[&ssrc].lost(), 0);
    }
    assert!(call.events.iter().all(|event| event.2 == MemberId(2)), "{:?}", call.events);
}

#[test]
fn a_burst_of_key_frames_does_not_collapse_the_estimate() {
    let mut call = Call::new(7, &[carries(3_000)]);
    call.run(3);
    let [_, video, _] = subscribed_ssrcs(1);
    for _ in 0..30 {
        call.client(2).request_key_frame(video);
        call.run(1);
        assert_eq!(call.picture(2).0, Some(Quality::High), "{:?}", call.estimate(2));
    }
}

#[test]
fn a_client_that_gives_no_feedback_gets_what_it_asks_for() {
    let mut call = Call::with(8, &[carries(1_000)], false, Codec::Opus);
    call.run(20);
    assert_eq!(call.picture(2).0, Some(Quality::High));
    assert_eq!(call.estimate(2), (None, LineState::Unknown));
    assert_eq!(call.lowered(), 0);
}

#[test]
fn the_same_seed_divides_the_line_in_the_same_way() {
    let run = || {
        let mut call = Call::new(9, &[carries(300)]);
        call.run(30);
        let counters = call.world.engine(0).counters();
        (counters.probe_packets, counters.estimates_lowered, counters.media_forwarded)
    };
    assert_eq!(run(), run());
}
