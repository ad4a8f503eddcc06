//! Server-made identifiers: a prefix that tells the kind and twelve random base-62 characters (71 bits).

use livekit_protocol::{TrackSource, TrackType};
use rand::Rng;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn random(prefix: &str) -> String {
    let mut rng = rand::rng();
    let mut sid = String::with_capacity(prefix.len() + 12);
    sid.push_str(prefix);
    for _ in 0..12 {
        let at = rng.random_range(0..ALPHABET.len());
        sid.push(char::from(ALPHABET.get(at).copied().unwrap_or(b'0')));
    }
    sid
}

pub fn room() -> String {
    random("RM_")
}

pub fn participant() -> String {
    random("PA_")
}

/// `TR_`, then A or V for the kind and a letter for the source; clients read no more than the `TR`.
pub fn track(kind: TrackType, source: TrackSource) -> String {
    let kind = match kind {
        TrackType::Audio => 'A',
        TrackType::Video => 'V',
        TrackType::Data => 'D',
    };
    let source = match source {
        TrackSource::Camera => "C",
        TrackSource::Microphone => "M",
        TrackSource::ScreenShare => "S",
        TrackSource::ScreenShareAudio => "s",
        TrackSource::Unknown => "",
    };
    random(&format!("TR_{kind}{source}"))
}

pub fn data_track() -> String {
    random("DTR_")
}

pub fn node() -> String {
    random("ND_")
}

pub fn connection() -> String {
    random("CO_")
}

pub fn event() -> String {
    random("EV_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_sid_tells_its_kind_and_source() {
        assert!(track(TrackType::Video, TrackSource::Camera).starts_with("TR_VC"));
        assert!(track(TrackType::Audio, TrackSource::ScreenShareAudio).starts_with("TR_As"));
        assert_ne!(participant(), participant());
        assert_eq!(participant().len(), 15);
    }
}
