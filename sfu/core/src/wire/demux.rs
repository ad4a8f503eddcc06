//! What kind of datagram this is (RFC 7983 7, RFC 5761 4).

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    /// TURN channels, ZRTP, QUIC and noise.
    Other,
}

/// Looks at no more than the first two bytes; the parser of the kind decides whether the rest makes sense.
pub fn demux(datagram: &[u8]) -> Kind {
    match datagram {
        [0..=3, ..] => Kind::Stun,
        [20..=63, ..] => Kind::Dtls,
        // With rtcp-mux a payload type with the marker bit set may not fall into 192..=223 (RFC 5761 4).
        [128..=191, 192..=223, ..] => Kind::Rtcp,
        [128..=191, _, ..] => Kind::Rtp,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_are_told_apart_by_their_first_bytes() {
        assert_eq!(demux(&[]), Kind::Other);
        assert_eq!(demux(&[0, 1]), Kind::Stun);
        assert_eq!(demux(&[22, 254]), Kind::Dtls);
        assert_eq!(demux(&[0x80, 96]), Kind::Rtp);
        assert_eq!(demux(&[0x90, 0x80 | 96]), Kind::Rtp);
        assert_eq!(demux(&[0x80, 200]), Kind::Rtcp);
        assert_eq!(demux(&[0x8f, 205]), Kind::Rtcp);
        assert_eq!(demux(&[0x80]), Kind::Other);
        assert_eq!(demux(&[70, 0]), Kind::Other);
        assert_eq!(demux(&[255, 0]), Kind::Other);
    }
}
