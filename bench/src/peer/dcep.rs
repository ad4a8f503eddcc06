//! The data channel establishment protocol (RFC 8832).

use bytes::{BufMut as _, Bytes, BytesMut};

/// What a channel promises (RFC 8832 5.1, "Channel Type" with "Reliability Parameter").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reliability {
    pub ordered: bool,
    pub limit: Limit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    None,
    Retransmissions(u32),
    Milliseconds(u32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Open { label: String, reliability: Reliability },
    Ack,
}

const ACK: u8 = 0x02;
const OPEN: u8 = 0x03;
const UNORDERED: u8 = 0x80;

/// `None` for anything that RFC 8832 does not describe.
pub fn parse(message: &[u8]) -> Option<Message> {
    let (&kind, rest) = message.split_first()?;
    match kind {
        ACK => Some(Message::Ack),
        OPEN => {
            let (fixed, variable) = rest.split_first_chunk::<11>()?;
            let &[channel, _, _, r0, r1, r2, r3, l0, l1, p0, p1] = fixed;
            let parameter = u32::from_be_bytes([r0, r1, r2, r3]);
            let limit = match channel & !UNORDERED {
                0 => Limit::None,
                1 => Limit::Retransmissions(parameter),
                2 => Limit::Milliseconds(parameter),
                _ => return None,
            };
            let label = variable.get(..usize::from(u16::from_be_bytes([l0, l1])))?;
            variable.get(label.len()..label.len() + usize::from(u16::from_be_bytes([p0, p1])))?;
            let label = std::str::from_utf8(label).ok()?.to_owned();
            Some(Message::Open {
                label,
                reliability: Reliability { ordered: channel & UNORDERED == 0, limit },
            })
        }
        _ => None,
    }
}

pub fn ack() -> Bytes {
    Bytes::from_static(&[ACK])
}

/// `None` for a label of more than 65,535 bytes.
pub fn open(label: &str, reliability: Reliability) -> Option<Bytes> {
    let (kind, parameter) = match reliability.limit {
        Limit::None => (0, 0),
        Limit::Retransmissions(count) => (1, count),
        Limit::Milliseconds(lifetime) => (2, lifetime),
    };
    let mut message = BytesMut::with_capacity(12 + label.len());
    message.put_u8(OPEN);
    message.put_u8(kind | if reliability.ordered { 0 } else { UNORDERED });
    // Priority "normal" (RFC 8831 6.4).
    message.put_u16(256);
    message.put_u32(parameter);
    message.put_u16(u16::try_from(label.len()).ok()?);
    message.put_u16(0);
    message.put_slice(label.as_bytes());
    Some(message.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOSSY: Reliability = Reliability { ordered: false, limit: Limit::Retransmissions(0) };

    #[test]
    fn an_open_message_is_read_as_it_was_written() {
        let reliable = Reliability { ordered: true, limit: Limit::None };
        let timed = Reliability { ordered: true, limit: Limit::Milliseconds(70_000) };
        for (label, reliability) in [("_lossy", LOSSY), ("", reliable), ("vidéo", timed)] {
            let expected = Message::Open { label: label.to_owned(), reliability };
            assert_eq!(parse(&open(label, reliability).unwrap()), Some(expected));
        }
        assert_eq!(parse(&ack()), Some(Message::Ack));
    }

    #[test]
    fn a_message_cut_short_is_refused() {
        let whole = open("_lossy", LOSSY).unwrap();
        for len in 0..whole.len() {
            assert_eq!(parse(&whole[..len]), None, "{len} bytes");
        }
    }

    #[test]
    fn a_label_that_is_too_long_is_not_written() {
        assert_eq!(open(&"x".repeat(65_536), LOSSY), None);
    }
}
