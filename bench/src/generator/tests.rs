//! Peers against the real media server, and against each other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chevet_sfu_core::api::*;
use chevet_sfu_core::transport::srtp::SrtpProfile;
use chevet_sfu_io::{Events, Sfu, SfuConfig, WorkerId, ufrag_for};
use livekit_protocol::data_packet::Value;
use livekit_protocol::{DataPacket, UserPacket};
use prost::Message as _;
use tokio::runtime::Runtime;

use super::{Generator, Handle, Options, Tally};
use crate::media::{EncodingSpec, Pacing, StreamSpec};
use crate::net::Network;
use crate::peer::{Media, Notice, Remote, StaticKeys};

const ROOM: RoomId = RoomId(1);
const WORKER: WorkerId = WorkerId(0);
const PT_OPUS: u8 = 111;
const PT_VP8: u8 = 96;
const PT_VP8_RTX: u8 = 97;
const AUDIO_SSRC: u32 = 0x1000_0001;
const VIDEO_SSRC: u32 = 0x1000_0002;
const VIDEO_RTX_SSRC: u32 = 0x1000_0003;
/// As a subscriber gets them.
const AUDIO_OUT: u32 = 0x2000_0001;
const VIDEO_OUT: u32 = 0x2000_0002;
const VIDEO_RTX_OUT: u32 = 0x2000_0003;

fn settings() -> MediaSettings {
    MediaSettings {
        extensions: vec![
            (1, Extension::Mid),
            (3, Extension::TransportCc),
            (4, Extension::Rid),
            (5, Extension::AudioLevel),
        ],
        payloads: vec![
            PayloadType { pt: PT_OPUS, codec: Codec::Opus, rtx: None },
            PayloadType { pt: PT_VP8, codec: Codec::Vp8, rtx: Some(PT_VP8_RTX) },
        ],
        mixed_extensions: true,
    }
}

fn media() -> Media {
    let retransmissions = vec![(VIDEO_RTX_OUT, VIDEO_OUT), (VIDEO_RTX_SSRC, VIDEO_SSRC)];
    Media { settings: settings(), retransmissions, transport_cc: true }
}

fn token(text: &str) -> Token {
    Token::new(text.as_bytes()).unwrap()
}

fn audio() -> StreamSpec {
    let encoding = EncodingSpec {
        rid: None,
        ssrc: AUDIO_SSRC,
        rtx_ssrc: None,
        bits_per_second: 32_000,
        width: 0,
        height: 0,
    };
    StreamSpec {
        source: 1,
        mid: token("0"),
        codec: Codec::Opus,
        payload_type: PT_OPUS,
        rtx_payload_type: None,
        encodings: vec![encoding],
        pacing: Pacing::Burst,
        frames_per_second: 50.0,
        speech: 1.0,
    }
}

fn video() -> StreamSpec {
    let encoding = EncodingSpec {
        rid: None,
        ssrc: VIDEO_SSRC,
        rtx_ssrc: Some(VIDEO_RTX_SSRC),
        bits_per_second: 1_500_000,
        width: 1280,
        height: 720,
    };
    StreamSpec {
        source: 2,
        mid: token("1"),
        codec: Codec::Vp8,
        payload_type: PT_VP8,
        rtx_payload_type: Some(PT_VP8_RTX),
        encodings: vec![encoding],
        pacing: Pacing::Burst,
        frames_per_second: 30.0,
        speech: 0.0,
    }
}

/// The media server of this process, one room, and peers of one generator.
struct Meeting {
    sfu: Sfu,
    _events: Events,
    server: SocketAddr,
    generator: Generator,
    runtime: Runtime,
    handles: Vec<Handle>,
}

impl Meeting {
    fn new(network: Network) -> Meeting {
        let config = SfuConfig {
            workers: 1,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            udp_port: 0,
            tcp_port: None,
            ..SfuConfig::default()
        };
        let (sfu, events) = Sfu::start(config).expect("the media server starts");
        sfu.command(WORKER, Command::OpenRoom { room: ROOM }).unwrap();
        let server = sfu.candidates(WORKER)[0].addr;
        let generator = Generator::start(Options { threads: 1, network }).expect("a generator");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Meeting { sfu, _events: events, server, generator, runtime, handles: Vec::new() }
    }

    fn command(&self, command: Command) {
        self.sfu.command(WORKER, command).unwrap();
    }

    /// A member with one transport of the same number, connected by this address of the server.
    fn join(&mut self, by: SocketAddr) -> usize {
        let index = self.begin(by, DtlsRole::Client, self.sfu.fingerprint());
        self.wait(index, |notice| matches!(notice, Notice::IceConnected));
        self.wait(index, |notice| matches!(notice, Notice::Connected));
        index
    }

    /// `role` is ours; `fingerprint` is what the server is said to have.
    fn begin(&mut self, by: SocketAddr, role: DtlsRole, fingerprint: Fingerprint) -> usize {
        let number = self.handles.len() as u64 + 1;
        let (member, transport) = (MemberId(number), TransportId(number));
        let handle = self.generator.open();
        let name: Arc<str> = format!("client-{number}").into();
        let permissions = MemberPermissions { can_publish_data: true, hidden: false };
        let ice = IceCredentials { ufrag: ufrag_for(WORKER, number * 7919), pwd: format!("{number:024}") };
        self.command(Command::AddMember {
            member,
            config: MemberConfig { room: ROOM, identity: name.clone(), sid: name, permissions },
        });
        let data = DataChannels::Accept;
        let config = TransportConfig { member, ice: ice.clone(), data, data_downstream: true };
        self.command(Command::OpenTransport { transport, config });
        self.command(Command::SetMedia { transport, media: settings() });
        self.command(Command::SetRemote {
            transport,
            ice: handle.local().ice.clone(),
            fingerprint: handle.local().fingerprint,
            role: if role == DtlsRole::Client { DtlsRole::Server } else { DtlsRole::Client },
        });
        handle.connect(Remote {
            ice,
            fingerprint,
            role,
            candidates: vec![by],
            data: true,
            media: media(),
            keys: None,
        });
        self.handles.push(handle);
        self.handles.len() - 1
    }

    /// The next notice that fits; fails for one of an end, and after 10 s.
    fn wait(&mut self, index: usize, fits: impl Fn(&Notice) -> bool) -> Notice {
        let handle = &mut self.handles[index];
        self.runtime.block_on(async {
            let found = tokio::time::timeout(Duration::from_secs(10), async {
                loop {
                    let notice = handle.notice().await.expect("a running thread");
                    if fits(&notice) {
                        return notice;
                    }
                    assert!(!matches!(notice, Notice::Failed(_) | Notice::Closed), "{notice:?}");
                }
            });
            found.await.expect("a notice in time")
        })
    }

    fn publish(&self, index: usize, pacing: Pacing) {
        let number = index as u64 + 1;
        let track = |mid, codec, ssrc, rtx_ssrc, height| TrackConfig {
            member: MemberId(number),
            transport: TransportId(number),
            mid: token(mid),
            codec,
            encodings: vec![Encoding {
                rid: None,
                ssrc: Some(ssrc),
                rtx_ssrc,
                quality: Quality::High,
                width: height * 16 / 9,
                height,
            }],
            muted: false,
            encrypted: false,
            first: false,
        };
        let config = track("0", Codec::Opus, AUDIO_SSRC, None, 0);
        self.command(Command::Publish { track: TrackId(1), config });
        let config = track("1", Codec::Vp8, VIDEO_SSRC, Some(VIDEO_RTX_SSRC), 720);
        self.command(Command::Publish { track: TrackId(2), config });
        self.handles[index].publish(audio());
        self.handles[index].publish(StreamSpec { pacing, ..video() });
    }

    fn subscribe(&self, index: usize) {
        let number = index as u64 + 1;
        for (track, ssrc, rtx_ssrc, payload) in
            [(1, AUDIO_OUT, None, 0), (2, VIDEO_OUT, Some(VIDEO_RTX_OUT), 1)]
        {
            self.command(Command::Subscribe {
                subscription: SubscriptionId(number * 10 + track),
                config: SubscriptionConfig {
                    transport: TransportId(number),
                    track: TrackId(track),
                    mid: token(if track == 1 { "a" } else { "v" }),
                    ssrc,
                    rtx_ssrc,
                    payloads: vec![settings().payloads[payload]],
                },
            });
        }
    }

    fn first_media(&mut self, index: usize) {
        self.wait(index, |notice| matches!(notice, Notice::FirstMedia));
    }
}

fn assert_all_arrived(tally: &Tally, subscribers: u64) {
    assert!(tally.sent > 500, "{} sent", tally.sent);
    assert_eq!((tally.lost_by_sequence, tally.lost_by_probe), (0, 0));
    let expected = tally.sent * subscribers;
    assert!(
        tally.received.abs_diff(expected) <= expected / 50,
        "{} received of {expected}: the ends of the window only",
        tally.received
    );
    assert_eq!((tally.kernel_drops, tally.send_failures, tally.unexpected), (0, 0, 0));
    assert_eq!(tally.latency.len(), tally.received - tally.recovered);
    assert!(tally.latency.value_at_quantile(0.5) < 50_000_000, "half of all within 50 ms");
    assert!(tally.latency_from_due.mean() >= tally.latency.mean());
    assert!(tally.cpu_seconds > 0.0 && tally.busiest_thread <= 1.05);
}

fn two_subscribers_receive_all(network: Network) {
    let mut meeting = Meeting::new(network);
    let publisher = meeting.join(meeting.server);
    let subscribers = [meeting.join(meeting.server), meeting.join(meeting.server)];
    meeting.publish(publisher, Pacing::Burst);
    for subscriber in subscribers {
        meeting.subscribe(subscriber);
        meeting.first_media(subscriber);
    }
    std::thread::sleep(Duration::from_millis(500));
    meeting.generator.tally();
    std::thread::sleep(Duration::from_secs(4));
    let tally = meeting.generator.tally();
    assert!((3.9..6.0).contains(&tally.seconds), "{}", tally.seconds);
    assert_all_arrived(&tally, 2);
    assert!(tally.frames_complete > 2 * 100 && tally.frames_broken == 0, "{}", tally.frames_complete);
}

#[test]
fn what_a_publisher_sends_reaches_two_subscribers_whole() {
    two_subscribers_receive_all(Network::LOOPBACK);
}

#[test]
fn a_socket_for_each_peer_serves_as_well() {
    two_subscribers_receive_all(Network::PerPeer { address: Ipv4Addr::LOCALHOST.into() });
}

/// Stands between a peer and the server, and loses every `n`th large datagram in both directions.
struct Relay {
    address: SocketAddr,
    lost: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Relay {
    fn new(server: SocketAddr, n: u64) -> Relay {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            Arc::new(socket)
        };
        let (near, far) = (socket(), socket());
        let address = near.local_addr().unwrap();
        let (lost, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let peer = Arc::new(std::sync::Mutex::new(None));
        let mut threads = Vec::new();
        for outwards in [true, false] {
            let (near, far, lost, stop, peer) =
                (near.clone(), far.clone(), lost.clone(), stop.clone(), peer.clone());
            threads.push(std::thread::spawn(move || {
                let mut buffer = [0; 2000];
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    let from = if outwards { &near } else { &far };
                    let Ok((len, sender)) = from.recv_from(&mut buffer) else { continue };
                    // Media only: DTLS repeats itself, but slowly.
                    let media = buffer[0] & 0xc0 == 0x80 && len > 300;
                    count += u64::from(media);
                    if media && count % n == 0 {
                        lost.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    if outwards {
                        *peer.lock().unwrap() = Some(sender);
                        far.send_to(&buffer[..len], server).unwrap();
                    } else if let Some(peer) = *peer.lock().unwrap() {
                        near.send_to(&buffer[..len], peer).unwrap();
                    }
                }
            }));
        }
        Relay { address, lost, stop, threads }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

#[test]
fn what_is_lost_on_the_way_to_a_subscriber_is_asked_for_and_comes() {
    let mut meeting = Meeting::new(Network::LOOPBACK);
    let relay = Relay::new(meeting.server, 37);
    let publisher = meeting.join(meeting.server);
    let subscriber = meeting.join(relay.address);
    meeting.publish(publisher, Pacing::Burst);
    meeting.subscribe(subscriber);
    meeting.first_media(subscriber);
    std::thread::sleep(Duration::from_secs(4));
    let tally = meeting.generator.tally();
    let lost = relay.lost.load(Ordering::Relaxed);
    assert!(lost >= 10, "{lost} lost");
    assert!(tally.nacks_sent >= lost / 2, "{} asked for", tally.nacks_sent);
    // The last ones may still be on their way.
    assert!(tally.recovered + 3 >= lost, "{} of {lost} recovered", tally.recovered);
    assert_eq!((tally.lost_by_sequence, tally.lost_by_probe), (0, 0));
}

#[test]
fn what_is_lost_on_the_way_from_a_publisher_is_sent_again() {
    let mut meeting = Meeting::new(Network::LOOPBACK);
    let relay = Relay::new(meeting.server, 41);
    let publisher = meeting.join(relay.address);
    let subscriber = meeting.join(meeting.server);
    meeting.publish(publisher, Pacing::Burst);
    meeting.subscribe(subscriber);
    meeting.first_media(subscriber);
    std::thread::sleep(Duration::from_secs(4));
    let tally = meeting.generator.tally();
    let lost = relay.lost.load(Ordering::Relaxed);
    assert!(lost >= 10, "{lost} lost");
    assert!(tally.nacks_received >= lost / 2, "{} asked for, {lost} lost", tally.nacks_received);
    assert_eq!((tally.lost_by_sequence, tally.lost_by_probe), (0, 0));
    assert!(tally.frames_broken == 0 && tally.frames_complete > 80);
}

#[test]
fn a_message_goes_from_one_data_channel_to_another() {
    let mut meeting = Meeting::new(Network::LOOPBACK);
    let (one, other) = (meeting.join(meeting.server), meeting.join(meeting.server));
    for index in [one, other] {
        meeting.handles[index].open_channel("_reliable", true, None);
        meeting.handles[index].open_channel("_lossy", false, Some(0));
        meeting.wait(index, |notice| matches!(notice, Notice::ChannelOpen { label } if label == "_lossy"));
    }
    let user = UserPacket { payload: vec![7; 10_000], ..Default::default() };
    let packet = DataPacket { value: Some(Value::User(user)), ..Default::default() };
    meeting.handles[one].send("_reliable", Bytes::from(packet.encode_to_vec()));
    meeting.wait(one, |notice| matches!(notice, Notice::Drained { label } if label == "_reliable"));
    let notice = meeting.wait(other, |notice| matches!(notice, Notice::Message { .. }));
    let Notice::Message { label, bytes } = notice else { unreachable!() };
    assert_eq!(label, "_reliable");
    let packet = DataPacket::decode(bytes).unwrap();
    assert_eq!(packet.participant_identity, "client-1");
    assert!(matches!(packet.value, Some(Value::User(user)) if user.payload == [7; 10_000]));
}

/// Sends so many messages of 15,000 bytes through the server, and returns the seconds until the last one came.
fn send_file(meeting: &mut Meeting, messages: u32) -> f64 {
    let (one, other) = (meeting.join(meeting.server), meeting.join(meeting.server));
    for index in [one, other] {
        meeting.handles[index].open_channel("_reliable", true, None);
        meeting.wait(index, |notice| matches!(notice, Notice::ChannelOpen { .. }));
    }
    let start = Instant::now();
    let mut received = 0;
    for first in (0..messages).step_by(64) {
        for number in first..messages.min(first + 64) {
            let mut payload = vec![0; 15_000];
            payload[..4].copy_from_slice(&number.to_be_bytes());
            let user = UserPacket { payload, ..Default::default() };
            let packet = DataPacket { value: Some(Value::User(user)), ..Default::default() };
            meeting.handles[one].send("_reliable", Bytes::from(packet.encode_to_vec()));
        }
        meeting.wait(one, |notice| matches!(notice, Notice::Drained { .. }));
    }
    while received < messages {
        let notice = meeting.wait(other, |notice| matches!(notice, Notice::Message { .. }));
        let Notice::Message { bytes, .. } = notice else { unreachable!() };
        let Some(Value::User(user)) = DataPacket::decode(bytes).unwrap().value else { panic!("not ours") };
        assert_eq!(user.payload[..4], received.to_be_bytes());
        received += 1;
    }
    start.elapsed().as_secs_f64()
}

#[test]
fn a_file_arrives_whole_and_in_order() {
    let mut meeting = Meeting::new(Network::LOOPBACK);
    let seconds = send_file(&mut meeting, 500);
    assert!(seconds < 20.0, "7.5 MB took {seconds:.1} s");
}

/// `cargo test --release -p chevet-bench file_is_fast -- --ignored --nocapture`
#[test]
#[ignore = "measures; wants a release build and a quiet machine"]
fn a_file_is_fast() {
    let mut meeting = Meeting::new(Network::LOOPBACK);
    let seconds = send_file(&mut meeting, 3400);
    let cpu = meeting.generator.tally().cpu_seconds;
    println!("51 MB in {seconds:.2} s, {:.1} MB/s, generator's CPU {cpu:.2} s", 51.0 / seconds);
    assert!(seconds < 60.0);
}

#[test]
fn a_peer_that_is_dropped_says_goodbye() {
    let mut meeting = Meeting::new(Network::LOOPBACK);
    meeting.join(meeting.server);
    while meeting._events.try_recv().is_ok() {}
    meeting.handles.clear();
    let failed = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        std::iter::from_fn(|| meeting._events.try_recv().ok())
            .any(|event| matches!(event, Event::TransportFailed { .. }))
    });
    assert!(failed, "within a second, long before consent ends");
}

#[test]
fn another_certificate_than_described_ends_the_peer() {
    let mut meeting = Meeting::new(Network::LOOPBACK);
    let index = meeting.begin(meeting.server, DtlsRole::Client, Fingerprint([1; 32]));
    meeting.wait(index, |notice| matches!(notice, Notice::Failed(why) if why.contains("certificate")));
}

#[test]
fn a_server_that_begins_the_handshake_is_answered() {
    let mut meeting = Meeting::new(Network::LOOPBACK);
    let index = meeting.begin(meeting.server, DtlsRole::Server, meeting.sfu.fingerprint());
    meeting.wait(index, |notice| matches!(notice, Notice::Connected));
    meeting.handles[index].open_channel("_reliable", true, None);
    meeting.wait(index, |notice| matches!(notice, Notice::ChannelOpen { .. }));
}

#[test]
fn noise_is_counted_and_harms_nothing() {
    let mut meeting = Meeting::new(Network::LOOPBACK);
    let index = meeting.join(meeting.server);
    let at = meeting.handles[index].local_addr();
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut sent = 0;
    for first in [0x00, 0x01, 0x16, 0x17, 0x80, 0x90, 0xff] {
        for len in [1, 2, 12, 20, 60, 1400] {
            let mut noise = vec![first; len];
            if let Some(cookie) = noise.get_mut(4..8) {
                cookie.copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
            }
            stranger.send_to(&noise, at).unwrap();
            sent += 1;
        }
    }
    meeting.publish(index, Pacing::Paced);
    std::thread::sleep(Duration::from_millis(300));
    let tally = meeting.generator.tally();
    // DTLS judges its records itself.
    assert!((sent / 2..=sent).contains(&tally.unexpected), "{} of {sent}", tally.unexpected);
    assert!(tally.sent > 50, "{} sent", tally.sent);
}

#[test]
fn two_peers_with_static_keys_exchange_media() {
    for profile in [SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80] {
        let generator = Generator::start(Options { threads: 2, network: Network::LOOPBACK }).unwrap();
        let (sender, receiver) = (generator.open(), generator.open());
        let keys = StaticKeys::generate(profile);
        let remote = |to: &Handle, role| Remote {
            ice: to.local().ice.clone(),
            fingerprint: to.local().fingerprint,
            role,
            candidates: vec![to.local_addr()],
            data: false,
            media: media(),
            keys: Some(keys.clone()),
        };
        receiver.connect(remote(&sender, DtlsRole::Server));
        sender.connect(remote(&receiver, DtlsRole::Client));
        sender.publish(audio());
        sender.publish(video());
        std::thread::sleep(Duration::from_millis(500));
        generator.tally();
        std::thread::sleep(Duration::from_secs(4));
        assert_all_arrived(&generator.tally(), 1);
    }
}

fn measure(pacing: Pacing, subscribers: usize) {
    let mut meeting = Meeting::new(Network::LOOPBACK);
    let publisher = meeting.join(meeting.server);
    meeting.publish(publisher, pacing);
    for _ in 0..subscribers {
        let subscriber = meeting.join(meeting.server);
        meeting.subscribe(subscriber);
    }
    std::thread::sleep(Duration::from_secs(3));
    meeting.generator.tally();
    let before = meeting.sfu.load()[0].clone();
    std::thread::sleep(Duration::from_secs(8));
    let tally = meeting.generator.tally();
    let after = meeting.sfu.load()[0].clone();
    let per_packet = tally.cpu_seconds * 1e6 / tally.received as f64;
    let server = (after.cpu_seconds - before.cpu_seconds) * 1e6
        / (after.io.udp_datagrams_out - before.io.udp_datagrams_out) as f64;
    let us = |histogram: &hdrhistogram::Histogram<u64>, at| histogram.value_at_quantile(at) / 1000;
    println!(
        "{pacing:?}: {:.0} packets/s; generator {per_packet:.3} us per packet, {:.3} per datagram, busy {:.0} %; \
         server {server:.2} us per packet; lost {} + {}, drops {}; latency p50 {} p99 {} us, lateness p50 {} p99 {} us",
        tally.received as f64 / tally.seconds,
        tally.cpu_seconds * 1e6 / tally.datagrams as f64,
        tally.busiest_thread * 100.0,
        tally.lost_by_sequence,
        tally.lost_by_probe,
        tally.kernel_drops,
        us(&tally.latency, 0.5),
        us(&tally.latency, 0.99),
        us(&tally.lateness, 0.5),
        us(&tally.lateness, 0.99),
    );
    assert!(per_packet < server, "the generator costs more than what it loads");
}

/// `cargo test --release -p chevet-bench costs_less -- --ignored --nocapture`
#[test]
#[ignore = "measures; wants a release build and a quiet machine"]
fn a_generator_costs_less_than_the_server_it_loads() {
    measure(Pacing::Burst, 200);
    measure(Pacing::Paced, 200);
}
