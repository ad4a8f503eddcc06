//! The data channel establishment protocol (RFC 8832): two messages, and the labels that we know.

use bytes::{BufMut, Bytes, BytesMut};

/// The data channels that the client SDKs use, by label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// `_reliable`: ordered, every message arrives.
    Reliable,
    /// `_lossy`: unordered, never sent twice.
    Lossy,
    /// `_data_track`: as `_lossy`, with frames of data tracks.
    DataTrack,
}

impl Channel {
    pub const ALL: [Channel; 3] = [Channel::Reliable, Channel::Lossy, Channel::DataTrack];

    pub fn label(self) -> &'static str {
        match self {
            Channel::Reliable => "_reliable",
            Channel::Lossy => "_lossy",
            Channel::DataTrack => "_data_track",
        }
    }

    pub(crate) fn index(self) -> usize {
        match self {
            Channel::Reliable => 0,
            Channel::Lossy => 1,
            Channel::DataTrack => 2,
        }
    }

    fn from_label(label: &[u8]) -> Option<Channel> {
        Channel::ALL.into_iter().find(|channel| channel.label().as_bytes() == label)
    }

    /// What we announce when we open the channel.
    pub(super) fn reliability(self) -> Reliability {
        match self {
            Channel::Reliable => Reliability::RELIABLE,
            Channel::Lossy | Channel::DataTrack => {
                Reliability { unordered: true, limit: Limit::Retransmissions(0) }
            }
        }
    }
}

/// RFC 8832 5.1, "Channel Type" with "Reliability Parameter".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reliability {
    pub unordered: bool,
    pub limit: Limit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    None,
    Retransmissions(u32),
    Milliseconds(u32),
}

impl Reliability {
    const RELIABLE: Reliability = Reliability { unordered: false, limit: Limit::None };

    fn from_wire(channel_type: u8, parameter: u32) -> Option<Reliability> {
        let limit = match channel_type & 0x7f {
            0x00 => Limit::None,
            0x01 => Limit::Retransmissions(parameter),
            0x02 => Limit::Milliseconds(parameter),
            _ => return None,
        };
        Some(Reliability { unordered: channel_type & 0x80 != 0, limit })
    }

    fn to_wire(self) -> (u8, u32) {
        let (kind, parameter) = match self.limit {
            Limit::None => (0x00, 0),
            Limit::Retransmissions(count) => (0x01, count),
            Limit::Milliseconds(lifetime) => (0x02, lifetime),
        };
        (kind | if self.unordered { 0x80 } else { 0 }, parameter)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// `channel` is None for a label that means nothing to us.
    Open {
        channel: Option<Channel>,
        reliability: Reliability,
    },
    Ack,
}

const DATA_CHANNEL_ACK: u8 = 0x02;
const DATA_CHANNEL_OPEN: u8 = 0x03;

/// None for anything that RFC 8832 does not describe.
pub(crate) fn parse(message: &[u8]) -> Option<Message> {
    let (&kind, rest) = message.split_first()?;
    match kind {
        DATA_CHANNEL_ACK => Some(Message::Ack),
        DATA_CHANNEL_OPEN => {
            let (fixed, variable) = rest.split_first_chunk::<11>()?;
            let &[channel_type, _, _, r0, r1, r2, r3, l0, l1, p0, p1] = fixed;
            let reliability = Reliability::from_wire(channel_type, u32::from_be_bytes([r0, r1, r2, r3]))?;
            let label_len = usize::from(u16::from_be_bytes([l0, l1]));
            let protocol_len = usize::from(u16::from_be_bytes([p0, p1]));
            let label = variable.get(..label_len)?;
            variable.get(label_len..label_len.checked_add(protocol_len)?)?;
            Some(Message::Open { channel: Channel::from_label(label), reliability })
        }
        _ => None,
    }
}

pub(crate) fn ack() -> Bytes {
    Bytes::from_static(&[DATA_CHANNEL_ACK])
}

pub(crate) fn open(channel: Channel) -> Bytes {
    let label = channel.label().as_bytes();
    let (channel_type, parameter) = channel.reliability().to_wire();
    let mut message = BytesMut::with_capacity(12 + label.len());
    message.put_u8(DATA_CHANNEL_OPEN);
    message.put_u8(channel_type);
    // Priority "normal" (RFC 8831 6.4).
    message.put_u16(256);
    message.put_u32(parameter);
    message.put_u16(label.len() as u16);
    message.put_u16(0);
    message.put_slice(label);
    message.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_message_is_read_as_it_was_written() {
        for channel in Channel::ALL {
            let expected = Message::Open { channel: Some(channel), reliability: channel.reliability() };
            assert_eq!(parse(&open(channel)), Some(expected));
        }
        assert_eq!(parse(&ack()), Some(Message::Ack));
    }

    #[test]
    fn a_cut_off_open_message_is_refused() {
        let whole = open(Channel::DataTrack);
        for len in 0..whole.len() {
            assert_eq!(parse(&whole[..len]), None, "{len} bytes");
        }
    }

    #[test]
    fn a_single_zero_byte_is_refused() {
        assert_eq!(parse(&[0]), None);
    }

    #[test]
    fn an_unknown_label_is_still_an_open_message() {
        let mut message = open(Channel::Lossy).to_vec();
        if let Some(last) = message.last_mut() {
            *last = b'x';
        }
        let reliability = Channel::Lossy.reliability();
        assert_eq!(parse(&message), Some(Message::Open { channel: None, reliability }));
    }
}
