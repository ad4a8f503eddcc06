//! A floor server started by the bench, and those who join it.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, bail};
use chevet_sfu_core::api::{Codec, DtlsRole, Fingerprint, IceCredentials, MediaSettings, PayloadType, Token};
use chevet_sfu_core::transport::srtp::SrtpProfile;

use super::{Keys, Member, Mode, Order};
use crate::generator::{Generator, Handle};
use crate::media::{Pacing, StreamSpec};
use crate::peer::{Media, Notice, Remote, StaticKeys};
use crate::signal::{Publication, publications};
use crate::target::{self, JoinSpec, Orders, Session, Teller, TrackSpec};

const OPUS: u8 = 111;
const VP8: u8 = 96;
const H264: u8 = 102;

/// Its process, which ends when this is dropped.
pub struct FloorServer {
    child: Mutex<Child>,
    pid: u32,
    orders: Arc<Mutex<ChildStdin>>,
    address: SocketAddr,
    members: AtomicU64,
}

impl FloorServer {
    /// This program once more.
    pub fn start(mode: Mode, address: IpAddr) -> anyhow::Result<FloorServer> {
        let word = match mode {
            Mode::One => "one",
            Mode::Gso => "gso",
        };
        let mut child = Command::new(std::env::current_exe()?)
            .args(["floor-server", "--mode", word, "--address", &address.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the floor cannot be started")?;
        let orders = child.stdin.take().context("no pipe to the floor")?;
        let mut said = String::new();
        BufReader::new(child.stdout.take().context("no pipe from the floor")?).read_line(&mut said)?;
        let address =
            said.trim().parse().with_context(|| format!("the floor says {said:?} instead of its address"))?;
        Ok(FloorServer {
            pid: child.id(),
            child: Mutex::new(child),
            orders: Arc::new(Mutex::new(orders)),
            address,
            members: AtomicU64::new(0),
        })
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn alive(&self) -> anyhow::Result<()> {
        match self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the floor has ended ({status})"),
        }
    }

    /// There is nothing to wait for: keys and addresses are told.
    pub fn join(&self, generator: &Generator, spec: &JoinSpec) -> anyhow::Result<Session> {
        let begun = Instant::now();
        let handle = generator.open();
        let id = self.members.fetch_add(1, Ordering::Relaxed);
        let keys = StaticKeys::generate(SrtpProfile::AeadAes128Gcm);
        let (from, to) = split(&keys.material).context("keying material of a wrong length")?;
        let member = Member {
            id,
            room: spec.room.clone(),
            addr: handle.local_addr(),
            subscribes: spec.subscribe,
            from,
            to,
        };
        tell(&self.orders, &Order::Add(member))?;
        handle.connect(Remote {
            // Unused with static keys.
            ice: IceCredentials { ufrag: String::new(), pwd: String::new() },
            fingerprint: Fingerprint([0; 32]),
            role: DtlsRole::Client,
            candidates: vec![self.address],
            data: false,
            media: media(),
            keys: Some(keys),
        });
        for publication in publications(&spec.publish) {
            handle.publish(stream(&publication)?);
        }
        let orders = Arc::clone(&self.orders);
        Ok(Session::spawn(begun, |teller, leave| attend(teller, leave, handle, orders, id)))
    }
}

impl Drop for FloorServer {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Until it leaves.
async fn attend(
    teller: Teller,
    mut leave: Orders,
    mut handle: Handle,
    orders: Arc<Mutex<ChildStdin>>,
    id: u64,
) {
    teller.signalled();
    teller.ice();
    teller.dtls();
    loop {
        tokio::select! {
            notice = handle.notice() => match notice {
                Some(Notice::FirstMedia) => teller.first_media(),
                Some(Notice::Failed(why)) => teller.ended(&why),
                Some(_) => {}
                None => return teller.ended("the generator has ended"),
            },
            order = leave.recv() => match order {
                Some(target::Order::Send(..) | target::Order::ReadSlowly(_)) => {}
                Some(target::Order::Leave) | None => break,
            },
        }
    }
    // Fails when the floor has gone before.
    let _ = tell(&orders, &Order::Remove(id));
}

fn tell(orders: &Mutex<ChildStdin>, order: &Order) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    orders
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .write_all(&line)
        .context("the floor does not listen")
}

/// The client's and the server's keys out of what the DTLS exporter would give (RFC 5764 4.2).
fn split(material: &[u8]) -> Option<(Keys, Keys)> {
    let (client_key, rest) = material.split_first_chunk::<16>()?;
    let (server_key, rest) = rest.split_first_chunk::<16>()?;
    let (client_salt, rest) = rest.split_first_chunk::<12>()?;
    let (server_salt, _) = rest.split_first_chunk::<12>()?;
    let keys = |key: &[u8; 16], salt: &[u8; 12]| Keys { key: *key, salt: *salt };
    Some((keys(client_key, client_salt), keys(server_key, server_salt)))
}

/// No retransmissions, no feedback, no header extensions.
fn media() -> Media {
    let payload = |pt, codec| PayloadType { pt, codec, rtx: None };
    Media {
        settings: MediaSettings {
            payloads: vec![payload(OPUS, Codec::Opus), payload(VP8, Codec::Vp8), payload(H264, Codec::H264)],
            ..MediaSettings::default()
        },
        ..Media::default()
    }
}

fn stream(publication: &Publication) -> anyhow::Result<StreamSpec> {
    let payload_type = match publication.codec {
        Codec::Opus => OPUS,
        Codec::H264 => H264,
        _ => VP8,
    };
    let (pacing, frames_per_second, speech) = match publication.spec {
        TrackSpec::Audio { speech, .. } => (Pacing::Burst, 50.0, speech),
        TrackSpec::Video { pacing, frames_per_second, .. } => (pacing, frames_per_second, 1.0),
    };
    Ok(StreamSpec {
        source: publication.source,
        mid: Token::new(publication.source.to_string().as_bytes()).context("no mid")?,
        codec: publication.codec,
        payload_type,
        rtx_payload_type: None,
        encodings: publication.encodings.clone(),
        pacing,
        frames_per_second,
        speech,
    })
}

#[cfg(test)]
mod tests {
    use chevet_sfu_core::transport::srtp::contexts;
    use chevet_sfu_core::wire::rtp::{ExtensionMap, RtpHeader};

    use super::*;

    #[test]
    fn the_floor_has_the_keys_that_the_peer_derives() {
        let keys = StaticKeys::generate(SrtpProfile::AeadAes128Gcm);
        let (from, to) = split(&keys.material).unwrap();
        let (mut peer_in, peer_out) = contexts(keys.profile, &keys.material, DtlsRole::Client).unwrap();
        let mut floor_in =
            chevet_sfu_core::transport::srtp::SrtpIn::new(keys.profile, &from.key, &from.salt).unwrap();
        let floor_out =
            chevet_sfu_core::transport::srtp::SrtpOut::new(keys.profile, &to.key, &to.salt).unwrap();
        let map = ExtensionMap::new(&MediaSettings::default());
        let mut packet = [0; 100];
        packet[..12].copy_from_slice(&[0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]);
        let header = RtpHeader::parse(&packet[..60], &map).unwrap();
        let len = peer_out.seal_rtp_in_place(&mut packet, 12, 60, 3, 1).unwrap();
        assert_eq!(floor_in.open_rtp(&mut packet[..len], &header), Ok((1, 60)));
        let len = floor_out.seal_rtp_in_place(&mut packet, 12, 60, 3, 1).unwrap();
        assert_eq!(peer_in.open_rtp(&mut packet[..len], &header), Ok((1, 60)));
    }
}
