//! The whole media server on loopback sockets, with real handshakes.

mod common;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use chevet_sfu_core::api::{CandidateProtocol, Command, Event, RoomId};
use chevet_sfu_core::transport::srtp::SrtpProfile;
use chevet_sfu_io::{Events, Sfu, SfuConfig, WorkerId};

use common::client::{Client, Identity};
use common::loopback::Swarm;
use common::media::Source;
use common::script::{AUDIO_SSRC, VIDEO_SSRC, join, open_room, publish, subscribe, subscribed_ssrcs};

const ROOM: RoomId = RoomId(1);

/// The room lives on the second of two workers.
const WORKER: WorkerId = WorkerId(1);

struct Loopback {
    sfu: Sfu,
    events: Events,
    swarm: Swarm,
    identity: std::sync::Arc<Identity>,
}

impl Loopback {
    fn start(offload: bool) -> Loopback {
        Loopback::start_with(SfuConfig { segmentation_offload: offload, ..SfuConfig::default() })
    }

    fn start_with(config: SfuConfig) -> Loopback {
        let config = SfuConfig {
            workers: 2,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            udp_port: 0,
            tcp_port: Some(0),
            ..config
        };
        let (sfu, events) = Sfu::start(config).unwrap();
        sfu.command(WORKER, open_room(ROOM)).unwrap();
        Loopback { sfu, events, swarm: Swarm::new(), identity: Identity::new() }
    }

    fn server(&self, protocol: CandidateProtocol) -> SocketAddr {
        let candidates = self.sfu.candidates(WORKER);
        candidates.iter().find(|candidate| candidate.protocol == protocol).unwrap().addr
    }

    fn client(&self, number: u64) -> Client {
        let server = self.server(CandidateProtocol::Udp);
        let (client, commands) = join(Instant::now(), ROOM, number, &self.identity, server, WORKER, true);
        for command in commands {
            self.sfu.command(WORKER, command).unwrap();
        }
        client
    }

    fn publish_by(&mut self, index: usize, number: u64) {
        for command in publish(number) {
            self.sfu.command(WORKER, command).unwrap();
        }
        let now = Instant::now();
        let mut video = Source::video(now, "1", None, VIDEO_SSRC + 16 * number as u32, 1_500_000, false);
        video.number_from(0);
        let audio = Source::audio(now, "0", AUDIO_SSRC + 16 * number as u32, 30);
        self.swarm.client(index).sources = vec![audio, video];
    }

    fn subscribe(&mut self, publisher: u64, subscriber: u64) {
        for command in subscribe(publisher, subscriber) {
            self.sfu.command(WORKER, command).unwrap();
        }
    }

    fn all_connect(&mut self) {
        let limit = Duration::from_secs(20);
        assert!(self.swarm.run_until(limit, |swarm| swarm.clients().all(|client| client.is_connected())));
    }
}

fn media_arrives(offload: bool) {
    let mut test = Loopback::start(offload);
    let clients = [test.client(1), test.client(2), test.client(3)];
    let tcp = test.server(CandidateProtocol::TcpPassive);
    let [publisher, by_udp, by_tcp] = clients;
    let publisher = test.swarm.add(publisher);
    let by_udp = test.swarm.add(by_udp);
    let by_tcp = test.swarm.add_tcp(by_tcp, tcp);
    test.all_connect();
    test.publish_by(publisher, 1);
    test.subscribe(1, 2);
    test.subscribe(1, 3);
    let [audio, video, _] = subscribed_ssrcs(1);
    for index in [by_udp, by_tcp] {
        let arrived = test.swarm.run_until(Duration::from_secs(20), |swarm| {
            let client = swarm.client(index);
            let packets = |ssrc| client.received.get(&ssrc).map_or(0, |received| received.packets);
            packets(audio) >= 100 && packets(video) >= 300
        });
        let client = test.swarm.client(index);
        assert!(arrived, "client {index} has {:?}", client.received.keys());
        assert!(client.received[&video].key_frames >= 1);
        assert_eq!(client.received[&audio].lost(), 0);
        assert_ne!(client.profile(), Some(SrtpProfile::Aes128CmSha1_80), "GCM was on offer");
    }
    // The figures of the last full second.
    test.swarm.run_for(Duration::from_millis(1100));
    let load = test.sfu.load();
    let io = load[1].io;
    assert!(io.tcp_frames_out > 400 && io.tcp_bytes_out > 300_000, "{io:?}");
    assert_eq!((io.tcp_dropped_full, io.tcp_dropped_gone, io.udp_dropped_error), (0, 0, 0), "{io:?}");
    if offload && io.udp_offload_refused == 0 {
        assert!(io.udp_send_messages < io.udp_datagrams_out, "no runs: {io:?}");
    } else {
        assert_eq!(io.udp_send_messages, io.udp_datagrams_out);
    }
    assert!(load[1].cpu_seconds > 0.0);
    let mut connected = 0;
    while let Ok(event) = test.events.try_recv() {
        connected += usize::from(matches!(event, Event::TransportConnected { .. }));
    }
    assert_eq!(connected, 3);
}

#[test]
fn media_arrives_by_udp_and_by_tcp() {
    media_arrives(true);
}

#[test]
fn media_arrives_without_segmentation_offload() {
    media_arrives(false);
}

#[test]
fn a_room_on_two_pinned_workers_is_one_room() {
    let mut test = Loopback::start_with(SfuConfig { room_spread: 1, pin: true, ..SfuConfig::default() });
    let mut places = Vec::new();
    for number in 1..=4 {
        let worker = test.sfu.place_member(ROOM, WORKER);
        let server = test.sfu.candidates(worker)[0].addr;
        let (client, commands) = join(Instant::now(), ROOM, number, &test.identity, server, worker, true);
        for command in commands {
            test.sfu.command(worker, command).unwrap();
        }
        test.swarm.add(client);
        places.push(worker);
    }
    assert_eq!(places.iter().map(|worker| worker.0).collect::<Vec<_>>(), [1, 0, 1, 0]);
    test.all_connect();
    for number in 1..=2 {
        for command in publish(number) {
            test.sfu.command(places[number as usize - 1], command).unwrap();
        }
        let now = Instant::now();
        let video = Source::video(now, "1", None, VIDEO_SSRC + 16 * number as u32, 1_500_000, false);
        let audio = Source::audio(now, "0", AUDIO_SSRC + 16 * number as u32, 30);
        test.swarm.client(number as usize - 1).sources = vec![audio, video];
    }
    for (publisher, subscriber) in [(1, 2), (1, 3), (1, 4), (2, 1), (2, 3), (2, 4)] {
        for command in subscribe(publisher, subscriber) {
            test.sfu.command(places[subscriber as usize - 1], command).unwrap();
        }
    }
    let wanted = [(1, 2), (1, 3), (1, 4), (2, 1), (2, 3), (2, 4)];
    let arrived = test.swarm.run_until(Duration::from_secs(20), |swarm| {
        wanted.iter().all(|&(publisher, subscriber)| {
            let client = swarm.client(subscriber as usize - 1);
            let [audio, video, _] = subscribed_ssrcs(publisher);
            let packets = |ssrc| client.received.get(&ssrc).map_or(0, |received| received.packets);
            packets(audio) >= 100 && packets(video) >= 300
        })
    });
    assert!(arrived, "not everybody got everything");
    test.sfu.command(WORKER, Command::Inspect { room: ROOM, request: 1, parts: 1 }).unwrap();
    test.swarm.run_for(Duration::from_millis(1100));
    let mut members = 0;
    while let Ok(event) = test.events.try_recv() {
        if let Event::Report { parts, report, .. } = event {
            assert_eq!(parts, 2);
            members += report.members.len();
        }
    }
    assert_eq!(members, 4);
    let counter = |load: &chevet_sfu_io::WorkerLoad, name: &str| {
        load.counters().find(|counter| counter.0 == name).unwrap().1
    };
    for load in test.sfu.load() {
        // Two subscribers there, one copy of each packet.
        let (relayed, received) = (counter(&load, "relayed_out"), counter(&load, "media_received"));
        assert!(relayed > 300 && relayed <= received, "{relayed} of {received}");
        assert!(counter(&load, "relayed_in") > 300);
        assert!(load.drops().all(|(cause, count)| cause != "relay_stray" || count < 50));
    }
}

#[test]
fn a_stopping_server_says_goodbye() {
    let mut test = Loopback::start(true);
    let client = test.client(1);
    let index = test.swarm.add(client);
    test.all_connect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(test.sfu.clone().stop());
    let told = test.swarm.run_until(Duration::from_secs(5), |swarm| swarm.client(index).closed_by_peer);
    assert!(told, "no close_notify");
}
