//! The probe at the end of every media payload: who sent it, which one it is, and when.
//!
//! A server may rewrite the header and the payload descriptor in front, and strip or add RTP padding behind; the bytes in
//! between are the encoder's, which it must leave alone. So the probe tells the truth about a packet whatever became of
//! its SSRC and sequence number.

use super::Probe;

/// Bytes of a probe: magic 4, source 4, encoding 4 bits + layer 2 bits + repeated 1 bit, index 2, since key 2, number 8,
/// due 8, sent 8, checksum 4; all big-endian.
pub const LEN: usize = 41;

/// Not a start code, not a VP8 start code, not an RTP header.
const MAGIC: u32 = 0xc4e7_b3a9;

/// Writes over the last [`LEN`] bytes of `payload`. Nothing happens to a shorter one.
pub fn write(payload: &mut [u8], probe: &Probe) {
    let Some(out) = payload.last_chunk_mut::<LEN>() else { return };
    out[0..4].copy_from_slice(&MAGIC.to_be_bytes());
    out[4..8].copy_from_slice(&probe.source.to_be_bytes());
    out[8] = probe.encoding << 4 | (probe.layer & 3) << 2 | u8::from(probe.repeated);
    out[9..11].copy_from_slice(&probe.index.to_be_bytes());
    out[11..13].copy_from_slice(&probe.since_key.to_be_bytes());
    out[13..21].copy_from_slice(&probe.number.to_be_bytes());
    out[21..29].copy_from_slice(&probe.due.to_be_bytes());
    out[29..37].copy_from_slice(&probe.sent.to_be_bytes());
    let sum = checksum(out);
    out[37..41].copy_from_slice(&sum.to_be_bytes());
}

/// Reads the end of a payload without its RTP padding. `None`: these are not the bytes of a probe.
pub fn read(payload: &[u8]) -> Option<Probe> {
    let bytes = payload.last_chunk::<LEN>()?;
    if u32_at(bytes, 0) != MAGIC || u32_at(bytes, 37) != checksum(bytes) {
        return None;
    }
    Some(Probe {
        source: u32_at(bytes, 4),
        encoding: bytes[8] >> 4,
        layer: bytes[8] >> 2 & 3,
        repeated: bytes[8] & 1 != 0,
        index: u16::from_be_bytes([bytes[9], bytes[10]]),
        since_key: u16::from_be_bytes([bytes[11], bytes[12]]),
        number: u64_at(bytes, 13),
        due: u64_at(bytes, 21),
        sent: u64_at(bytes, 29),
    })
}

/// Over everything between magic and checksum. Not against forgery, but against content that looks like a probe.
fn checksum(bytes: &[u8; LEN]) -> u32 {
    // Overlapping words cover the 33 bytes.
    [4, 5, 13, 21, 29]
        .into_iter()
        .fold(0x9e37_79b9_7f4a_7c15, |sum: u64, at| {
            let mixed = (sum ^ u64_at(bytes, at)).wrapping_mul(0xff51_afd7_ed55_8ccd);
            mixed ^ mixed >> 32
        })
        .wrapping_shr(7) as u32
}

fn u32_at(bytes: &[u8; LEN], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8; LEN], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) << 32 | u64::from(u32_at(bytes, at + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBE: Probe = Probe {
        source: 0xdead_beef,
        encoding: 2,
        layer: 1,
        repeated: true,
        index: 0x1234,
        since_key: 0xabcd,
        number: u64::MAX - 3,
        due: 1_764_000_000_123_456_789,
        sent: 1_764_000_000_123_500_001,
    };

    #[test]
    fn a_probe_is_read_as_it_was_written_whatever_stands_before_it() {
        for front in [0, 1, 20, 1000] {
            let mut payload = vec![0xa5; front + LEN];
            write(&mut payload, &PROBE);
            assert_eq!(read(&payload), Some(PROBE));
            assert!(payload[..front].iter().all(|&byte| byte == 0xa5));
        }
    }

    #[test]
    fn a_changed_cut_or_shifted_probe_is_none() {
        let mut payload = [0; 60];
        write(&mut payload, &PROBE);
        for bit in 8 * (60 - LEN)..8 * 60 {
            let mut changed = payload;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&changed), None, "bit {bit}");
        }
        assert_eq!(read(&payload[..59]), None);
        assert_eq!(read(&payload[40..]), None);
        assert_eq!(read(&[0; 60]), None);
        write(&mut [0; LEN - 1], &PROBE);
    }
}
