//! What a worker counts: plain numbers, owned by its thread, copied out once a second.

/// Totals since the start, and how many of each thing there are now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub datagrams_received: u64,
    pub bytes_received: u64,
    pub datagrams_sent: u64,
    pub bytes_sent: u64,
    /// Kernel messages; `datagrams_sent / runs_sent` is the gain of GSO.
    pub runs_sent: u64,
    /// RTP padding added to make the datagrams of a run equal.
    pub padding_bytes: u64,

    pub media_received: u64,
    /// One packet to one subscriber.
    pub media_forwarded: u64,
    /// Answers to subscribers' NACKs (RFC 4588).
    pub retransmitted: u64,
    /// Packets that publishers sent again on our request.
    pub recovered: u64,
    pub nacks_sent: u64,
    pub nacks_received: u64,
    pub key_frame_requests_sent: u64,
    pub key_frame_requests_received: u64,
    pub transport_feedback_sent: u64,
    pub transport_feedback_received: u64,
    /// Times that the estimate of a subscriber's line was lowered.
    pub estimates_lowered: u64,
    /// Times that a picture was suspended because the subscriber's line carried nothing of it.
    pub suspensions: u64,
    /// Packets of padding that asked a line whether it carries more.
    pub probe_packets: u64,
    /// Packets copied to another worker, and those that came from one.
    pub relayed_out: u64,
    pub relayed_in: u64,
    pub data_messages_received: u64,
    pub data_messages_sent: u64,

    pub drops: Drops,

    pub rooms: u64,
    pub members: u64,
    pub transports: u64,
    pub tracks: u64,
    pub subscriptions: u64,
    /// Pictures that are suspended.
    pub videos_suspended: u64,
    /// Lines to subscribers of which a limit is known, by what they carry: up to 100, 250, 500, 1,000, 2,500 kbit/s, more.
    pub estimates: [u64; 6],
}

macro_rules! drops {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Why something that arrived went no further.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Drops {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Drops {
            /// Name and number of each cause.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }
    };
}

drops! {
    /// Neither STUN, DTLS, RTP nor RTCP by its first byte (RFC 7983).
    unknown_protocol,
    /// From an address that no authenticated check has bound.
    unknown_address,
    /// STUN that is malformed, fails its integrity check, or names nobody.
    stun_rejected,
    /// DTLS before ICE, after the end, or over the handshake's limits.
    dtls_rejected,
    /// Media before the handshake.
    no_keys,
    rtp_malformed,
    /// SRTP or SRTCP with a wrong tag.
    unauthenticated,
    /// A sequence number that was already accepted, or is too old to tell.
    replayed,
    rtcp_malformed,
    /// An SSRC that no published track explains.
    unbound_ssrc,
    /// A payload type that was not negotiated for the track.
    unknown_payload_type,
    /// Outside what the stream can still use.
    too_old,
    /// A data message of a member that may not send any, or with a broken envelope.
    data_rejected,
    /// A data message for a receiver whose queue was full.
    data_overflow,
    /// A packet for another worker that has too many waiting already.
    relay_overflow,
    /// From another worker, about something that is gone.
    relay_stray,
    /// An event that nobody fetched in time.
    event_overflow,
    /// A command about something that does not exist (any more).
    stale_command,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_listed_by_its_name() {
        let drops = Drops { no_keys: 3, ..Default::default() };
        assert!(drops.each().any(|cause| cause == ("no_keys", 3)));
        assert_eq!(drops.each().map(|(_, count)| count).sum::<u64>(), 3);
    }
}
