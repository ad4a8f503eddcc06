//! Data packets through a real engine on a simulated network: DTLS, SCTP and the room's router together.

#![allow(deprecated)]

mod common;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chevet_sfu_core::api::{
    Command, DataChannels, DtlsRole, Event, IceCredentials, MemberConfig, MemberId, MemberPermissions, Path,
    RoomId, TransportConfig, TransportId,
};
use chevet_sfu_core::engine::{CompanySettings, Engine, EngineConfig};
use chevet_sfu_core::transport::{Certificate, Channel, Outbox, Transport, TransportEvent};
use chevet_sfu_io::sim::{Link, Peer, Port, World};
use chevet_sfu_io::{WorkerId, ufrag_for};
use livekit_protocol::data_packet::Value;
use livekit_protocol::{DataPacket, UserPacket, data_stream};
use prost::Message;

use common::script::open_room;
use common::stun;

const ROOM: RoomId = RoomId(1);
/// As the browser SDK does: no more than this is handed to the channel at a time, in bytes.
const BUFFERED_MAX: usize = 1024 * 1024;
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

fn server(worker: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + worker as u8], 7882))
}

fn address(number: u64) -> SocketAddr {
    SocketAddr::from(([10, 0, 1, number as u8], 5000))
}

/// A client that only speaks data, on the server's own transport in the client's role.
struct DataClient {
    server: SocketAddr,
    transport: Transport,
    local: IceCredentials,
    remote: IceCredentials,
    next_check: Instant,
    checks: u8,
    sequence: u32,
    waiting: VecDeque<Bytes>,
    received: Vec<DataPacket>,
    open: usize,
    out: Outbox,
}

impl DataClient {
    fn say(&mut self, to: &[&str], value: Value) {
        self.sequence += 1;
        let packet = DataPacket {
            sequence: self.sequence,
            destination_identities: to.iter().map(|name| name.to_string()).collect(),
            value: Some(value),
            ..Default::default()
        };
        self.waiting.push_back(Bytes::from(packet.encode_to_vec()));
        // The simulation then calls at once.
        self.next_check -= CHECK_INTERVAL;
    }

    fn send_file(&mut self, to: &[&str], id: &str, chunks: u64) {
        self.say(to, Value::StreamHeader(data_stream::Header { stream_id: id.into(), ..Default::default() }));
        for chunk_index in 0..chunks {
            let content = vec![chunk_index as u8; 15_000];
            let chunk =
                data_stream::Chunk { stream_id: id.into(), chunk_index, content, ..Default::default() };
            self.say(to, Value::StreamChunk(chunk));
        }
        self.say(
            to,
            Value::StreamTrailer(data_stream::Trailer { stream_id: id.into(), ..Default::default() }),
        );
    }

    fn settle(&mut self, now: Instant, port: &mut Port<'_>) {
        while let Some((_, message)) = self.transport.poll_message(now) {
            self.received.push(DataPacket::decode(message).expect("a data packet"));
        }
        while let Some(event) = self.transport.poll_event() {
            if matches!(event, TransportEvent::ChannelOpen(_)) {
                self.open += 1;
            }
        }
        while self.transport.is_open(Channel::Reliable)
            && self.transport.buffered(Channel::Reliable) < BUFFERED_MAX
            && let Some(message) = self.waiting.pop_front()
        {
            self.transport.send_message(Channel::Reliable, &message).expect("an open channel");
        }
        self.transport.flush(now, &mut self.out);
        for (to, datagram) in self.out.datagrams() {
            if to.remote == self.server {
                port.send_to(to.remote, datagram);
            }
        }
        self.out.clear();
    }

    /// Chunks without a gap, then the end: its reason.
    fn file(&self, id: &str) -> (u64, Option<String>) {
        let mut chunks = 0;
        let mut ended = None;
        for packet in &self.received {
            match &packet.value {
                Some(Value::StreamChunk(chunk)) if chunk.stream_id == id => {
                    assert_eq!((chunk.chunk_index, &ended), (chunks, &None));
                    chunks += 1;
                }
                Some(Value::StreamTrailer(trailer)) if trailer.stream_id == id => {
                    ended = Some(trailer.reason.clone());
                }
                _ => {}
            }
        }
        (chunks, ended)
    }
}

impl Peer for DataClient {
    fn on_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8], port: &mut Port<'_>) {
        if stun::success_of(bytes).is_some() {
            // The server is ICE-lite and checks nothing itself; the transport wants to see a check.
            let user = format!("{}:{}", self.local.ufrag, self.remote.ufrag);
            let check = stun::binding_request([9; 12], &user, &self.local.pwd);
            let mut answers = Outbox::new();
            self.transport.on_stun(now, Path { remote: from, tcp: 0 }, &check, &mut answers);
            for (to, datagram) in answers.datagrams() {
                // Its answer would surprise the server.
                if datagram.first() != Some(&1) {
                    self.out.push(to, datagram);
                }
            }
        } else {
            self.transport.on_dtls(now, Path { remote: from, tcp: 0 }, bytes, &mut self.out);
        }
        self.settle(now, port);
    }

    fn on_deadline(&mut self, now: Instant, port: &mut Port<'_>) {
        if self.next_check <= now {
            self.next_check = now + CHECK_INTERVAL;
            self.checks = self.checks.wrapping_add(1);
            let user = format!("{}:{}", self.remote.ufrag, self.local.ufrag);
            port.send_to(self.server, &stun::binding_request([self.checks; 12], &user, &self.remote.pwd));
        }
        if self.transport.next_deadline().is_some_and(|at| at <= now) {
            self.transport.on_deadline(now, &mut self.out);
        }
        self.settle(now, port);
    }

    fn next_deadline(&self) -> Option<Instant> {
        Some(self.transport.next_deadline().map_or(self.next_check, |at| at.min(self.next_check)))
    }
}

struct Meeting {
    world: World<DataClient>,
    workers: usize,
    fingerprint: chevet_sfu_core::api::Fingerprint,
}

impl Meeting {
    fn new(seed: u64, members: u64, workers: usize) -> Meeting {
        let start = Instant::now();
        let mut world = World::new(start, seed);
        let certificate = Arc::new(Certificate::generate().unwrap());
        let fingerprint = certificate.fingerprint();
        for worker in 0..workers {
            let certificate = certificate.clone();
            let config = EngineConfig {
                certificate,
                seed,
                ntp_epoch: 3_900_000_000 << 32,
                company: CompanySettings::default(),
            };
            world.add_engine(server(worker), Engine::new(config, start));
        }
        world.network().set_default(Link { latency: Duration::from_millis(10), ..Link::default() });
        world.tell(0, open_room(ROOM));
        let mut meeting = Meeting { world, workers, fingerprint };
        for number in 1..=members {
            meeting.join(number);
        }
        let all = meeting
            .world
            .run_while(Duration::from_secs(20), |world| world.peers().any(|client| client.open < 3));
        assert!(all, "not every channel opened");
        meeting
    }

    /// With several workers the first sender is alone with member 4, and its receivers are elsewhere.
    fn worker_of(&self, number: u64) -> usize {
        (number as usize / 2) % self.workers
    }

    fn link(&mut self, number: u64, link: Link) {
        let server = server(self.worker_of(number));
        self.world.link(server, address(number), link);
    }

    /// Those with an even number open the channels themselves, as in the newer protocol.
    fn join(&mut self, number: u64) {
        let now = self.world.now();
        let worker = self.worker_of(number);
        let (member, transport) = (MemberId(number), TransportId(number));
        let (ours, theirs) = if number.is_multiple_of(2) {
            (DataChannels::Accept, DataChannels::Open)
        } else {
            (DataChannels::Open, DataChannels::Accept)
        };
        let ufrag = ufrag_for(WorkerId(worker as u16), number);
        let remote = IceCredentials { ufrag, pwd: format!("{number:024}") };
        let local = IceCredentials { ufrag: format!("client{number}"), pwd: format!("{number:032}") };
        let config = TransportConfig { member, ice: local.clone(), data: theirs, data_downstream: true };
        let certificate = Arc::new(Certificate::generate().unwrap());
        let fingerprint = certificate.fingerprint();
        let mut client = Transport::new(now, &config, certificate, number);
        client.set_remote(now, remote.clone(), self.fingerprint, DtlsRole::Client);
        self.world.add_peer(
            address(number),
            DataClient {
                server: server(worker),
                transport: client,
                local: local.clone(),
                remote: remote.clone(),
                next_check: now,
                checks: 0,
                sequence: 0,
                waiting: VecDeque::new(),
                received: Vec::new(),
                open: 0,
                out: Outbox::new(),
            },
        );
        let permissions = MemberPermissions { can_publish_data: true, hidden: false };
        let identity: Arc<str> = format!("user-{number}").into();
        let sid: Arc<str> = format!("PA_{number}").into();
        for command in [
            Command::AddMember { member, config: MemberConfig { room: ROOM, identity, sid, permissions } },
            Command::OpenTransport {
                transport,
                config: TransportConfig { member, ice: remote, data: ours, data_downstream: true },
            },
            Command::SetRemote { transport, ice: local, fingerprint, role: DtlsRole::Server },
        ] {
            self.world.tell(worker, command);
        }
    }

    fn client(&mut self, number: u64) -> &mut DataClient {
        self.world.peer(number as usize - 1)
    }

    fn slow_receivers(&mut self) -> Vec<(u64, u64, u32)> {
        let events: Vec<Event> =
            (0..self.workers).flat_map(|worker| self.world.take_events(worker)).collect();
        let slow = events.into_iter().filter_map(|event| match event {
            Event::SlowReceiver { member, sender, streams } => Some((member.0, sender.0, streams)),
            _ => None,
        });
        slow.collect()
    }
}

/// The room on one worker, and spread over two.
fn on_one_and_two_workers(test: impl Fn(usize)) {
    (1..=2).for_each(test);
}

#[test]
fn a_packet_reaches_everyone_with_its_true_sender() {
    on_one_and_two_workers(|workers| {
        let mut meeting = Meeting::new(1, 4, workers);
        let text = UserPacket { payload: b"bonjour".to_vec(), ..Default::default() };
        meeting.client(2).say(&[], Value::User(text));
        meeting.world.run_for(Duration::from_secs(3));
        for number in [1, 3, 4] {
            let received = &meeting.client(number).received;
            assert_eq!(received.len(), 1, "member {number}");
            assert_eq!(received[0].participant_identity, "user-2");
            assert_eq!(received[0].participant_sid, "PA_2");
        }
        assert!(meeting.client(2).received.is_empty());
    });
}

#[test]
fn a_slow_link_slows_the_sender_and_everything_arrives() {
    on_one_and_two_workers(|workers| {
        let mut meeting = Meeting::new(2, 3, workers);
        let slow = Link {
            latency: Duration::from_millis(30),
            bits_per_second: Some(3_000_000),
            queue: Duration::from_millis(200),
            ..Link::default()
        };
        meeting.link(3, slow);
        meeting.client(1).send_file(&[], "file", 300);
        let whole = (300, Some(String::new()));
        let begin = meeting.world.now();
        let done = meeting.world.run_while(Duration::from_secs(120), |world| {
            world.peers().skip(1).any(|client| client.file("file") != whole)
        });
        assert!(done, "{:?} and {:?}", meeting.client(2).file("file"), meeting.client(3).file("file"));
        let took = meeting.world.now() - begin;
        assert!(took > Duration::from_secs(10) && took < Duration::from_secs(60), "{took:?}");
        assert_eq!(meeting.slow_receivers(), []);
    });
}

#[test]
fn a_dead_link_is_given_up_and_its_reader_is_told_why() {
    on_one_and_two_workers(|workers| {
        let mut meeting = Meeting::new(3, 3, workers);
        meeting.client(1).send_file(&["user-2", "user-3"], "file", 1500);
        meeting.world.run_for(Duration::from_millis(300));
        meeting.link(3, Link { loss: 1.0, ..Link::default() });
        let whole = (1500, Some(String::new()));
        let done =
            meeting.world.run_while(Duration::from_secs(25), |world| world.peer(1).file("file") != whole);
        assert!(done, "{:?}", meeting.client(2).file("file"));
        assert_eq!(meeting.slow_receivers(), [(3, 1, 1)]);

        meeting.link(3, Link { latency: Duration::from_millis(10), ..Link::default() });
        meeting.world.run_for(Duration::from_secs(30));
        let (chunks, reason) = meeting.client(3).file("file");
        assert!(chunks < 1500);
        assert!(reason.is_some_and(|reason| !reason.is_empty()), "{chunks} chunks and no reason");
        let text = UserPacket { payload: b"again".to_vec(), ..Default::default() };
        meeting.client(1).say(&[], Value::User(text));
        let before = meeting.client(3).received.len();
        meeting.world.run_for(Duration::from_secs(3));
        assert_eq!(meeting.client(3).received.len(), before + 1, "it is served again");
    });
}

#[test]
fn senders_on_every_worker_share_one_slow_receiver_within_its_bound() {
    let mut meeting = Meeting::new(4, 5, 3);
    // Members 1 | 2, 3 | 4, 5 on three workers.
    let slow = Link {
        latency: Duration::from_millis(20),
        bits_per_second: Some(6_000_000),
        queue: Duration::from_millis(200),
        ..Link::default()
    };
    meeting.link(5, slow);
    let senders = [1, 2, 4];
    for number in senders {
        meeting.client(number).send_file(&["user-5"], &format!("file-{number}"), 150);
    }
    let whole = (150, Some(String::new()));
    let mut longest = 0;
    let done = meeting.world.run_while(Duration::from_secs(120), |world| {
        world.command(2, Command::Inspect { room: ROOM, request: 1, parts: 1 });
        for event in world.take_events(2) {
            match event {
                Event::Report { report, .. } => {
                    let queued = report.members.iter().map(|member| member.data_queued_bytes);
                    longest = longest.max(queued.max().unwrap_or(0));
                }
                Event::SlowReceiver { .. } => panic!("a receiver that drains is not cut off"),
                _ => {}
            }
        }
        let receiver = world.peer(4);
        senders.iter().any(|number| receiver.file(&format!("file-{number}")) != whole)
    });
    let got = senders.map(|number| meeting.client(5).file(&format!("file-{number}")));
    assert!(done, "{got:?}");
    assert!(longest > 900_000, "the senders were held at {longest} bytes");
    assert!(longest < 3_500_000, "{longest} bytes waited for one receiver");
    assert_eq!(meeting.slow_receivers(), []);
}

#[test]
fn what_a_returning_member_missed_is_sent_again_from_every_worker() {
    let mut meeting = Meeting::new(5, 4, 2);
    let say = |meeting: &mut Meeting, number: u64, text: &str| {
        let packet = UserPacket { payload: text.as_bytes().to_vec(), ..Default::default() };
        meeting.client(number).say(&[], Value::User(packet));
        meeting.world.run_for(Duration::from_secs(1));
    };
    for number in [1, 2, 1, 2] {
        say(&mut meeting, number, "kept");
    }
    meeting.client(3).received.clear();
    // It has seen the first message of each.
    let received = vec![("PA_1".to_owned(), 1), ("PA_2".to_owned(), 1)];
    let worker = meeting.worker_of(3);
    assert_ne!(worker, meeting.worker_of(1));
    meeting.world.tell(worker, Command::Resume { member: MemberId(3), received });
    meeting.world.run_for(Duration::from_secs(1));
    let mut again: Vec<(String, u32)> = meeting
        .client(3)
        .received
        .iter()
        .map(|packet| (packet.participant_sid.clone(), packet.sequence))
        .collect();
    again.sort();
    assert_eq!(again, [("PA_1".to_owned(), 2), ("PA_2".to_owned(), 2)]);
    let resumed = |event: &Event| matches!(event, Event::Resumed { .. });
    let answers: usize = (0..2)
        .map(|worker| meeting.world.take_events(worker).iter().filter(|event| resumed(event)).count())
        .sum();
    assert_eq!(answers, 1);
}
