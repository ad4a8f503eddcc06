//! RFC 4571: a 16-bit length before each datagram.

/// Longest frame taken. Media stays under 1,500 bytes, DTLS flights are cut to the path; a longer frame is not for us.
pub(crate) const FRAME_BYTES_MAX: usize = 8192;

pub(crate) const HEADER_BYTES: usize = 2;

/// The peer announced a frame longer than [`FRAME_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Oversized;

/// How many of the bytes are whole frames. What follows is the start of the next.
pub(crate) fn whole_frames(bytes: &[u8]) -> Result<usize, Oversized> {
    let mut whole = 0;
    loop {
        let rest = bytes.get(whole..).unwrap_or_default();
        let Some(len) = announced(rest)? else { return Ok(whole) };
        if rest.len() < HEADER_BYTES + len {
            return Ok(whole);
        }
        whole += HEADER_BYTES + len;
    }
}

fn announced(bytes: &[u8]) -> Result<Option<usize>, Oversized> {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let len = usize::from(u16::from_be_bytes(*header));
    if len > FRAME_BYTES_MAX { Err(Oversized) } else { Ok(Some(len)) }
}

/// The datagrams of whole frames. Empty frames are left out.
pub(crate) fn frames(bytes: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        loop {
            let (header, after) = std::mem::take(&mut rest).split_first_chunk_mut::<HEADER_BYTES>()?;
            let (frame, after) = after.split_at_mut_checked(usize::from(u16::from_be_bytes(*header)))?;
            rest = after;
            if !frame.is_empty() {
                return Some(frame);
            }
        }
    })
}

/// Appends one frame. False, and nothing appended, when the datagram is too long for the framing.
pub(crate) fn append_frame(out: &mut Vec<u8>, datagram: &[u8]) -> bool {
    let Ok(len) = u16::try_from(datagram.len()) else { return false };
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(datagram);
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_oversized_frame_is_refused_before_it_arrives() {
        assert_eq!(whole_frames(&[0xff, 0xff]), Err(Oversized));
        assert_eq!(whole_frames(&[0, 1, 7, 0x20, 0x01]), Err(Oversized));
        assert_eq!(whole_frames(&[0x20, 0x00]), Ok(0));
    }

    #[test]
    fn empty_frames_are_skipped() {
        let mut bytes = [0, 0, 0, 1, 5, 0, 0];
        assert_eq!(whole_frames(&bytes), Ok(7));
        assert_eq!(frames(&mut bytes).map(|frame| frame.to_vec()).collect::<Vec<_>>(), [vec![5]]);
    }

    proptest! {
        #[test]
        fn datagrams_come_out_as_they_went_in_however_the_stream_is_cut(
            datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..20),
            cut in 1usize..500,
        ) {
            let mut stream = Vec::new();
            for datagram in &datagrams {
                prop_assert!(append_frame(&mut stream, datagram));
            }
            let mut held = Vec::new();
            let mut got = Vec::new();
            for piece in stream.chunks(cut) {
                held.extend_from_slice(piece);
                let whole = whole_frames(&held).unwrap();
                got.extend(frames(&mut held[..whole]).map(|frame| frame.to_vec()));
                held.drain(..whole);
            }
            prop_assert_eq!(got, datagrams);
            prop_assert!(held.is_empty());
        }

        #[test]
        fn any_bytes_are_read_without_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(whole) = whole_frames(&bytes) {
                prop_assert!(whole <= bytes.len());
            }
            let _ = frames(&mut bytes).count();
        }
    }
}
