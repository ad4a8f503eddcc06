//! A room in memory: an engine, one publisher and its subscribers, all connected by real handshakes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chevet_sfu_core::api::*;
use chevet_sfu_core::engine::{CompanySettings, Counters, Datagram, Engine, EngineConfig};
use chevet_sfu_core::transport::Certificate;
use chevet_sfu_core::transport::srtp::SrtpProfile;
use chevet_sfu_core::wire::rtcp::{self, ReportBlock};

use crate::endpoint::{Endpoint, Identity, Wire};
use crate::measure::counted_region;
use crate::media::{AUDIO_SSRC, Negotiated, Packet, Source, VIDEO_SSRC, mid};

const ROOM: RoomId = RoomId(1);
const PUBLISHER: u64 = 1;
const FRAME_INTERVAL: Duration = Duration::from_nanos(33_333_333);
/// The SSRCs by which every subscriber gets audio, video and the repetitions of video.
const SUBSCRIBED: [u32; 3] = [0x2000_0000, 0x2000_0001, 0x2000_0002];

pub struct Rig {
    engine: Engine,
    now: Instant,
    wire: Wire,
    source: Source,
    publisher: Endpoint,
    subscribers: Vec<Endpoint>,
}

impl Rig {
    /// Connects everybody and lets media flow until the room is warm: rings have their size, subscribers have reported
    /// (packets do not carry their mid any more).
    pub fn new(subscribers: u64, negotiated: Negotiated) -> anyhow::Result<Rig> {
        let identity = Identity::new()?;
        // A base to count from: nothing depends on what it is.
        let now = Instant::now();
        let certificate = Arc::new(Certificate::generate()?);
        // Nothing waits: what is counted is the batch that came.
        let company = CompanySettings { hold_max: Duration::ZERO, ..CompanySettings::default() };
        let config = EngineConfig { certificate, seed: 1, ntp_epoch: 3_900_000_000 << 32, company };
        let mut engine = Engine::new(config, now);
        let mut wire = Wire::new(now);
        engine.on_command(now, Command::OpenRoom { room: ROOM }, &mut wire);
        let publisher = join(&mut engine, now, PUBLISHER, &identity, negotiated)?;
        for command in publish(negotiated) {
            engine.on_command(now, command, &mut wire);
        }
        let endpoints = (PUBLISHER + 1..=PUBLISHER + subscribers)
            .map(|number| join(&mut engine, now, number, &identity, negotiated))
            .collect::<anyhow::Result<Vec<Endpoint>>>()?;
        for number in PUBLISHER + 1..=PUBLISHER + subscribers {
            for command in subscribe(number, negotiated) {
                engine.on_command(now, command, &mut wire);
            }
        }
        let source = Source::new(negotiated);
        let mut rig = Rig { engine, now, wire, source, publisher, subscribers: endpoints };
        rig.warm_up();
        Ok(rig)
    }

    fn warm_up(&mut self) {
        for frame in 0..90 {
            self.frame_and_sound();
            self.advance();
            if frame % 30 == 15 {
                for index in 0..self.subscribers.len() {
                    let report = Rig::receiver_report();
                    self.receive(index, report);
                }
            }
        }
        let before = *self.counters();
        self.frame_and_sound();
        let forwarded = self.counters().media_forwarded - before.media_forwarded;
        assert_eq!(forwarded, 7 * self.subscribers.len() as u64, "not all is forwarded to all");
    }

    pub fn profile(&self) -> SrtpProfile {
        self.publisher.profile
    }

    /// Everything that arrived and went no further.
    pub fn drops(&self) -> u64 {
        self.engine.counters().drops.each().map(|(_, count)| count).sum()
    }

    pub fn counters(&self) -> &Counters {
        self.engine.counters()
    }

    fn frame_and_sound(&mut self) {
        let mut packets = self.source.frame();
        packets.push(self.source.sound());
        self.publish(packets);
    }

    /// One batch, not counted.
    fn publish(&mut self, packets: Vec<Packet>) {
        let mut batch: Vec<Vec<u8>> = packets.into_iter().map(|packet| self.publisher.seal(packet)).collect();
        let path = self.publisher.path;
        let datagrams = batch.iter_mut().map(|bytes| Datagram { path, bytes });
        self.engine.on_datagrams(self.now, datagrams, &mut self.wire);
    }

    /// One batch, counted.
    fn publish_counted(&mut self, packets: Vec<Packet>) {
        let mut batch: Vec<Vec<u8>> = packets.into_iter().map(|packet| self.publisher.seal(packet)).collect();
        let path = self.publisher.path;
        let Rig { engine, now, wire, .. } = self;
        counted_region(&mut || {
            let datagrams = batch.iter_mut().map(|bytes| Datagram { path, bytes });
            engine.on_datagrams(*now, datagrams, wire);
        });
    }

    /// A frame as a burst.
    pub fn burst(&mut self) {
        let frame = self.source.frame();
        self.publish_counted(frame);
        self.advance();
    }

    /// A frame as a browser's pacer sends it: each packet is a batch of its own.
    pub fn spaced(&mut self) {
        for packet in self.source.frame() {
            self.publish_counted(vec![packet]);
            self.now += Duration::from_millis(2);
        }
        self.advance();
    }

    pub fn audio(&mut self) {
        let packet = self.source.sound();
        self.publish_counted(vec![packet]);
        self.advance();
    }

    /// A frame, of which every subscriber says that one packet did not come.
    pub fn nacked(&mut self) {
        self.wire.keep = true;
        let frame = self.source.frame();
        self.publish(frame);
        self.wire.keep = false;
        let sent = std::mem::take(&mut self.wire.kept);
        self.now += Duration::from_millis(5);
        for index in 0..self.subscribers.len() {
            let path = self.subscribers[index].path;
            let sequence = (sent.iter())
                .filter(|(remote, _)| *remote == path.remote)
                .filter(|(_, datagram)| datagram.get(8..12) == Some(&SUBSCRIBED[1].to_be_bytes()))
                .filter_map(|(_, datagram)| Some(u16::from_be_bytes([*datagram.get(2)?, *datagram.get(3)?])))
                .nth(2)
                .expect("six packets of a frame");
            let mut compound = Vec::new();
            rtcp::write_receiver_report(&mut compound, 1, &[]);
            rtcp::write_nack(&mut compound, 1, SUBSCRIBED[1], &[sequence]);
            self.receive_counted(index, compound);
        }
        self.advance();
    }

    /// Every subscriber tells when the packets of the last 100 ms arrived, about 25 of them.
    pub fn transport_feedback(&mut self, round: u32) {
        for index in 0..self.subscribers.len() {
            let mut compound = Vec::new();
            let deltas: Vec<Option<i16>> = (0..25).map(|number| (number % 13 != 12).then_some(4)).collect();
            rtcp::write_transport_cc(
                &mut compound,
                (1, SUBSCRIBED[1]),
                (round * 25) as u16,
                round,
                round as u8,
                &deltas,
            );
            self.receive_counted(index, compound);
        }
        self.frame_and_sound();
        self.advance();
    }

    /// Every subscriber reports on its two streams.
    pub fn receiver_reports(&mut self) {
        for index in 0..self.subscribers.len() {
            let report = Rig::receiver_report();
            self.receive_counted(index, report);
        }
        self.frame_and_sound();
        self.advance();
    }

    /// A second of the room's own timers: reports, policies, transport deadlines. Media flows meanwhile, not counted.
    pub fn second(&mut self) {
        for _ in 0..30 {
            self.frame_and_sound();
            let end = self.now + FRAME_INTERVAL;
            while let Some(at) = self.engine.next_deadline().filter(|at| *at <= end) {
                self.now = self.now.max(at);
                let Rig { engine, now, wire, .. } = self;
                counted_region(&mut || engine.on_deadline(*now, wire));
            }
            self.now = end;
            while self.engine.poll_event().is_some() {}
        }
    }

    fn receiver_report() -> Vec<u8> {
        let mut compound = Vec::new();
        let block = |ssrc| ReportBlock { ssrc, highest_sequence: 1000, jitter: 5, ..ReportBlock::default() };
        rtcp::write_receiver_report(&mut compound, 1, &[block(SUBSCRIBED[0]), block(SUBSCRIBED[1])]);
        compound
    }

    fn receive(&mut self, subscriber: usize, compound: Vec<u8>) {
        let endpoint = &mut self.subscribers[subscriber];
        let mut bytes = endpoint.seal_compound(compound);
        let datagram = Datagram { path: endpoint.path, bytes: &mut bytes };
        self.engine.on_datagrams(self.now, std::iter::once(datagram), &mut self.wire);
    }

    fn receive_counted(&mut self, subscriber: usize, compound: Vec<u8>) {
        let Rig { engine, now, wire, subscribers, .. } = self;
        let endpoint = &mut subscribers[subscriber];
        let mut bytes = endpoint.seal_compound(compound);
        let path = endpoint.path;
        counted_region(&mut || {
            engine.on_datagrams(*now, std::iter::once(Datagram { path, bytes: &mut bytes }), wire);
        });
    }

    /// To the next frame; the engine does what falls due, not counted.
    fn advance(&mut self) {
        let end = self.now + FRAME_INTERVAL;
        while let Some(at) = self.engine.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.engine.on_deadline(self.now, &mut self.wire);
        }
        self.now = end;
        self.wire.now = end;
        while self.engine.poll_event().is_some() {}
    }
}

fn join(
    engine: &mut Engine,
    now: Instant,
    number: u64,
    identity: &Identity,
    negotiated: Negotiated,
) -> anyhow::Result<Endpoint> {
    let (member, transport) = (MemberId(number), TransportId(number));
    let name: Arc<str> = format!("client-{number}").into();
    let permissions = MemberPermissions { can_publish_data: true, hidden: false };
    let config = MemberConfig { room: ROOM, identity: name.clone(), sid: name, permissions };
    let ice = IceCredentials { ufrag: format!("server{number:04}"), pwd: format!("{number:024}") };
    let local = IceCredentials { ufrag: format!("client{number:04}"), pwd: format!("{number:032}") };
    let commands = [
        Command::AddMember { member, config },
        Command::OpenTransport {
            transport,
            config: TransportConfig {
                member,
                ice: ice.clone(),
                data: DataChannels::Accept,
                data_downstream: true,
            },
        },
        Command::SetMedia { transport, media: negotiated.settings() },
        Command::SetRemote {
            transport,
            ice: local.clone(),
            fingerprint: identity.fingerprint,
            role: DtlsRole::Server,
        },
    ];
    for command in commands {
        engine.on_command(now, command, &mut Wire::new(now));
    }
    let port = 10_000 + u16::try_from(number)?;
    let path = Path { remote: ([10, 0, 0, 1], port).into(), tcp: 0 };
    let endpoint = Endpoint::connect(engine, now, path, identity, &local.ufrag, &ice);
    let connected = std::iter::from_fn(|| engine.poll_event())
        .any(|event| matches!(event, Event::TransportConnected { transport: id, .. } if id == transport));
    anyhow::ensure!(connected, "client {number} is not connected");
    Ok(endpoint)
}

fn publish(negotiated: Negotiated) -> [Command; 2] {
    let rtx = (negotiated == Negotiated::Everything).then_some(VIDEO_SSRC + 1);
    let track = |name, codec, ssrc, rtx_ssrc, height| TrackConfig {
        member: MemberId(PUBLISHER),
        transport: TransportId(PUBLISHER),
        mid: mid(name),
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
    [
        Command::Publish { track: TrackId(1), config: track("0", Codec::Opus, AUDIO_SSRC, None, 0) },
        Command::Publish { track: TrackId(2), config: track("1", Codec::Vp8, VIDEO_SSRC, rtx, 720) },
    ]
}

fn subscribe(number: u64, negotiated: Negotiated) -> [Command; 2] {
    let [audio, video, rtx] = SUBSCRIBED;
    let one = |track: u64, name, ssrc, rtx_ssrc, codec| Command::Subscribe {
        subscription: SubscriptionId(number * 2 + track),
        config: subscription(negotiated, number, track, name, ssrc, rtx_ssrc, codec),
    };
    let rtx = (negotiated == Negotiated::Everything).then_some(rtx);
    [one(1, "a", audio, None, Codec::Opus), one(2, "v", video, rtx, Codec::Vp8)]
}

fn subscription(
    negotiated: Negotiated,
    transport: u64,
    track: u64,
    name: &str,
    ssrc: u32,
    rtx_ssrc: Option<u32>,
    codec: Codec,
) -> SubscriptionConfig {
    SubscriptionConfig {
        transport: TransportId(transport),
        track: TrackId(track),
        mid: mid(name),
        ssrc,
        rtx_ssrc,
        payloads: negotiated
            .settings()
            .payloads
            .into_iter()
            .filter(|payload| payload.codec == codec)
            .collect(),
    }
}

/// What a video subscription of the rig is made from, for the stages that drive one without an engine.
pub fn video_subscription(number: u64) -> SubscriptionConfig {
    let [_, video, rtx] = SUBSCRIBED;
    subscription(Negotiated::Everything, number, 2, "v", video, Some(rtx), Codec::Vp8)
}
