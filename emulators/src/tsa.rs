//! A time stamp service by RFC 3161 whose certificate a test authority issues. It stamps SHA-256 and nothing else.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber, SigningKey,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const AUTHORITY: &str = "Chevet test authority of time";
const SERIAL: u8 = 7;
const DAY: Duration = Duration::from_secs(24 * 3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const CONTENT_TYPE_ATTRIBUTE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const SIGNING_CERTIFICATE_V2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 1.2.3.4.1: of no real service.
const POLICY: &[u8] = &[0x2a, 0x03, 0x04, 0x01];

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// The service, running. Dropping it stops it.
#[derive(Debug)]
pub struct TimeStamps {
    address: SocketAddr,
    authority_pem: String,
    task: JoinHandle<()>,
}

/// What is wrong with the service's certificate or with its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The certificate says nothing of what it is for.
    NoPurpose,
    /// It is for servers.
    ServerPurpose,
    /// It is for time stamps and for servers.
    TwoPurposes,
    /// It was good until yesterday.
    Expired,
    /// A stamp for somebody else's question.
    Nonce,
    NoNonce,
    /// A stamp of another document.
    Imprint,
    /// Signed with another key.
    Signature,
    /// What was signed says another time.
    Changed,
    /// The service says no.
    Rejection,
    /// It is out of order.
    Down,
    /// What it answers is no stamp.
    Garbage,
}

struct Service {
    key: KeyPair,
    certificate: Vec<u8>,
    count: AtomicU64,
    flaw: Option<Flaw>,
}

impl TimeStamps {
    /// Starts it on a port that the system picks.
    pub async fn start() -> std::io::Result<TimeStamps> {
        TimeStamps::run(None).await
    }

    /// As `start`, with something that is wrong.
    pub async fn start_with(flaw: Flaw) -> std::io::Result<TimeStamps> {
        TimeStamps::run(Some(flaw)).await
    }

    async fn run(flaw: Option<Flaw>) -> std::io::Result<TimeStamps> {
        let (service, authority_pem) = make(flaw).map_err(std::io::Error::other)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new().route("/tsa", post(stamp)).with_state(Arc::new(service));
        let task = tokio::spawn(async move {
            // Ends with the task only.
            let _ = axum::serve(listener, router).await;
        });
        Ok(TimeStamps { address, authority_pem, task })
    }

    pub fn url(&self) -> String {
        format!("http://{}/tsa", self.address)
    }

    /// The certificate to trust.
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }
}

impl Drop for TimeStamps {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = SystemTime::now();
    params.not_before = (now - YEAR).into();
    params.not_after = (now + YEAR).into();
    params
}

fn make(flaw: Option<Flaw>) -> Result<(Service, String), rcgen::Error> {
    let mut above = params(AUTHORITY);
    above.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    above.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let above_key = KeyPair::generate()?;
    let authority_pem = above.self_signed(&above_key)?.pem();
    let mut own = params("Chevet test time");
    own.serial_number = Some(SerialNumber::from(vec![SERIAL]));
    own.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    own.extended_key_usages = match flaw {
        Some(Flaw::NoPurpose) => Vec::new(),
        Some(Flaw::ServerPurpose) => vec![ExtendedKeyUsagePurpose::ServerAuth],
        Some(Flaw::TwoPurposes) => {
            vec![ExtendedKeyUsagePurpose::TimeStamping, ExtendedKeyUsagePurpose::ServerAuth]
        }
        _ => vec![ExtendedKeyUsagePurpose::TimeStamping],
    };
    if flaw == Some(Flaw::Expired) {
        own.not_after = (SystemTime::now() - DAY).into();
    }
    own.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = own.signed_by(&key, &Issuer::new(above, above_key))?.der().to_vec();
    let key = if flaw == Some(Flaw::Signature) { KeyPair::generate()? } else { key };
    Ok((Service { key, certificate, count: AtomicU64::new(1), flaw }, authority_pem))
}

/// One value in DER.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        short @ 0..=0x7f => out.push(short as u8),
        long @ 0x80..=0xff => out.extend([0x81, long as u8]),
        // No token is longer than 64 KiB.
        long => out.extend([0x82, (long >> 8) as u8, long as u8]),
    }
    out.extend_from_slice(content);
    out
}

fn list(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    value(tag, &parts.concat())
}

fn attribute(id: &[u8], content: &[u8]) -> Vec<u8> {
    list(SEQUENCE, &[&value(OID, id), &value(SET, content)])
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

/// The next value of this tag: its content, with tag and length, and what follows.
fn read(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    // Questions are short.
    if found != tag || length > 0x7f {
        return None;
    }
    let (content, rest) = rest.split_at_checked(usize::from(length))?;
    Some((content, bytes.get(..bytes.len() - rest.len())?, rest))
}

/// The imprint as it came, and the nonce with its tag.
fn question(bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (inner, _, rest) = read(bytes, SEQUENCE)?;
    if !rest.is_empty() {
        return None;
    }
    let (_, _, rest) = read(inner, INTEGER)?;
    let (imprint, whole, rest) = read(rest, SEQUENCE)?;
    let (algorithm, _, hash) = read(imprint, SEQUENCE)?;
    let known = read(algorithm, OID)?.0 == SHA256 && read(hash, OCTETS)?.0.len() == 32;
    let nonce = read(rest, INTEGER).map(|(_, nonce, _)| nonce.to_vec()).unwrap_or_default();
    known.then(|| (whole.to_vec(), nonce))
}

async fn stamp(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    if headers.get(CONTENT_TYPE).is_none_or(|kind| kind != "application/timestamp-query") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let asked = question(&body).filter(|_| service.flaw != Some(Flaw::Rejection));
    let reply = match asked.and_then(|(imprint, nonce)| token(&service, imprint, nonce)) {
        _ if service.flaw == Some(Flaw::Down) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ if service.flaw == Some(Flaw::Garbage) => b"0\x03\x02\x01\x00 no stamp".to_vec(),
        Some(token) => list(SEQUENCE, &[&value(SEQUENCE, &value(INTEGER, &[0])), &token]),
        // Rejected.
        None => value(SEQUENCE, &value(SEQUENCE, &value(INTEGER, &[2]))),
    };
    ([(CONTENT_TYPE, "application/timestamp-reply")], reply).into_response()
}

/// `YYYYMMDDhhmmssZ` of now, by the calendar of Gregory (days to date after H. Hinnant).
fn now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, time) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day + 2) / 153;
    let date = day - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year:04}{month:02}{date:02}{:02}{:02}{:02}Z", time / 3600, time / 60 % 60, time % 60)
}

/// The same but for the last byte.
fn other(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes
}

fn token(service: &Service, imprint: Vec<u8>, nonce: Vec<u8>) -> Option<Vec<u8>> {
    let (imprint, nonce) = match service.flaw {
        Some(Flaw::Imprint) => (other(imprint), nonce),
        Some(Flaw::Nonce) => (imprint, other(nonce)),
        Some(Flaw::NoNonce) => (imprint, Vec::new()),
        _ => (imprint, nonce),
    };
    let algorithm = value(SEQUENCE, &value(OID, SHA256));
    let number = (service.count.fetch_add(1, Ordering::Relaxed) & 0x7fff_ffff) as u32;
    let mut serial = vec![0];
    serial.extend(number.to_be_bytes().into_iter().skip_while(|byte| *byte == 0));
    if serial.get(1).is_some_and(|first| first & 0x80 == 0) {
        serial.remove(0);
    }
    let told = |at: &str| {
        let version = value(INTEGER, &[1]);
        let (policy, serial) = (value(OID, POLICY), value(INTEGER, &serial));
        list(SEQUENCE, &[&version, &policy, &imprint, &serial, &value(0x18, at.as_bytes()), &nonce])
    };
    let info = told(&now());
    let shown = if service.flaw == Some(Flaw::Changed) { told("20200101000000Z") } else { info.clone() };
    let certificate_id = value(SEQUENCE, &value(OCTETS, &sha256(&service.certificate)));
    let mut attributes = [
        attribute(CONTENT_TYPE_ATTRIBUTE, &value(OID, TST_INFO)),
        attribute(MESSAGE_DIGEST, &value(OCTETS, &sha256(&info))),
        attribute(SIGNING_CERTIFICATE_V2, &value(SEQUENCE, &value(SEQUENCE, &certificate_id))),
    ];
    attributes.sort();
    let attributes = attributes.concat();
    let signature = service.key.sign(&value(SET, &attributes)).ok()?;
    let name = list(SEQUENCE, &[&value(OID, COMMON_NAME), &value(0x0c, AUTHORITY.as_bytes())]);
    let issuer = value(SEQUENCE, &value(SET, &name));
    let signer = list(
        SEQUENCE,
        &[
            &value(INTEGER, &[1]),
            &list(SEQUENCE, &[&issuer, &value(INTEGER, &[SERIAL])]),
            &algorithm,
            &value(0xa0, &attributes),
            &value(SEQUENCE, &value(OID, ECDSA_SHA256)),
            &value(OCTETS, &signature),
        ],
    );
    let data = list(
        SEQUENCE,
        &[
            &value(INTEGER, &[3]),
            &value(SET, &algorithm),
            &list(SEQUENCE, &[&value(OID, TST_INFO), &value(0xa0, &value(OCTETS, &shown))]),
            &value(0xa0, &service.certificate),
            &value(SET, &signer),
        ],
    );
    Some(list(SEQUENCE, &[&value(OID, SIGNED_DATA), &value(0xa0, &data)]))
}
