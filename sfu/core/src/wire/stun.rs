//! STUN binding requests of ICE (RFC 8489, RFC 8445 7.3), on the codec of `rtc-stun`.
//!
//! Off the hot path: a peer sends a few a second. What a request says can only be read after its MESSAGE-INTEGRITY was
//! verified, and only attributes that it covers are taken (RFC 8489 14.5).

use std::net::SocketAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use rtc_stun::attributes::{
    ATTR_ERROR_CODE, ATTR_FINGERPRINT, ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_MESSAGE_INTEGRITY,
    ATTR_PRIORITY, ATTR_UNKNOWN_ATTRIBUTES, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType,
};
use rtc_stun::fingerprint::{FINGERPRINT, fingerprint_value};
use rtc_stun::message::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, MAGIC_COOKIE, Message, MessageType, Setter,
    TransactionId,
};
use rtc_stun::xoraddr::XorMappedAddress;

use crate::wire::read::{array_at, u16_at, u32_at, u64_at};

const HEADER: usize = 20;
const ATTRIBUTE_HEADER: usize = 4;
/// MESSAGE-INTEGRITY: an attribute header and an HMAC-SHA1.
const INTEGRITY: usize = ATTRIBUTE_HEADER + 20;
/// draft-thatcher-ice-renomination-01, as libwebrtc numbers it.
const ATTR_NOMINATION: AttrType = AttrType(0xc001);
/// Longest request that is looked at, bytes. User names go up to 513.
const MAX_REQUEST: usize = 1200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StunError {
    #[error("not a STUN message")]
    Malformed,
    #[error("a response or an indication")]
    NotRequest,
    #[error("the fingerprint does not fit")]
    Fingerprint,
    #[error("no user name, priority or message integrity")]
    Incomplete,
    #[error("the message integrity does not fit the password")]
    Integrity,
}

/// Error codes of RFC 8489 14.8 and RFC 8445 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    BadRequest,
    Unauthenticated,
    UnknownAttribute,
    RoleConflict,
}

impl ErrorCode {
    fn number(self) -> u16 {
        match self {
            ErrorCode::BadRequest => 400,
            ErrorCode::Unauthenticated => 401,
            ErrorCode::UnknownAttribute => 420,
            ErrorCode::RoleConflict => 487,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            ErrorCode::BadRequest => "Bad Request",
            ErrorCode::Unauthenticated => "Unauthenticated",
            ErrorCode::UnknownAttribute => "Unknown Attribute",
            ErrorCode::RoleConflict => "Role Conflict",
        }
    }
}

/// The header is that of a STUN message and fits the datagram (RFC 8489 5).
pub fn is_stun(datagram: &[u8]) -> bool {
    let length = u16_at(datagram, 2).map(usize::from);
    datagram.first().is_some_and(|first| first & 0xc0 == 0)
        && u32_at(datagram, 4) == Some(MAGIC_COOKIE)
        && length.is_some_and(|length| length % 4 == 0 && length.checked_add(HEADER) == Some(datagram.len()))
}

/// Our part of the user name, not authenticated: only to find out which transport is meant.
pub fn peek_local_ufrag(datagram: &[u8]) -> Option<&str> {
    peek_username(datagram)?.split(':').next()
}

/// The user name, not authenticated.
pub fn peek_username(datagram: &[u8]) -> Option<&str> {
    if !is_stun(datagram) {
        return None;
    }
    let mut at = HEADER;
    loop {
        let (kind, len) = (u16_at(datagram, at)?, usize::from(u16_at(datagram, at + 2)?));
        at += ATTRIBUTE_HEADER;
        if kind == ATTR_USERNAME.0 {
            return std::str::from_utf8(datagram.get(at..at + len)?).ok();
        }
        at += len.next_multiple_of(4);
    }
}

/// The role that the sender of a request believes to have, with its tie-breaker (RFC 8445 7.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceRole {
    Controlling(u64),
    Controlled(u64),
}

/// A binding request whose sender is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingRequest {
    pub transaction_id: [u8; 12],
    pub priority: Option<u32>,
    pub use_candidate: bool,
    /// Of several nominations the one with the highest number holds.
    pub nomination: Option<u32>,
    pub role: Option<IceRole>,
    /// The first attribute that we would have to understand and do not.
    pub unknown_required: Option<u16>,
}

/// A binding request of whose sender nothing is known yet.
#[derive(Debug)]
pub struct Unverified<'a> {
    bytes: &'a [u8],
    username: &'a str,
    /// Of the MESSAGE-INTEGRITY attribute.
    integrity_at: usize,
    integrity: [u8; 20],
    request: BindingRequest,
}

impl<'a> Unverified<'a> {
    /// Reads a binding request and checks its FINGERPRINT, if it has one.
    pub fn parse(datagram: &'a [u8]) -> Result<Unverified<'a>, StunError> {
        if !is_stun(datagram) || datagram.len() > MAX_REQUEST {
            return Err(StunError::Malformed);
        }
        let mut message = Message::new();
        message.unmarshal_binary(datagram).map_err(|_| StunError::Malformed)?;
        if message.typ != BINDING_REQUEST {
            return Err(StunError::NotRequest);
        }
        let mut request = BindingRequest {
            transaction_id: message.transaction_id.0,
            priority: None,
            use_candidate: false,
            nomination: None,
            role: None,
            unknown_required: None,
        };
        let mut integrity = None;
        let mut at = HEADER;
        for attribute in &message.attributes.0 {
            let value = attribute.value.as_slice();
            match attribute.typ {
                ATTR_FINGERPRINT => {
                    let covered = datagram.get(..at).ok_or(StunError::Malformed)?;
                    let last = at + ATTRIBUTE_HEADER + 4 == datagram.len();
                    if !last || u32_at(value, 0) != Some(fingerprint_value(covered)) {
                        return Err(StunError::Fingerprint);
                    }
                }
                // Whatever else follows MESSAGE-INTEGRITY could have been added by anybody.
                _ if integrity.is_some() => {}
                ATTR_MESSAGE_INTEGRITY => {
                    let value = <[u8; 20]>::try_from(value).map_err(|_| StunError::Incomplete)?;
                    integrity = Some((at, value));
                }
                ATTR_PRIORITY => request.priority = u32_at(value, 0),
                ATTR_USE_CANDIDATE => request.use_candidate = true,
                ATTR_NOMINATION => request.nomination = u32_at(value, 0),
                ATTR_ICE_CONTROLLING => request.role = u64_at(value, 0).map(IceRole::Controlling),
                ATTR_ICE_CONTROLLED => request.role = u64_at(value, 0).map(IceRole::Controlled),
                ATTR_USERNAME => {}
                unknown if unknown.required() && request.unknown_required.is_none() => {
                    request.unknown_required = Some(unknown.0);
                }
                _ => {}
            }
            at += ATTRIBUTE_HEADER + usize::from(attribute.length).next_multiple_of(4);
        }
        let (integrity_at, integrity) = integrity.ok_or(StunError::Incomplete)?;
        // Covered by the integrity as well: nothing between the header and it is skipped over.
        let username = peek_username(datagram).ok_or(StunError::Incomplete)?;
        if username.as_ptr() as usize >= datagram.as_ptr() as usize + integrity_at {
            return Err(StunError::Incomplete);
        }
        Ok(Unverified { bytes: datagram, username, integrity_at, integrity, request })
    }

    /// Our user name fragment, then the sender's (RFC 8445 7.2.2).
    pub fn username(&self) -> Option<(&'a str, &'a str)> {
        self.username.split_once(':')
    }

    /// To answer with an error.
    pub fn transaction_id(&self) -> [u8; 12] {
        self.request.transaction_id
    }

    /// Checks the MESSAGE-INTEGRITY with our password.
    pub fn verify(self, pwd: &str) -> Result<BindingRequest, StunError> {
        let covered = self.bytes.get(..self.integrity_at).ok_or(StunError::Integrity)?;
        let tag = integrity(covered, pwd).ok_or(StunError::Integrity)?;
        verify_slices_are_equal(tag.as_ref(), &self.integrity).map_err(|_| StunError::Integrity)?;
        Ok(self.request)
    }
}

/// HMAC-SHA1 over a message so far, whose length is counted as if it ended behind the MESSAGE-INTEGRITY (RFC 8489 14.5).
fn integrity(message: &[u8], pwd: &str) -> Option<hmac::Tag> {
    let length = u16::try_from(message.len().checked_sub(HEADER)? + INTEGRITY).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, pwd.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(&array_at::<2>(message, 0)?);
    context.update(&length.to_be_bytes());
    context.update(message.get(4..)?);
    Some(context.sign())
}

fn begin(kind: MessageType, transaction_id: [u8; 12]) -> Message {
    let mut message = Message::new();
    message.typ = kind;
    message.transaction_id = TransactionId(transaction_id);
    message.write_header();
    message
}

fn finish(mut message: Message, pwd: Option<&str>, out: &mut Vec<u8>) {
    if let Some(tag) = pwd.and_then(|pwd| integrity(&message.raw, pwd)) {
        message.add(ATTR_MESSAGE_INTEGRITY, tag.as_ref());
    }
    if FINGERPRINT.add_to(&mut message).is_ok() {
        out.extend_from_slice(&message.raw);
    }
}

/// Appends the answer to a request that came from `mapped`.
pub fn write_success(out: &mut Vec<u8>, transaction_id: [u8; 12], mapped: SocketAddr, pwd: &str) {
    let mut message = begin(BINDING_SUCCESS, transaction_id);
    // A dual-stack socket shows IPv4 peers as IPv6 ones; the peer knows itself as IPv4.
    let address = XorMappedAddress { ip: mapped.ip().to_canonical(), port: mapped.port() };
    if address.add_to(&mut message).is_ok() {
        finish(message, Some(pwd), out);
    }
}

/// Appends an error response; without a password it carries no integrity (RFC 8489 9.1.3.1).
pub fn write_error(
    out: &mut Vec<u8>,
    transaction_id: [u8; 12],
    code: ErrorCode,
    unknown: Option<u16>,
    pwd: Option<&str>,
) {
    let mut message = begin(BINDING_ERROR, transaction_id);
    let number = code.number();
    let mut value = vec![0, 0, (number / 100) as u8, (number % 100) as u8];
    value.extend_from_slice(code.reason().as_bytes());
    message.add(ATTR_ERROR_CODE, &value);
    if let Some(unknown) = unknown {
        message.add(ATTR_UNKNOWN_ATTRIBUTES, &unknown.to_be_bytes());
    }
    finish(message, pwd, out);
}

/// A request as a full agent sends it: for tests and load generators, the server sends none.
pub fn write_request(
    transaction_id: [u8; 12],
    username: &str,
    pwd: &str,
    attributes: &[(u16, &[u8])],
) -> Vec<u8> {
    let mut message = begin(BINDING_REQUEST, transaction_id);
    message.add(ATTR_USERNAME, username.as_bytes());
    for (kind, value) in attributes {
        message.add(AttrType(*kind), value);
    }
    let mut out = Vec::new();
    finish(message, Some(pwd), &mut out);
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn request(username: &str, pwd: &str, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        write_request([7; 12], username, pwd, attributes)
    }

    pub(crate) const PRIORITY: (u16, &[u8]) = (0x0024, &[0x6e, 0, 1, 0xff]);
    pub(crate) const CONTROLLING: (u16, &[u8]) = (0x802a, &[1; 8]);
    pub(crate) const USE_CANDIDATE: (u16, &[u8]) = (0x0025, &[]);

    /// RFC 5769 2.1: the password is `VOkJxbRl1RmTxUk/WvJxBt`.
    const SAMPLE: [u8; 108] = [
        0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
        0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20,
        0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00,
        0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a,
        0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf,
        0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28,
        0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
    ];

    #[test]
    fn the_sample_request_of_rfc_5769_is_verified() {
        assert!(is_stun(&SAMPLE));
        assert_eq!(peek_username(&SAMPLE), Some("evtj:h6vY"));
        assert_eq!(peek_local_ufrag(&SAMPLE), Some("evtj"));
        let unverified = Unverified::parse(&SAMPLE).unwrap();
        assert_eq!(unverified.username(), Some(("evtj", "h6vY")));
        let request = unverified.verify("VOkJxbRl1RmTxUk/WvJxBt").unwrap();
        assert_eq!(request.priority, Some(0x6e00_01ff));
        assert_eq!(request.role, Some(IceRole::Controlled(0x932f_f9b1_5126_3b36)));
        assert!(!request.use_candidate);
        assert_eq!(request.unknown_required, None);
        let other = Unverified::parse(&SAMPLE).unwrap();
        assert_eq!(other.verify("VOkJxbRl1RmTxUk/WvJxBu"), Err(StunError::Integrity));
    }

    #[test]
    fn attributes_behind_the_integrity_are_not_believed() {
        let mut message = begin(BINDING_REQUEST, [7; 12]);
        message.add(ATTR_USERNAME, b"a:b");
        let tag = integrity(&message.raw, "pwd").unwrap();
        message.add(ATTR_MESSAGE_INTEGRITY, tag.as_ref());
        message.add(ATTR_USE_CANDIDATE, &[]);
        message.add(ATTR_NOMINATION, &[0, 0, 0, 9]);
        let request = Unverified::parse(&message.raw).unwrap().verify("pwd").unwrap();
        assert!(!request.use_candidate);
        assert_eq!(request.nomination, None);
    }

    #[test]
    fn a_user_name_behind_the_integrity_does_not_count() {
        let mut message = begin(BINDING_REQUEST, [7; 12]);
        message.add(ATTR_PRIORITY, &[0; 4]);
        let tag = integrity(&message.raw, "pwd").unwrap();
        message.add(ATTR_MESSAGE_INTEGRITY, tag.as_ref());
        message.add(ATTR_USERNAME, b"a:b");
        assert_eq!(Unverified::parse(&message.raw).unwrap_err(), StunError::Incomplete);
    }

    #[test]
    fn requests_that_lack_something_are_told_apart() {
        assert_eq!(Unverified::parse(b"hello").unwrap_err(), StunError::Malformed);
        let mut broken = request("a:b", "pwd", &[PRIORITY]);
        *broken.last_mut().unwrap() ^= 1;
        assert_eq!(Unverified::parse(&broken).unwrap_err(), StunError::Fingerprint);
        let mut out = Vec::new();
        write_success(&mut out, [1; 12], "127.0.0.1:1".parse().unwrap(), "pwd");
        assert_eq!(Unverified::parse(&out).unwrap_err(), StunError::NotRequest);
        let mut out = Vec::new();
        finish(begin(BINDING_REQUEST, [1; 12]), None, &mut out);
        assert_eq!(Unverified::parse(&out).unwrap_err(), StunError::Incomplete);
    }

    #[test]
    fn a_required_attribute_that_nobody_knows_is_named() {
        let bytes = request("a:b", "pwd", &[PRIORITY, (0x7abc, &[1]), (0xcabc, &[1])]);
        assert_eq!(Unverified::parse(&bytes).unwrap().verify("pwd").unwrap().unknown_required, Some(0x7abc));
    }

    #[test]
    fn a_success_is_what_the_oracle_expects() {
        let provider = rtc_stun::crypto::default_provider().unwrap();
        for (seen, expected) in [
            ("192.0.2.1:32853", "192.0.2.1:32853"),
            ("[2001:db8::7]:9", "[2001:db8::7]:9"),
            ("[::ffff:192.0.2.1]:5", "192.0.2.1:5"),
        ] {
            let mut out = vec![1, 2, 3];
            write_success(&mut out, [9; 12], seen.parse().unwrap(), "secret");
            let mut message = Message::new();
            message.unmarshal_binary(&out[3..]).unwrap();
            assert_eq!((message.typ, message.transaction_id.0), (BINDING_SUCCESS, [9; 12]));
            FINGERPRINT.check(&message).unwrap();
            rtc_stun::integrity::MessageIntegrity::check(&mut message, b"secret", provider.crypto()).unwrap();
            let mut address = XorMappedAddress::default();
            rtc_stun::message::Getter::get_from(&mut address, &message).unwrap();
            assert_eq!(SocketAddr::new(address.ip, address.port), expected.parse().unwrap());
        }
    }

    #[test]
    fn an_error_carries_its_code() {
        let mut out = Vec::new();
        write_error(&mut out, [9; 12], ErrorCode::RoleConflict, None, Some("secret"));
        let mut message = Message::new();
        message.unmarshal_binary(&out).unwrap();
        assert_eq!(message.typ, BINDING_ERROR);
        let mut code = rtc_stun::error_code::ErrorCodeAttribute::default();
        rtc_stun::message::Getter::get_from(&mut code, &message).unwrap();
        assert_eq!(code.code.0, 487);
        assert!(message.contains(ATTR_MESSAGE_INTEGRITY));
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            prop_assert!(peek_username(&bytes).is_none());
            let mut bytes = bytes;
            if bytes.len() >= 20 {
                bytes.truncate(bytes.len() & !3);
                let length = (bytes.len() - 20) as u16;
                bytes[..2].copy_from_slice(&[0, 1]);
                bytes[2..4].copy_from_slice(&length.to_be_bytes());
                bytes[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
                peek_username(&bytes);
                prop_assert!(Unverified::parse(&bytes).is_err());
            }
        }

        #[test]
        fn one_changed_byte_is_noticed(at in 0usize..92, bit in 0u8..8) {
            let mut bytes = SAMPLE;
            bytes[at] ^= 1 << bit;
            let verified = Unverified::parse(&bytes).and_then(|request| request.verify("VOkJxbRl1RmTxUk/WvJxBt"));
            prop_assert!(verified.is_err());
        }
    }
}
