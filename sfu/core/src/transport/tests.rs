//! Two transports over an in-memory network in virtual time.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::*;
use crate::api::MemberId;

const LATENCY: Duration = Duration::from_millis(10);

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

struct World {
    now: Instant,
    start: Instant,
    random: Random,
    /// Of 1000 datagrams.
    loss: usize,
    /// Numbers of datagrams to lose.
    drop: Vec<usize>,
    sent: usize,
    peers: [Transport; 2],
    paths: [Path; 2],
    wire: BTreeMap<(Instant, usize), (usize, Vec<u8>)>,
    events: [Vec<TransportEvent>; 2],
    messages: [Vec<(Channel, Bytes)>; 2],
    mutate: usize,
}

fn path(port: u16) -> Path {
    Path { remote: SocketAddr::from(([127, 0, 0, 1], port)), tcp: 0 }
}

fn config(data: DataChannels) -> TransportConfig {
    let ice = IceCredentials { ufrag: "abcd".into(), pwd: "0123456789012345678901".into() };
    TransportConfig { member: MemberId(1), ice, data, data_downstream: true }
}

impl World {
    fn new(seed: u64, modes: [DataChannels; 2]) -> World {
        let certificates = [(); 2].map(|()| Arc::new(Certificate::generate().expect("certificate")));
        World::with_fingerprints(
            seed,
            modes,
            certificates.clone(),
            [certificates[1].fingerprint(), certificates[0].fingerprint()],
        )
    }

    /// The first is the DTLS server.
    fn with_fingerprints(
        seed: u64,
        modes: [DataChannels; 2],
        certificates: [Arc<Certificate>; 2],
        expected: [Fingerprint; 2],
    ) -> World {
        let now = Instant::now();
        let [a, b] = certificates;
        let mut peers = [
            Transport::new(now, &config(modes[0]), a, seed),
            Transport::new(now, &config(modes[1]), b, seed + 1),
        ];
        let roles = [DtlsRole::Server, DtlsRole::Client];
        for ((peer, role), expected) in peers.iter_mut().zip(roles).zip(expected) {
            peer.set_remote(now, config(DataChannels::Open).ice, expected, role);
        }
        let mut world = World {
            now,
            start: now,
            random: Random(seed),
            loss: 0,
            drop: Vec::new(),
            sent: 0,
            peers,
            paths: [path(1), path(2)],
            wire: BTreeMap::new(),
            events: Default::default(),
            messages: Default::default(),
            mutate: 0,
        };
        for index in 0..2 {
            let mut out = Outbox::new();
            let from = world.paths[1 - index];
            world.peers[index].on_authenticated(now, from, &mut out);
            world.post(index, &out);
        }
        world
    }

    fn post(&mut self, from: usize, out: &Outbox) {
        for (to, datagram) in out.datagrams() {
            assert_eq!(to, self.paths[1 - from]);
            assert!(datagram.len() <= 1300, "{} bytes", datagram.len());
            let number = self.sent;
            self.sent += 1;
            if self.drop.contains(&number) || self.random.below(1000) < self.loss {
                continue;
            }
            let mut datagram = datagram.to_vec();
            if self.mutate > 0 && self.random.below(100) < self.mutate {
                for _ in 0..=self.random.below(4) {
                    let at = self.random.below(datagram.len());
                    datagram[at] = self.random.next() as u8;
                }
                if self.random.below(4) == 0 {
                    datagram.truncate(self.random.below(datagram.len()) + 1);
                }
            }
            self.wire.insert((self.now + LATENCY, number), (1 - from, datagram));
        }
    }

    fn settle(&mut self, index: usize, mut out: Outbox) {
        let peer = &mut self.peers[index];
        while let Some(message) = peer.poll_message(self.now) {
            self.messages[index].push(message);
        }
        peer.flush(self.now, &mut out);
        while let Some(event) = peer.poll_event() {
            self.events[index].push(event);
        }
        self.post(index, &out);
    }

    /// The next thing that happens; false when it would be after `until`.
    fn step(&mut self, until: Instant) -> bool {
        let arrival = self.wire.keys().next().map(|(at, _)| *at);
        let deadline = self.peers.iter().filter_map(Transport::next_deadline).min();
        let Some(next) = [arrival, deadline].into_iter().flatten().min().filter(|at| *at <= until) else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(next);
        for index in 0..2 {
            // Checks go on meanwhile.
            self.peers[index].touch(self.now);
            if self.peers[index].next_deadline().is_some_and(|at| at <= self.now) {
                let mut out = Outbox::new();
                self.peers[index].on_deadline(self.now, &mut out);
                self.settle(index, out);
            }
        }
        while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (to, datagram) = entry.remove();
            let mut out = Outbox::new();
            let from = self.paths[1 - to];
            self.peers[to].on_dtls(self.now, from, &datagram, &mut out);
            self.settle(to, out);
        }
        true
    }

    fn run(&mut self, seconds: f64, mut done: impl FnMut(&World) -> bool) -> bool {
        let until = self.now + Duration::from_secs_f64(seconds);
        loop {
            if done(self) {
                return true;
            }
            if !self.step(until) {
                return done(self);
            }
        }
    }

    fn send(&mut self, from: usize, channel: Channel, message: &Bytes) {
        self.peers[from].send_message(channel, message).expect("an open channel");
        self.settle(from, Outbox::new());
    }

    fn open(&self) -> bool {
        self.peers.iter().all(|peer| Channel::ALL.iter().all(|channel| peer.is_open(*channel)))
    }

    fn elapsed(&self) -> Duration {
        self.now - self.start
    }
}

const MODES: [DataChannels; 2] = [DataChannels::Open, DataChannels::Accept];

#[test]
fn two_transports_connect_and_exchange_messages_on_every_channel() {
    let mut world = World::new(1, MODES);
    assert!(world.run(5.0, World::open), "{:?}", world.events);
    assert!(world.elapsed() < Duration::from_secs(2));
    for index in 0..2 {
        assert_eq!(world.events[index].first(), Some(&TransportEvent::Connected));
        for channel in Channel::ALL {
            assert!(world.events[index].contains(&TransportEvent::ChannelOpen(channel)));
            world.send(index, channel, &Bytes::from(format!("{channel:?} from {index}")));
            world.send(index, channel, &Bytes::new());
        }
    }
    world.run(1.0, |_| false);
    for index in 0..2 {
        for channel in Channel::ALL {
            let got: Vec<_> = world.messages[index].iter().filter(|(on, _)| *on == channel).collect();
            assert_eq!(got.len(), 2, "{channel:?}");
            assert_eq!(got[0].1, format!("{channel:?} from {}", 1 - index));
            assert!(got[1].1.is_empty());
        }
        assert_eq!(world.peers[index].buffered(Channel::Reliable), 0);
    }
}

#[test]
fn the_client_may_open_the_channels() {
    let mut world = World::new(2, [DataChannels::Accept, DataChannels::Open]);
    assert!(world.run(5.0, World::open));
    world.send(0, Channel::Reliable, &Bytes::from_static(b"down"));
    assert!(world.run(1.0, |world| world.messages[1].len() == 1));
}

#[test]
fn both_sides_derive_the_same_keys() {
    let mut world = World::new(3, MODES);
    assert!(world.run(5.0, World::open));
    let [a, b] = &world.peers;
    assert_eq!(a.srtp_profile(), b.srtp_profile());
    assert!(a.srtp_profile().is_some_and(|name| name.contains("GCM")), "{:?}", a.srtp_profile());
    for from in 0..2 {
        // A receiver report without blocks (RFC 3550 6.4.2).
        let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
        let mut sealed = report.to_vec();
        world.peers[from].srtp_out().expect("keys").seal_rtcp(&mut sealed, 0).expect("sealed");
        let len =
            world.peers[1 - from].srtp_in().expect("keys").open_rtcp(&mut sealed).expect("the peer's keys");
        assert_eq!(sealed[..len], report);
    }
}

#[test]
fn a_real_check_binds_its_path_and_a_wrong_one_does_not() {
    use crate::wire::stun::tests::{CONTROLLING, PRIORITY, USE_CANDIDATE, request};

    let now = Instant::now();
    let certificate = Arc::new(Certificate::generate().expect("certificate"));
    let fingerprint = certificate.fingerprint();
    let ours = config(DataChannels::Open);
    let mut transport = Transport::new(now, &ours, certificate, 1);
    let theirs = IceCredentials { ufrag: "peer".into(), pwd: "a-password-of-the-peer-0".into() };
    transport.set_remote(now, theirs, fingerprint, DtlsRole::Client);
    let mut out = Outbox::new();
    let forged = request("abcd:peer", "another-password-1234567", &[PRIORITY, CONTROLLING]);
    assert_eq!(transport.on_stun(now, path(5), &forged, &mut out), StunOutcome::Ignored);
    assert_eq!(transport.path(), None);

    out.clear();
    let check = request("abcd:peer", &ours.ice.pwd, &[PRIORITY, CONTROLLING, USE_CANDIDATE]);
    assert_eq!(transport.on_stun(now, path(5), &check, &mut out), StunOutcome::Bound(path(5)));
    assert_eq!(transport.path(), Some(path(5)));
    let kinds: Vec<u8> = out.datagrams().map(|(_, bytes)| bytes[0]).collect();
    assert_eq!(kinds[..2], [1, 22], "the answer, then as DTLS client our ClientHello");
    let check = request("abcd:peer", &ours.ice.pwd, &[PRIORITY, CONTROLLING]);
    assert_eq!(transport.on_stun(now, path(5), &check, &mut out), StunOutcome::Answered);
    assert_eq!(transport.on_stun(now, path(6), &check, &mut out), StunOutcome::Bound(path(6)));
    assert_eq!(transport.path(), Some(path(5)), "only nominated paths are sent to");
}

#[test]
fn a_peer_that_never_begins_the_handshake_fails_after_a_minute() {
    let mut world = World::new(13, MODES);
    world.drop = (0..1000).collect();
    world.run(90.0, |_| false);
    for index in 0..2 {
        assert_eq!(world.events[index], [TransportEvent::Failed(TransportFailure::Dtls)], "{index}");
    }
    assert!(world.elapsed() >= Duration::from_secs(60));
}

#[test]
fn a_certificate_other_than_the_described_one_fails_the_transport() {
    for liar in 0..2 {
        let certificates = [(); 2].map(|()| Arc::new(Certificate::generate().expect("certificate")));
        let mut expected = [certificates[1].fingerprint(), certificates[0].fingerprint()];
        expected[1 - liar].0[7] ^= 1;
        let mut world = World::with_fingerprints(4, MODES, certificates, expected);
        world.run(60.0, |_| false);
        let victim = 1 - liar;
        assert_eq!(world.events[victim], [TransportEvent::Failed(TransportFailure::Dtls)]);
        assert!(world.peers[victim].srtp_in().is_none());
    }
}

#[test]
fn any_single_lost_datagram_of_the_beginning_is_made_up_for() {
    for lost in 0..24 {
        let mut world = World::new(5, MODES);
        world.drop = vec![lost];
        assert!(world.run(8.0, World::open), "without datagram {lost}: {:?}", world.events);
    }
}

#[test]
fn connecting_survives_heavy_loss() {
    for seed in 0..8 {
        let mut world = World::new(100 + seed, MODES);
        world.loss = 200;
        assert!(world.run(60.0, World::open), "seed {seed}: {:?}", world.events);
    }
}

#[test]
fn five_megabytes_arrive_whole_and_in_order_despite_loss() {
    let mut world = World::new(6, MODES);
    assert!(world.run(5.0, World::open));
    world.loss = 5;
    let total = 5_000_000;
    let mut offered = 0;
    let mut number = 0u32;
    while offered < total {
        while offered < total && world.peers[0].buffered(Channel::Reliable) < 1_000_000 {
            let mut message = vec![0; 15_000];
            message[..4].copy_from_slice(&number.to_be_bytes());
            world.send(0, Channel::Reliable, &Bytes::from(message));
            number += 1;
            offered += 15_000;
        }
        let before = world.elapsed();
        world.run(0.05, |_| false);
        assert!(before < Duration::from_secs(300), "too slow: {offered} offered");
    }
    assert!(world.run(120.0, |world| world.peers[0].buffered(Channel::Reliable) == 0));
    assert_eq!(world.messages[1].len(), number as usize);
    for (index, (channel, message)) in world.messages[1].iter().enumerate() {
        assert_eq!(*channel, Channel::Reliable);
        assert_eq!(message[..4], (index as u32).to_be_bytes());
    }
    println!("5 MB with 0.5 % loss and 20 ms round trip: {:?}", world.elapsed());
}

#[test]
fn a_held_sender_stops_but_its_lossy_messages_still_pass() {
    let mut world = World::new(7, MODES);
    assert!(world.run(5.0, World::open));
    let now = world.now;
    world.peers[1].hold_reliable(now, true);
    let chunk = Bytes::from(vec![7; 15_000]);
    for _ in 0..200 {
        world.send(0, Channel::Reliable, &chunk);
    }
    let begin = world.messages[1].len();
    world.run(2.0, |_| false);
    // The window is full: only the trickle passes.
    let passed = world.messages[1].len() - begin;
    assert!(passed * 15_000 <= 2 * 64 * 1024 + 2 * 15_000, "{passed} messages passed");
    assert!(world.peers[0].buffered(Channel::Reliable) > 1_500_000);
    world.send(0, Channel::Lossy, &Bytes::from_static(b"pointer"));
    let arrived = |world: &World| world.messages[1].iter().any(|(channel, _)| *channel == Channel::Lossy);
    assert!(world.run(2.0, arrived), "the lossy message waits behind the held ones");

    let now = world.now;
    world.peers[1].hold_reliable(now, false);
    world.settle(1, Outbox::new());
    let all = |world: &World| {
        world.messages[1].iter().filter(|(channel, _)| *channel == Channel::Reliable).count() == 200
    };
    assert!(world.run(4.0, all), "the sender does not learn of the open window");
}

#[test]
fn a_message_above_the_limit_is_refused() {
    let mut world = World::new(8, MODES);
    assert!(world.run(5.0, World::open));
    let long = Bytes::from(vec![0; MAX_MESSAGE_OUT + 1]);
    assert_eq!(world.peers[0].send_message(Channel::Reliable, &long), Err(NotSent::TooLong));
    let longest = Bytes::from(vec![1; MAX_MESSAGE_OUT]);
    world.send(0, Channel::Reliable, &longest);
    assert!(world.run(5.0, |world| world.messages[1].len() == 1));
}

#[test]
fn a_close_notify_ends_the_other_side() {
    let mut world = World::new(9, MODES);
    assert!(world.run(5.0, World::open));
    let mut out = Outbox::new();
    let now = world.now;
    world.peers[0].close(now, &mut out);
    world.post(0, &out);
    let ended = TransportEvent::Failed(TransportFailure::ConsentLost);
    assert!(world.run(1.0, |world| world.events[1].contains(&ended)), "{:?}", world.events[1]);
}

#[test]
fn silence_is_reported_lost_and_then_ends_consent() {
    let mut world = World::new(10, MODES);
    assert!(world.run(5.0, World::open));
    let [mut peer, _] = world.peers;
    let last = world.now;
    peer.touch(last);
    let mut out = Outbox::new();
    peer.on_deadline(last + LOST_AFTER, &mut out);
    assert_eq!(peer.poll_event(), Some(TransportEvent::Lost));
    peer.touch(last + Duration::from_secs(11));
    assert_eq!(peer.poll_event(), Some(TransportEvent::Recovered));
    peer.on_deadline(last + Duration::from_secs(42), &mut out);
    assert_eq!(peer.poll_event(), Some(TransportEvent::Failed(TransportFailure::ConsentLost)));
    assert_eq!(peer.next_deadline(), None);
}

#[test]
fn dtls_from_an_address_without_a_check_is_dropped() {
    let mut world = World::new(11, MODES);
    let (_, (_, hello)) = world.wire.first_key_value().expect("a first flight");
    let hello = hello.clone();
    let mut out = Outbox::new();
    world.peers[0].on_dtls(world.now, path(9), &hello, &mut out);
    assert!(out.is_empty());
    assert_eq!(world.peers[0].counters().dtls_dropped, 1);
}

#[test]
fn broken_datagrams_during_the_handshake_never_panic() {
    for seed in 0..60 {
        let mut world = World::new(1000 + seed, MODES);
        world.mutate = 30;
        world.run(10.0, World::open);
    }
}

#[test]
fn handshake_records_are_counted_and_capped() {
    let mut world = World::new(12, MODES);
    let (_, (_, hello)) = world.wire.first_key_value().expect("a first flight");
    let hello = hello.clone();
    let mut out = Outbox::new();
    for _ in 0..1000 {
        let from = world.paths[1];
        world.peers[0].on_dtls(world.now, from, &hello, &mut out);
    }
    assert!(out.len() < 300, "{} answers", out.len());
}

/// The peer is authenticated but hostile: its SCTP packets arrive damaged, with a right checksum.
#[test]
fn damaged_sctp_packets_never_panic() {
    for seed in 0..300u64 {
        let mut random = Random(5000 + seed);
        let mut now = Instant::now();
        let mut peers = [(DataChannels::Open, DtlsRole::Server), (DataChannels::Accept, DtlsRole::Client)]
            .map(|(mode, role)| Sctp::new(now, mode, role, seed));
        let mut queue: VecDeque<(usize, Bytes)> = VecDeque::new();
        let chunk = Bytes::from(vec![1; 5000]);
        for round in 0..400 {
            now += Duration::from_millis(20);
            for (index, peer) in peers.iter_mut().enumerate() {
                peer.on_deadline(now);
                if round % 10 == 0 {
                    let _ = peer.send(Channel::ALL[random.below(3)], &chunk);
                    let hold = random.below(4) == 0;
                    peer.hold_reliable(now, hold);
                }
                while peer.poll_message(now).is_some() {}
                while peer.poll_event().is_some() {}
                while let Some(packet) = peer.poll_transmit(now) {
                    queue.push_back((1 - index, packet));
                }
            }
            while let Some((to, packet)) = queue.pop_front() {
                let mut packet = packet.to_vec();
                // The first packets pass, so that many runs get beyond the association's beginning.
                if round > random.below(200) && random.below(8) == 0 && packet.len() > 12 {
                    for _ in 0..=random.below(3) {
                        let at = 12 + random.below(packet.len() - 12);
                        packet[at] = random.next() as u8;
                    }
                    if random.below(4) == 0 {
                        packet.truncate(12 + random.below(packet.len() - 12));
                    }
                    seal_checksum(&mut packet);
                }
                peers[to].receive(now, Bytes::from(packet));
            }
        }
    }
}

/// CRC32c of an SCTP packet (RFC 9260 6.8), bit by bit.
fn seal_checksum(packet: &mut [u8]) {
    packet[8..12].fill(0);
    let mut crc = u32::MAX;
    for byte in packet.iter() {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    packet[8..12].copy_from_slice(&(!crc).to_le_bytes());
}

#[test]
fn messages_without_a_known_label_are_dropped_and_counted() {
    let now = Instant::now();
    let mut ours = Sctp::new(now, DataChannels::Accept, DtlsRole::Server, 0);
    let mut theirs = Sctp::new(now, DataChannels::Open, DtlsRole::Client, 0);
    let mut time = now;
    for _ in 0..20 {
        time += Duration::from_millis(100);
        theirs.on_deadline(time);
        ours.on_deadline(time);
        for _ in 0..8 {
            while let Some(packet) = theirs.poll_transmit(time) {
                // A label that we do not know: the same length, another last letter.
                let at = packet.windows(9).position(|window| window == b"_reliable");
                let mut packet = packet.to_vec();
                if let Some(at) = at {
                    packet[at + 8] = b'x';
                    seal_checksum(&mut packet);
                }
                ours.receive(time, Bytes::from(packet));
            }
            while ours.poll_message(time).is_some() {}
            while let Some(packet) = ours.poll_transmit(time) {
                theirs.receive(time, packet);
            }
            while theirs.poll_message(time).is_some() {}
        }
        if theirs.is_open(Channel::Reliable) {
            theirs.send(Channel::Reliable, &Bytes::from_static(b"x")).expect("open");
        }
    }
    assert!(ours.is_open(Channel::Lossy) && !ours.is_open(Channel::Reliable));
    assert!(ours.counters.unlabelled_messages > 5);
}
