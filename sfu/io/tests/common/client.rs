//! The endpoint itself.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chevet_sfu_core::api::{DtlsRole, Fingerprint, IceCredentials, MediaSettings};
use chevet_sfu_core::stream::twcc::ArrivalRecorder;
use chevet_sfu_core::transport::srtp::{self, SrtpIn, SrtpOut, SrtpProfile};
use chevet_sfu_core::wire::rtcp::{self, ReportBlock, Rtcp};
use chevet_sfu_core::wire::rtp::{ExtensionMap, OutHeader, RtpHeader, padding_len, write_header};
use chevet_sfu_core::wire::sequence::SequenceExtender;
use chevet_sfu_io::sim::{Peer, Port, Random};
use dimpl::{Dtls, Output};

use super::media::Source;
use super::stun;

const CHECK_INTERVAL: Duration = Duration::from_millis(50);
const CONSENT_INTERVAL: Duration = Duration::from_millis(2500);
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Each missing packet is asked for this often, as often.
const NACK_INTERVAL: Duration = Duration::from_millis(40);
const NACKS_MAX: u32 = 6;
const RECEIVER_SSRC: u32 = 1;

/// What all clients of a test may share.
pub struct Identity {
    certificate: dimpl::DtlsCertificate,
    config: Arc<dimpl::Config>,
    pub fingerprint: Fingerprint,
}

impl Identity {
    pub fn new() -> Arc<Identity> {
        let certificate = dimpl::certificate::generate_self_signed_certificate().unwrap();
        let config = dimpl::Config::builder()
            .mtu(1200)
            .flight_start_rto(Duration::from_millis(250))
            .flight_retries(16)
            .handshake_timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &certificate.certificate);
        let fingerprint = Fingerprint(digest.as_ref().try_into().unwrap());
        Arc::new(Identity { certificate, config: Arc::new(config), fingerprint })
    }
}

/// What arrived of one SSRC.
#[derive(Default)]
pub struct Received {
    pub packets: u64,
    pub payload_bytes: u64,
    pub key_frames: u64,
    pub recovered: u64,
    extender: SequenceExtender,
    lowest: Option<u64>,
    missing: BTreeMap<u64, (Instant, u32)>,
}

impl Received {
    /// Packets that never came, not counting those before the first.
    pub fn lost(&self) -> u64 {
        match (self.lowest, self.extender.highest()) {
            (Some(lowest), Some(highest)) => (highest - lowest + 1).saturating_sub(self.packets),
            _ => 0,
        }
    }
}

pub struct Client {
    identity: Arc<Identity>,
    local: IceCredentials,
    remote: IceCredentials,
    server: SocketAddr,
    random: Random,
    transactions: Vec<[u8; 12]>,
    next_check: Instant,
    pub checked: bool,
    dtls: Option<Dtls>,
    dtls_deadline: Option<Instant>,
    buffer: Vec<u8>,
    profile: Option<SrtpProfile>,
    keys: Option<(SrtpIn, SrtpOut)>,
    extensions: ExtensionMap,
    rtcp_next: Instant,
    /// Retransmission payload types, to SSRCs of what they repeat.
    pub rtx: HashMap<u32, u32>,
    pub received: HashMap<u32, Received>,
    arrivals: Option<ArrivalRecorder>,
    nacks: bool,
    /// What this client publishes.
    pub sources: Vec<Source>,
    pub key_frame_requests: u64,
    /// The server ended the DTLS association.
    pub closed_by_peer: bool,
    out: Vec<Vec<u8>>,
}

impl Client {
    pub fn new(
        now: Instant,
        seed: u64,
        identity: &Arc<Identity>,
        server: SocketAddr,
        remote: IceCredentials,
        media: &MediaSettings,
    ) -> Client {
        let mut random = Random::new(seed);
        let local = IceCredentials {
            ufrag: format!("{:08x}", random.bits() as u32),
            pwd: format!("{:016x}{:016x}", random.bits(), random.bits()),
        };
        Client {
            identity: Arc::clone(identity),
            local,
            remote,
            server,
            random,
            transactions: Vec::new(),
            next_check: now,
            checked: false,
            dtls: None,
            dtls_deadline: None,
            buffer: vec![0; 64 * 1024],
            profile: None,
            keys: None,
            extensions: ExtensionMap::new(media),
            rtcp_next: now + REPORT_INTERVAL,
            rtx: HashMap::new(),
            received: HashMap::new(),
            arrivals: None,
            nacks: true,
            sources: Vec::new(),
            key_frame_requests: 0,
            closed_by_peer: false,
            out: Vec::new(),
        }
    }

    pub fn ice(&self) -> IceCredentials {
        self.local.clone()
    }

    pub fn server(&self) -> SocketAddr {
        self.server
    }

    pub fn fingerprint(&self) -> Fingerprint {
        self.identity.fingerprint
    }

    pub fn is_connected(&self) -> bool {
        self.keys.is_some()
    }

    pub fn profile(&self) -> Option<SrtpProfile> {
        self.profile
    }

    /// Answers transport-wide sequence numbers with feedback.
    pub fn report_arrivals(&mut self, now: Instant) {
        self.arrivals = Some(ArrivalRecorder::new(now));
    }

    /// Datagrams to send since the last call.
    pub fn take_out(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.out)
    }

    pub fn handle(&mut self, now: Instant, bytes: &mut [u8]) {
        match bytes.first() {
            Some(0..=3) => self.on_stun(now, bytes),
            Some(20..=63) => {
                if let Some(dtls) = &mut self.dtls {
                    dtls.handle_timeout(now).unwrap();
                    dtls.handle_packet(bytes).unwrap();
                }
                self.drain_dtls();
            }
            Some(128..=191) if bytes.get(1).is_some_and(|second| (192..=223).contains(second)) => {
                self.on_rtcp(now, bytes);
            }
            Some(128..=191) => self.on_rtp(now, bytes),
            _ => {}
        }
    }

    fn on_stun(&mut self, now: Instant, bytes: &[u8]) {
        let Some(transaction) = stun::success_of(bytes) else { return };
        if !self.transactions.contains(&transaction) {
            return;
        }
        self.transactions.clear();
        self.next_check = now + CONSENT_INTERVAL;
        if !self.checked {
            self.checked = true;
            let identity = &self.identity;
            let mut dtls = Dtls::new_12(identity.config.clone(), identity.certificate.clone(), now);
            dtls.set_active(true);
            dtls.handle_timeout(now).unwrap();
            self.dtls = Some(dtls);
            self.drain_dtls();
        }
    }

    fn drain_dtls(&mut self) {
        let Some(dtls) = &mut self.dtls else { return };
        loop {
            match dtls.poll_output(&mut self.buffer) {
                Output::Packet(datagram) => self.out.push(datagram.to_vec()),
                Output::Timeout(deadline) => {
                    self.dtls_deadline = Some(deadline);
                    break;
                }
                Output::KeyingMaterial(material, profile) => {
                    let profile = match profile {
                        dimpl::SrtpProfile::AEAD_AES_256_GCM => SrtpProfile::AeadAes256Gcm,
                        dimpl::SrtpProfile::AEAD_AES_128_GCM => SrtpProfile::AeadAes128Gcm,
                        _ => SrtpProfile::Aes128CmSha1_80,
                    };
                    self.profile = Some(profile);
                    self.keys = Some(srtp::contexts(profile, &material, DtlsRole::Client).unwrap());
                }
                Output::CloseNotify => self.closed_by_peer = true,
                _ => {}
            }
        }
        if self.keys.is_some() && self.buffer.len() > 4096 {
            self.buffer = vec![0; 4096];
        }
    }

    fn on_rtp(&mut self, now: Instant, bytes: &mut [u8]) {
        let Some((keys, _)) = &mut self.keys else { return };
        let header = RtpHeader::parse(bytes, &self.extensions).expect("a well-formed packet");
        let (_, len) = keys.open_rtp(bytes, &header).expect("an authentic packet");
        if let (Some(arrivals), Some(sequence)) = (&mut self.arrivals, header.extensions.transport_cc) {
            arrivals.on_packet(now, sequence);
        }
        let packet = &bytes[..len];
        let padding = padding_len(packet, &header).expect("good padding");
        let payload = &packet[header.header_len..len - padding];
        if let Some(media) = self.rtx.get(&header.ssrc) {
            // RFC 4588 4: the original sequence number is in front.
            let Some((original, _)) = payload.split_first_chunk() else { return };
            let received = self.received.entry(*media).or_default();
            let sequence = received.extender.peek(u16::from_be_bytes(*original));
            if received.missing.remove(&sequence).is_some() {
                received.packets += 1;
                received.recovered += 1;
            }
            return;
        }
        if payload.is_empty() {
            return;
        }
        let received = self.received.entry(header.ssrc).or_default();
        let before = received.extender.highest();
        let sequence = received.extender.extend(header.sequence_number);
        received.lowest.get_or_insert(sequence);
        received.packets += 1;
        received.payload_bytes += payload.len() as u64;
        received.key_frames += u64::from(super::media::is_vp8_key_frame(payload));
        if !received.missing.is_empty() {
            received.missing.remove(&sequence);
        }
        if let Some(before) = before
            && self.nacks
        {
            for missing in before + 1..sequence {
                received.missing.insert(missing, (now, 0));
            }
        }
    }

    fn on_rtcp(&mut self, now: Instant, bytes: &mut [u8]) {
        let Some((keys, _)) = &mut self.keys else { return };
        let len = keys.open_rtcp(bytes).expect("an authentic compound");
        let mut nacks = Vec::new();
        for packet in rtcp::packets(&bytes[..len]) {
            match packet {
                Rtcp::Pli { media, .. } => {
                    self.key_frame_requests += 1;
                    for source in self.sources.iter_mut().filter(|source| source.ssrc == media) {
                        source.request_key_frame(now);
                    }
                }
                Rtcp::Nack { media, items, .. } => nacks.extend(items.map(|sequence| (media, sequence))),
                _ => {}
            }
        }
        for (media, sequence) in nacks {
            let Some(source) = self.sources.iter_mut().find(|source| source.ssrc == media) else { continue };
            if let Some((packet, header_len, ssrc, extended)) = source.repeat(sequence) {
                self.seal(packet, header_len, ssrc, extended);
            }
        }
    }

    fn seal(&mut self, mut packet: Vec<u8>, header_len: usize, ssrc: u32, extended_sequence: u64) {
        let Some((_, keys)) = &mut self.keys else { return };
        let len = packet.len();
        packet.resize(len + keys.overhead(), 0);
        let sealed = keys.seal_rtp_in_place(&mut packet, header_len, len, ssrc, extended_sequence).unwrap();
        packet.truncate(sealed);
        self.out.push(packet);
    }

    /// Sends one packet with a header of its own.
    pub fn send_rtp(&mut self, header: &OutHeader, extended: u64, elements: &[(u8, &[u8])], payload: &[u8]) {
        let mut packet = vec![0; 100];
        let header_len = write_header(&mut packet, header, elements).unwrap();
        packet.truncate(header_len);
        packet.extend_from_slice(payload);
        self.seal(packet, header_len, header.ssrc, extended);
    }

    pub fn send_rtcp(&mut self, mut compound: Vec<u8>) {
        if let Some((_, keys)) = &mut self.keys {
            keys.seal_rtcp(&mut compound, 0).unwrap();
            self.out.push(compound);
        }
    }

    pub fn request_key_frame(&mut self, ssrc: u32) {
        let mut compound = Vec::new();
        rtcp::write_receiver_report(&mut compound, RECEIVER_SSRC, &[]);
        rtcp::write_pli(&mut compound, RECEIVER_SSRC, ssrc);
        self.send_rtcp(compound);
    }

    pub fn deadline(&self) -> Option<Instant> {
        let mut next = self.next_check;
        for deadline in [self.dtls_deadline, self.arrivals.as_ref().and_then(ArrivalRecorder::next_deadline)]
        {
            next = deadline.map_or(next, |deadline| deadline.min(next));
        }
        if self.is_connected() {
            next = next.min(self.rtcp_next);
            for source in &self.sources {
                next = next.min(source.next());
            }
            for received in self.received.values() {
                for (asked, _) in received.missing.values() {
                    next = next.min(*asked);
                }
            }
        }
        Some(next)
    }

    pub fn tick(&mut self, now: Instant) {
        if now >= self.next_check {
            self.check(now);
        }
        if self.dtls_deadline.is_some_and(|deadline| deadline <= now) {
            self.dtls_deadline = None;
            if let Some(dtls) = &mut self.dtls {
                dtls.handle_timeout(now).unwrap();
            }
            self.drain_dtls();
        }
        if !self.is_connected() {
            return;
        }
        let mut sources = std::mem::take(&mut self.sources);
        for source in &mut sources {
            while source.next() <= now {
                if let Some((packet, header_len, ssrc, extended)) = source.packet(now) {
                    self.seal(packet, header_len, ssrc, extended);
                }
            }
        }
        self.sources = sources;
        let mut feedback = Vec::new();
        if let Some(arrivals) = &mut self.arrivals
            && arrivals.next_deadline().is_some_and(|deadline| deadline <= now)
        {
            arrivals.feedback(now, RECEIVER_SSRC, 0, &mut feedback);
        }
        if !feedback.is_empty() {
            self.send_rtcp(feedback);
        }
        self.ask_again(now);
        if now >= self.rtcp_next {
            self.rtcp_next = now + REPORT_INTERVAL;
            self.report(now);
        }
    }

    fn ask_again(&mut self, now: Instant) {
        let mut compounds = Vec::new();
        for (ssrc, received) in &mut self.received {
            let mut due = Vec::new();
            received.missing.retain(|_, (_, asked)| *asked < NACKS_MAX);
            for (sequence, (at, asked)) in &mut received.missing {
                if *at <= now {
                    *at = now + NACK_INTERVAL;
                    *asked += 1;
                    due.push(*sequence as u16);
                }
            }
            if !due.is_empty() {
                let mut compound = Vec::new();
                rtcp::write_receiver_report(&mut compound, RECEIVER_SSRC, &[]);
                rtcp::write_nack(&mut compound, RECEIVER_SSRC, *ssrc, &due);
                compounds.push(compound);
            }
        }
        for compound in compounds {
            self.send_rtcp(compound);
        }
    }

    fn report(&mut self, now: Instant) {
        let mut compound = Vec::new();
        for source in &self.sources {
            source.sender_report(now, &mut compound);
        }
        let blocks: Vec<ReportBlock> = self
            .received
            .iter()
            .map(|(ssrc, received)| ReportBlock {
                ssrc: *ssrc,
                highest_sequence: received.extender.highest().unwrap_or(0) as u32,
                ..ReportBlock::default()
            })
            .collect();
        for blocks in blocks.chunks(31) {
            rtcp::write_receiver_report(&mut compound, RECEIVER_SSRC, blocks);
        }
        if !compound.is_empty() {
            rtcp::write_sdes_cname(&mut compound, RECEIVER_SSRC, "client");
            self.send_rtcp(compound);
        }
    }

    fn check(&mut self, now: Instant) {
        let mut transaction = [0; 12];
        for byte in &mut transaction {
            *byte = self.random.bits() as u8;
        }
        self.transactions.push(transaction);
        let username = format!("{}:{}", self.remote.ufrag, self.local.ufrag);
        self.out.push(stun::binding_request(transaction, &username, &self.remote.pwd));
        self.next_check = now + if self.checked { CONSENT_INTERVAL } else { CHECK_INTERVAL };
    }
}

impl Peer for Client {
    fn on_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8], port: &mut Port<'_>) {
        assert_eq!(from, self.server);
        self.handle(now, bytes);
        for datagram in self.take_out() {
            port.send_to(self.server, &datagram);
        }
    }

    fn on_deadline(&mut self, now: Instant, port: &mut Port<'_>) {
        self.tick(now);
        for datagram in self.take_out() {
            port.send_to(self.server, &datagram);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.deadline()
    }
}
