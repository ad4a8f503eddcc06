//! Answers to our checks (RFC 8489, RFC 8445 7.2.5). Requests, and answers to theirs, are the media core's.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use chevet_sfu_core::wire::stun::is_stun;

const HEADER: usize = 20;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const INTEGRITY_LEN: usize = 20;

/// The first 16 bits of a message: class and method.
pub const BINDING_REQUEST: u16 = 0x0001;
pub const BINDING_SUCCESS: u16 = 0x0101;

/// Class and method of a STUN message; `None` for anything else.
pub fn kind(message: &[u8]) -> Option<u16> {
    if is_stun(message) { u16_at(message, 0) } else { None }
}

/// The transaction of a message.
pub fn transaction(message: &[u8]) -> Option<[u8; 12]> {
    message.get(8..HEADER)?.try_into().ok()
}

/// Whether the message was made with this password: its MESSAGE-INTEGRITY fits (RFC 8489 14.5).
pub fn is_authentic(message: &[u8], pwd: &str) -> bool {
    let Some((covered, tag)) = integrity_of(message) else { return false };
    let Ok(length) = u16::try_from(covered.len() - HEADER + 4 + INTEGRITY_LEN) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, pwd.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(covered.get(..2).unwrap_or_default());
    // The length is counted as if the message ended behind the attribute.
    context.update(&length.to_be_bytes());
    context.update(covered.get(4..).unwrap_or_default());
    verify_slices_are_equal(context.sign().as_ref(), tag).is_ok()
}

/// What the MESSAGE-INTEGRITY covers, and its value.
fn integrity_of(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = HEADER;
    loop {
        let kind = u16_at(message, at)?;
        let len = usize::from(u16_at(message, at + 2)?);
        if kind == MESSAGE_INTEGRITY {
            let tag = message.get(at + 4..at + 4 + len)?;
            return (len == INTEGRITY_LEN).then_some((message.get(..at)?, tag));
        }
        at += 4 + len.next_multiple_of(4);
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use chevet_sfu_core::wire::stun::{ErrorCode, write_error, write_success};

    use super::*;

    /// RFC 5769 2.2: the password is `VOkJxbRl1RmTxUk/WvJxBt`.
    const SAMPLE: [u8; 80] = [
        0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
        0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f,
        0x72, 0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43, 0x00, 0x08, 0x00,
        0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53,
        0xf0, 0x6b, 0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
    ];

    #[test]
    fn the_sample_answer_of_rfc_5769_is_authentic() {
        assert_eq!(kind(&SAMPLE), Some(BINDING_SUCCESS));
        assert_eq!(transaction(&SAMPLE).unwrap()[..4], [0xb7, 0xe7, 0xa7, 0x01]);
        assert!(is_authentic(&SAMPLE, "VOkJxbRl1RmTxUk/WvJxBt"));
        assert!(!is_authentic(&SAMPLE, "VOkJxbRl1RmTxUk/WvJxBu"));
    }

    #[test]
    fn an_answer_with_one_byte_changed_is_not_believed() {
        for at in 0..72 {
            let mut message = SAMPLE;
            message[at] ^= 1;
            let believed = kind(&message).is_some() && is_authentic(&message, "VOkJxbRl1RmTxUk/WvJxBt");
            assert!(!believed, "byte {at}");
        }
    }

    #[test]
    fn an_answer_cut_short_is_refused_without_panic() {
        for len in 0..SAMPLE.len() {
            assert_eq!(kind(&SAMPLE[..len]), None, "{len} bytes");
            is_authentic(&SAMPLE[..len], "x");
        }
    }

    #[test]
    fn what_the_media_core_answers_is_understood() {
        let mut success = Vec::new();
        write_success(&mut success, [3; 12], ([127, 0, 0, 1], 5).into(), "secret");
        assert_eq!((kind(&success), transaction(&success)), (Some(BINDING_SUCCESS), Some([3; 12])));
        assert!(is_authentic(&success, "secret"));
        let mut error = Vec::new();
        write_error(&mut error, [3; 12], ErrorCode::Unauthenticated, None, None);
        assert_ne!(kind(&error), Some(BINDING_SUCCESS));
        assert!(!is_authentic(&error, "secret"));
    }
}
