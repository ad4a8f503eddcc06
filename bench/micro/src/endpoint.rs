//! A client's end of a peer connection, as far as the engine must be convinced that there is one: one ICE check, the
//! DTLS handshake, SRTP out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chevet_sfu_core::api::{DtlsRole, Fingerprint, IceCredentials, Path};
use chevet_sfu_core::engine::{Datagram, Engine, Outbound, Transmit};
use chevet_sfu_core::transport::srtp::{self, SrtpOut, SrtpProfile};
use chevet_sfu_core::wire::stun;
use dimpl::{Dtls, Output};

use crate::media::Packet;

/// Where the engine sends to: kept while a handshake runs, only counted while instructions are.
pub struct Wire {
    pub keep: bool,
    /// The time of all that is sent: reading the clock is not the engine's work.
    pub now: Instant,
    pub kept: Vec<(SocketAddr, Vec<u8>)>,
}

impl Wire {
    pub fn new(now: Instant) -> Wire {
        Wire { keep: false, now, kept: Vec::new() }
    }
}

impl Transmit for Wire {
    fn send(&mut self, outbound: &Outbound) -> Instant {
        if !self.keep {
            return self.now;
        }
        for run in outbound.runs() {
            let datagrams = outbound.bytes_of(run).chunks(run.segment.max(1));
            self.kept.extend(datagrams.map(|datagram| (run.path.remote, datagram.to_vec())));
        }
        self.now
    }
}

/// What all endpoints share.
pub struct Identity {
    certificate: dimpl::DtlsCertificate,
    config: Arc<dimpl::Config>,
    pub fingerprint: Fingerprint,
}

impl Identity {
    pub fn new() -> anyhow::Result<Identity> {
        let certificate = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|error| anyhow::anyhow!("no certificate: {error}"))?;
        let config = dimpl::Config::builder()
            .mtu(1200)
            .handshake_timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| anyhow::anyhow!("no DTLS configuration: {error}"))?;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &certificate.certificate);
        let fingerprint = Fingerprint(digest.as_ref().try_into()?);
        Ok(Identity { certificate, config: Arc::new(config), fingerprint })
    }
}

pub struct Endpoint {
    pub path: Path,
    pub profile: SrtpProfile,
    srtp: SrtpOut,
}

impl Endpoint {
    /// Connects to a transport that knows these credentials already. Other endpoints must be silent meanwhile.
    ///
    /// # Panics
    /// When the engine does not answer as it must.
    pub fn connect(
        engine: &mut Engine,
        now: Instant,
        path: Path,
        identity: &Identity,
        local_ufrag: &str,
        remote: &IceCredentials,
    ) -> Endpoint {
        let mut wire = Wire { keep: true, ..Wire::new(now) };
        let username = format!("{}:{local_ufrag}", remote.ufrag);
        // PRIORITY, ICE-CONTROLLING, USE-CANDIDATE (RFC 8445 16.1).
        let attributes: [(u16, &[u8]); 3] =
            [(0x0024, &[0x6e, 0x7f, 0x1e, 0xff]), (0x802a, &[7; 8]), (0x0025, &[])];
        let mut check = stun::write_request([9; 12], &username, &remote.pwd, &attributes);
        engine.on_datagrams(now, std::iter::once(Datagram { path, bytes: &mut check }), &mut wire);
        assert!(!wire.kept.is_empty(), "the check was not answered");
        wire.kept.clear();

        let mut dtls = Dtls::new_12(identity.config.clone(), identity.certificate.clone(), now);
        dtls.set_active(true);
        dtls.handle_timeout(now).expect("a first flight");
        let mut buffer = vec![0; 64 * 1024];
        let mut keys = None;
        for _ in 0..20 {
            let mut flight = Vec::new();
            loop {
                match dtls.poll_output(&mut buffer) {
                    Output::Packet(datagram) => flight.push(datagram.to_vec()),
                    Output::KeyingMaterial(material, profile) => {
                        let profile = SrtpProfile::try_from(profile).expect("a profile we know");
                        let (_, srtp) =
                            srtp::contexts(profile, &material, DtlsRole::Client).expect("keys that fit");
                        keys = Some((profile, srtp));
                    }
                    Output::Timeout(_) => break,
                    _ => {}
                }
            }
            if flight.is_empty()
                && let Some((profile, srtp)) = keys.take()
            {
                return Endpoint { path, profile, srtp };
            }
            let datagrams = flight.iter_mut().map(|bytes| Datagram { path, bytes });
            engine.on_datagrams(now, datagrams, &mut wire);
            for (_, datagram) in wire.kept.drain(..) {
                dtls.handle_packet(&datagram).expect("a record of the handshake");
            }
        }
        panic!("the handshake does not end");
    }

    pub fn seal(&self, packet: Packet) -> Vec<u8> {
        let Packet { mut bytes, header_len, ssrc, sequence } = packet;
        let len = bytes.len();
        bytes.resize(len + self.srtp.overhead(), 0);
        self.srtp.seal_rtp_in_place(&mut bytes, header_len, len, ssrc, sequence).expect("room for the tag");
        bytes
    }

    pub fn seal_compound(&mut self, mut compound: Vec<u8>) -> Vec<u8> {
        self.srtp.seal_rtcp(&mut compound, 0).expect("a compound");
        compound
    }
}
