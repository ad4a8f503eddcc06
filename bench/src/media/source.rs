//! One published encoding set: when each of its packets is due and what is in it.

use chevet_sfu_core::wire::rtp::ExtensionMap;

use super::StreamSpec;

/// A packet that [`Source`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Bytes, header included.
    pub len: usize,
    pub header_len: usize,
    /// That of the retransmission stream for an RTX packet.
    pub ssrc: u32,
    /// Sequence number with its cycles, as SRTP wants it (RFC 3711 3.3.1).
    pub extended_sequence: u64,
    /// Position in [`StreamSpec::encodings`].
    pub encoding: u8,
    /// When it should have been sent, CLOCK_REALTIME ns.
    pub due: u64,
    /// The first packet of a key frame.
    pub key_frame: bool,
}

/// What one track sends. Time is an argument; nothing is allocated after `new`.
#[derive(Debug)]
pub struct Source {
    spec: StreamSpec,
}

impl Source {
    /// `start_ns`: CLOCK_REALTIME, when the first frame is due.
    pub fn new(spec: StreamSpec, start_ns: u64, seed: u64) -> Source {
        todo!()
    }

    pub fn spec(&self) -> &StreamSpec {
        &self.spec
    }

    /// When the next packet is due, CLOCK_REALTIME ns.
    pub fn next_due(&self) -> u64 {
        todo!()
    }

    /// Writes the next packet in the clear if it is due: header with extensions, payload, and the probe at its end with
    /// `sent = now_ns`. `None`: nothing is due yet, or `out` is too small (1,400 bytes always do).
    pub fn write(
        &mut self,
        now_ns: u64,
        transport_cc: Option<u16>,
        ids: &ExtensionMap,
        out: &mut [u8],
    ) -> Option<Outgoing> {
        todo!()
    }

    /// The encoding with this SSRC begins its next frame as a key frame. False: not one of ours, or sound.
    pub fn request_key_frame(&mut self, ssrc: u32) -> bool {
        todo!()
    }

    /// Whether this SSRC (media, not RTX) is one of this source.
    pub fn owns(&self, ssrc: u32) -> bool {
        todo!()
    }

    /// The packet of a NACK, as RTX (RFC 4588) where it is negotiated, else as it was. `None`: not ours, or too old.
    pub fn repeat(
        &mut self,
        now_ns: u64,
        ssrc: u32,
        sequence: u16,
        transport_cc: Option<u16>,
        ids: &ExtensionMap,
        out: &mut [u8],
    ) -> Option<Outgoing> {
        todo!()
    }

    /// Appends the sender report of an encoding that has sent something.
    pub fn sender_report(&self, now_ns: u64, encoding: usize, out: &mut Vec<u8>) {
        todo!()
    }
}
