//! A valid binding request of a controlling agent (RFC 8445 7.1, RFC 8489), for hostile peers to begin with.

use aws_lc_rs::hmac;

const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

pub fn binding_request(transaction: [u8; 12], username: &str, password: &str) -> Vec<u8> {
    let mut message = vec![0, 1, 0, 0];
    message.extend(COOKIE);
    message.extend(transaction);
    attribute(&mut message, 0x0006, username.as_bytes());
    // PRIORITY of a peer-reflexive candidate, ICE-CONTROLLING, USE-CANDIDATE.
    attribute(&mut message, 0x0024, &0x6E7F_1EFF_u32.to_be_bytes());
    attribute(&mut message, 0x802A, &[7; 8]);
    attribute(&mut message, 0x0025, &[]);
    // MESSAGE-INTEGRITY and FINGERPRINT each cover a length that includes them already.
    set_length(&mut message, 24);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    let tag = hmac::sign(&key, &message);
    attribute(&mut message, 0x0008, tag.as_ref());
    set_length(&mut message, 8);
    let checksum = crc32(&message) ^ 0x5354_554E;
    attribute(&mut message, 0x8028, &checksum.to_be_bytes());
    message
}

fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend((value.len() as u16).to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
    set_length(message, 0);
}

fn set_length(message: &mut [u8], more: usize) {
    let length = (message.len() - 20 + more) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}
