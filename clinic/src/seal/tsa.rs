//! Time stamps by RFC 3161: the question, and what is believed of an answer.

use aws_lc_rs::digest;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use jiff::Timestamp;

use super::cms;
use super::der::{self, GENERALIZED_TIME, INTEGER, OCTETS, Reader, SEQUENCE, context, oid};
use crate::client::HttpClient;

/// A token and the time in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// ContentInfo in DER.
    pub token: Vec<u8>,
    pub at: Timestamp,
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
}

/// Asks the service at `url` for the time of `signature`.
pub async fn ask(client: &HttpClient, url: &str, signature: &[u8]) -> Result<Stamp, NoStamp> {
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
    let (at, echoed) = read(token, signature).ok_or(NoStamp::BadAnswer)?;
    if echoed.as_deref() != Some(der::unsigned(&nonce).as_slice()) {
        return Err(NoStamp::BadAnswer);
    }
    Ok(Stamp { token: token.to_vec(), at })
}

/// The time of a token that is over `signature` and signed by the certificate in it. Who that is, is not judged here.
pub fn check(token: &[u8], signature: &[u8]) -> Option<Timestamp> {
    read(token, signature).map(|(at, _)| at)
}

/// Time and nonce (with its tag).
fn read(token: &[u8], signature: &[u8]) -> Option<(Timestamp, Option<Vec<u8>>)> {
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
    Some((at, nonce))
}

/// `YYYYMMDDhhmmss[.f]Z`
fn time(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    fraction.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    let civil = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", whole).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()
}
