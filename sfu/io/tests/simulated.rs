//! Rooms on a simulated network: real engines, real handshakes, virtual time.

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chevet_sfu_core::api::{Event, MemberId, RoomId, TransportFailure};
use chevet_sfu_core::engine::{CompanySettings, Engine, EngineConfig};
use chevet_sfu_core::transport::Certificate;
use chevet_sfu_io::WorkerId;
use chevet_sfu_io::sim::{Link, World};

use common::client::{Client, Identity};
use common::media::Source;
use common::script::{AUDIO_SSRC, VIDEO_SSRC, join, open_room, publish, subscribe, subscribed_ssrcs};

const ROOM: RoomId = RoomId(1);

fn server() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 7882))
}

fn address(number: u64) -> SocketAddr {
    SocketAddr::from(([10, 0, 1, number as u8], 5000))
}

struct Meeting {
    world: World<Client>,
    identity: Arc<Identity>,
    transport_cc: bool,
}

impl Meeting {
    fn new(seed: u64) -> Meeting {
        Meeting::with_company(seed, CompanySettings::default())
    }

    fn with_company(seed: u64, company: CompanySettings) -> Meeting {
        let start = Instant::now();
        let mut world = World::new(start, seed);
        let config = EngineConfig {
            certificate: Arc::new(Certificate::generate().unwrap()),
            seed,
            ntp_epoch: 3_900_000_000 << 32,
            company,
        };
        world.add_engine(server(), Engine::new(config, start));
        world.command(0, open_room(ROOM));
        Meeting { world, identity: Identity::new(), transport_cc: true }
    }

    /// Members are numbered from 1 and their peers from 0.
    fn join(&mut self, number: u64) {
        let now = self.world.now();
        let (client, commands) =
            join(now, ROOM, number, &self.identity, server(), WorkerId(0), self.transport_cc);
        self.world.add_peer(address(number), client);
        for command in commands {
            self.world.command(0, command);
        }
    }

    fn client(&mut self, number: u64) -> &mut Client {
        self.world.peer(number as usize - 1)
    }

    fn publish(&mut self, number: u64) {
        for command in publish(number) {
            self.world.command(0, command);
        }
        let now = self.world.now();
        let mut video = Source::video(now, "1", None, VIDEO_SSRC + 16 * number as u32, 1_500_000, true);
        if self.transport_cc {
            video.number_from(0);
        }
        let audio = Source::audio(now, "0", AUDIO_SSRC + 16 * number as u32, 30);
        self.client(number).sources = vec![audio, video];
    }

    fn subscribe(&mut self, publisher: u64, subscriber: u64) {
        for command in subscribe(publisher, subscriber) {
            self.world.command(0, command);
        }
        let [_, video, rtx] = subscribed_ssrcs(publisher);
        self.client(subscriber).rtx.insert(rtx, video);
    }

    fn connect_all(&mut self) {
        let connected = self
            .world
            .run_while(Duration::from_secs(20), |world| world.peers().any(|client| !client.is_connected()));
        assert!(connected, "not everybody connected");
    }
}

#[test]
fn everybody_gets_all_media_of_a_publisher_on_a_perfect_network() {
    let mut meeting = Meeting::new(1);
    for number in 1..=4 {
        meeting.join(number);
    }
    meeting.connect_all();
    meeting.publish(1);
    for number in 2..=4 {
        meeting.subscribe(1, number);
    }
    meeting.world.run_for(Duration::from_secs(10));
    let [audio, video, _] = subscribed_ssrcs(1);
    for number in 2..=4 {
        let client = meeting.client(number);
        let got = |ssrc| {
            client.received.get(&ssrc).map_or((0, 1, 0), |got| (got.packets, got.lost(), got.key_frames))
        };
        let (audio_packets, audio_lost, _) = got(audio);
        let (video_packets, video_lost, key_frames) = got(video);
        assert!((480..=505).contains(&audio_packets), "{audio_packets} audio packets");
        assert!(video_packets > 1500, "{video_packets} video packets");
        assert_eq!((audio_lost, video_lost), (0, 0));
        assert!(key_frames >= 1);
    }
    let publisher = meeting.client(1);
    assert!(publisher.received.is_empty());
}

/// A publisher and two subscribers, with video that waits whatever the rate, or never.
fn with_hold(hold_max: Duration) -> Meeting {
    let mut meeting = Meeting::with_company(9, CompanySettings { from: 0, full: 1, hold_max });
    for number in 1..=3 {
        meeting.join(number);
    }
    meeting.connect_all();
    meeting.publish(1);
    for number in 2..=3 {
        meeting.subscribe(1, number);
    }
    meeting.world.run_for(Duration::from_secs(3));
    meeting
}

#[test]
fn packets_of_a_frame_that_wait_for_each_other_leave_in_fewer_messages_and_none_is_lost() {
    let messages = |hold| {
        let mut meeting = with_hold(hold);
        let before = *meeting.world.engine(0).counters();
        meeting.world.run_for(Duration::from_secs(10));
        for number in 2..=3 {
            assert!(meeting.client(number).received.values().all(|received| received.lost() == 0));
        }
        let after = *meeting.world.engine(0).counters();
        let forwarded = after.media_forwarded - before.media_forwarded;
        assert!(forwarded > 4000, "{forwarded}");
        (after.runs_sent - before.runs_sent) as f64 / forwarded as f64
    };
    let (alone, together) = (messages(Duration::ZERO), messages(Duration::from_millis(5)));
    assert!(alone >= 1.0, "{alone} messages a packet");
    assert!(together < 0.6, "{together} messages a packet");
}

#[test]
fn sound_never_waits_and_video_no_longer_than_its_bound() {
    const HOLD_MS: usize = 5;
    let mut meeting = with_hold(Duration::from_millis(HOLD_MS as u64));
    let [audio, video, _] = subscribed_ssrcs(1);
    // How far the subscriber is behind the publisher, millisecond by millisecond. Not from zero: it came later.
    let (mut behind, mut sent) = ([Vec::new(), Vec::new()], Vec::new());
    for _ in 0..2000 {
        meeting.world.run_for(Duration::from_millis(1));
        let sources = meeting.client(1).sources.iter().map(Source::sent).collect::<Vec<_>>();
        for (position, ssrc) in [audio, video].into_iter().enumerate() {
            let arrived = meeting.client(2).received[&ssrc].packets;
            behind[position].push(sources[position] - arrived);
        }
        sent.push(sources[1]);
    }
    let [sound, picture] = behind;
    assert!(sound.iter().all(|behind| *behind == sound[0]), "sound waited");
    let least = *picture.iter().min().unwrap();
    assert!(picture.iter().any(|behind| *behind > least), "no video packet ever waited");
    for now in HOLD_MS..sent.len() {
        let arrived = sent[now] - picture[now];
        let due = sent[now - HOLD_MS];
        assert!(arrived + least >= due, "a packet of {HOLD_MS} ms ago has not left");
    }
}

#[test]
fn losses_on_both_ways_are_repaired() {
    let mut meeting = Meeting::new(2);
    let link = Link {
        latency: Duration::from_millis(20),
        jitter: Duration::from_millis(5),
        loss: 0.03,
        ..Link::default()
    };
    meeting.world.network().set_default(link);
    meeting.join(1);
    meeting.join(2);
    meeting.connect_all();
    meeting.publish(1);
    meeting.subscribe(1, 2);
    meeting.world.run_for(Duration::from_secs(20));
    let [_, video, _] = subscribed_ssrcs(1);
    let received = &meeting.client(2).received[&video];
    assert!(received.packets > 3000, "{} packets", received.packets);
    assert!(received.recovered > 50, "{} recovered", received.recovered);
    let lost = received.lost();
    assert!(lost * 500 < received.packets, "{lost} of {} lost for good", received.packets);
}

#[test]
fn handshakes_succeed_where_a_third_of_the_datagrams_is_lost() {
    for seed in 0..5 {
        let mut meeting = Meeting::new(seed);
        meeting.world.network().set_default(Link {
            latency: Duration::from_millis(40),
            loss: 0.3,
            ..Link::default()
        });
        meeting.join(1);
        meeting.join(2);
        meeting.connect_all();
    }
}

#[test]
fn a_client_that_changes_networks_goes_on_there() {
    let mut meeting = Meeting::new(4);
    meeting.join(1);
    meeting.join(2);
    meeting.connect_all();
    meeting.publish(1);
    meeting.subscribe(1, 2);
    meeting.world.run_for(Duration::from_secs(3));
    meeting.world.move_peer(1, address(200));
    // The next consent check comes from the new address within 2.5 s.
    meeting.world.run_for(Duration::from_secs(4));
    let [audio, ..] = subscribed_ssrcs(1);
    let before = meeting.client(2).received[&audio].packets;
    meeting.world.run_for(Duration::from_secs(2));
    let after = meeting.client(2).received[&audio].packets;
    assert!(after - before > 90, "{} packets in 2 s", after - before);
}

#[test]
fn a_peer_that_falls_silent_is_lost_and_then_failed() {
    let mut meeting = Meeting::new(5);
    meeting.join(1);
    meeting.join(2);
    meeting.connect_all();
    meeting.world.run_for(Duration::from_secs(1));
    meeting.world.take_events(0);
    let gone = Link { loss: 1.0, ..Link::default() };
    meeting.world.link(server(), address(2), gone);
    meeting.world.run_for(Duration::from_secs(45));
    let events = meeting.world.take_events(0);
    let lost = events
        .iter()
        .position(|event| matches!(event, Event::TransportLost { member: MemberId(2), .. }))
        .expect("lost");
    let failed = events
        .iter()
        .position(|event| {
            matches!(
                event,
                Event::TransportFailed { member: MemberId(2), why: TransportFailure::ConsentLost, .. }
            )
        })
        .expect("failed");
    assert!(lost < failed);
    assert!(!events.iter().any(|event| matches!(event, Event::TransportLost { member: MemberId(1), .. })));
}
