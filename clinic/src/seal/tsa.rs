//! Time stamps by RFC 3161: the question, and what is believed of an answer.

use std::path::Path;
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use super::cms;
use super::der::{self, GENERALIZED_TIME, INTEGER, OCTETS, Reader, SEQUENCE, context, oid};
use super::key::SealKeyError;
use crate::client::HttpClient;

/// The time that a token tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub at: Timestamp,
    /// By a service that one of our authorities vouches for; without authorities nobody is.
    pub trusted: bool,
}

/// A token and the time in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// ContentInfo in DER.
    pub token: Vec<u8>,
    pub told: Told,
}

/// Whose time stamp services are trusted.
#[derive(Clone, Debug, Default)]
pub struct Authorities(Vec<TrustAnchor<'static>>);

impl Authorities {
    /// The certificates of a file, as PEM.
    pub fn read(path: &Path) -> Result<Authorities, SealKeyError> {
        let bad = || SealKeyError::Authorities { path: path.to_owned() };
        let mut anchors = Vec::new();
        for certificate in CertificateDer::pem_file_iter(path).map_err(|_| bad())? {
            let certificate = certificate.map_err(|_| bad())?;
            anchors.push(webpki::anchor_from_trusted_cert(&certificate).map_err(|_| bad())?.to_owned());
        }
        if anchors.is_empty() { Err(bad()) } else { Ok(Authorities(anchors)) }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Did one of them, by itself or through what came along, make this certificate for a time stamp service?
    fn vouch(&self, certificate: &[u8], along: &[&[u8]], at: Timestamp) -> bool {
        let certificate = CertificateDer::from(certificate);
        let Ok(service) = EndEntityCert::try_from(&certificate) else { return false };
        let along: Vec<CertificateDer<'_>> = along.iter().map(|one| CertificateDer::from(*one)).collect();
        let seconds = u64::try_from(at.as_second()).unwrap_or_default();
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        // Asked of every certificate of the path; that the first is for time stamps is known.
        let usage = KeyUsage::required_if_present(TIME_STAMPING);
        let path =
            service.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &self.0, &along, time, usage, None, None);
        path.is_ok()
    }
}

/// id-kp-timeStamping.
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];

/// A certificate for time stamps and for nothing else (RFC 3161, 2.3), that was valid then.
fn may_stamp(certificate: &[u8], at: Timestamp) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return false };
    let Ok(then) = ASN1Time::from_timestamp(at.as_second()) else { return false };
    let Ok(Some(purposes)) = parsed.extended_key_usage() else { return false };
    let purposes = purposes.value;
    let others = purposes.any
        || purposes.server_auth
        || purposes.client_auth
        || purposes.code_signing
        || purposes.email_protection
        || purposes.ocsp_signing
        || !purposes.other.is_empty();
    purposes.time_stamping && !others && parsed.validity().is_valid_at(then)
}

/// Why there is no time stamp. The words are stable and hold nothing of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoStamp {
    #[error("unreachable")]
    Unreachable,
    #[error("refused")]
    Refused,
    /// Not about this document, or signed wrongly.
    #[error("bad-answer")]
    BadAnswer,
    /// No authority that is configured vouches for it.
    #[error("not-trusted")]
    NotTrusted,
}

/// Asks the service at `url` for the time of `signature`. Where authorities are configured, one of them has to vouch for it.
pub async fn ask(
    client: &HttpClient,
    url: &str,
    signature: &[u8],
    authorities: &Authorities,
) -> Result<Stamp, NoStamp> {
    let nonce: [u8; 8] = rand::random();
    let imprint = digest::digest(&digest::SHA256, signature);
    let question = der::list(
        SEQUENCE,
        &[
            &der::unsigned(&[1]),
            &der::list(SEQUENCE, &[&der::algorithm(oid::SHA256), &der::value(OCTETS, imprint.as_ref())]),
            &der::unsigned(&nonce),
            // The certificate comes along.
            &der::value(0x01, &[0xff]),
        ],
    );
    let request = http::Request::post(url)
        .header(CONTENT_TYPE, "application/timestamp-query")
        .header(ACCEPT, "application/timestamp-reply")
        .body(Bytes::from(question))
        .map_err(|_| NoStamp::Unreachable)?;
    let answer = client.send(request).await.map_err(|_| NoStamp::Unreachable)?;
    if !answer.status.is_success() {
        return Err(NoStamp::Refused);
    }
    let mut reply = Reader::new(&answer.body).enter(SEQUENCE).ok_or(NoStamp::BadAnswer)?;
    let status = reply.enter(SEQUENCE).and_then(|mut status| status.take(INTEGER));
    // Granted, or granted with changes.
    if !matches!(status.ok_or(NoStamp::BadAnswer)?.content, [0 | 1]) {
        return Err(NoStamp::Refused);
    }
    let token = reply.take(SEQUENCE).ok_or(NoStamp::BadAnswer)?.whole;
    let (told, echoed) = read(token, signature, authorities).ok_or(NoStamp::BadAnswer)?;
    if echoed.as_deref() != Some(der::unsigned(&nonce).as_slice()) {
        return Err(NoStamp::BadAnswer);
    }
    if !authorities.is_empty() && !told.trusted {
        return Err(NoStamp::NotTrusted);
    }
    Ok(Stamp { token: token.to_vec(), told })
}

/// The time of a token that is over `signature` and rightly signed by a certificate for time stamps.
pub fn check(token: &[u8], signature: &[u8], authorities: &Authorities) -> Option<Told> {
    read(token, signature, authorities).map(|(told, _)| told)
}

/// Time and nonce (with its tag).
fn read(token: &[u8], signature: &[u8], authorities: &Authorities) -> Option<(Told, Option<Vec<u8>>)> {
    let signed = cms::check(token).filter(|signed| signed.content_type == oid::TST_INFO)?;
    let content = signed.content?;
    let hash = digest::digest(signed.digest_algorithm, content);
    (hash.as_ref() == signed.message_digest).then_some(())?;
    let mut info = Reader::new(content).enter(SEQUENCE)?;
    info.take(INTEGER)?;
    info.take(der::OID)?;
    let mut imprint = info.enter(SEQUENCE)?;
    imprint.enter(SEQUENCE)?.take(der::OID).filter(|id| id.content == oid::SHA256)?;
    let expected = digest::digest(&digest::SHA256, signature);
    imprint.take(OCTETS).filter(|found| found.content == expected.as_ref())?;
    info.take(INTEGER)?;
    let at = time(info.take(GENERALIZED_TIME)?.content)?;
    // Accuracy, ordering.
    let _ = (info.take(SEQUENCE), info.take(0x01));
    let nonce = info.take(INTEGER).map(|nonce| nonce.whole.to_vec());
    let _ = info.take(context(0));
    may_stamp(signed.certificate, at).then_some(())?;
    let trusted = authorities.vouch(signed.certificate, &signed.certificates, at);
    Some((Told { at, trusted }, nonce))
}

/// `YYYYMMDDhhmmss[.f]Z`
fn time(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    fraction.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    let civil = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", whole).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()
}
