//! Streams that number their own frames, so that a receiver can say which of them came.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Opus,
    Vp8,
}

impl Kind {
    pub fn rtp(self) -> RtpCodecKind {
        match self {
            Kind::Opus => RtpCodecKind::Audio,
            Kind::Vp8 => RtpCodecKind::Video,
        }
    }

    pub fn codec(self) -> RTCRtpCodecParameters {
        let (mime, clock_rate, channels, fmtp, payload_type) = match self {
            Kind::Opus => ("audio/opus", 48_000, 2, "minptime=10;useinbandfec=1", 111),
            Kind::Vp8 => ("video/VP8", 90_000, 0, "", 96),
        };
        let rtp_codec = RTCRtpCodec {
            mime_type: mime.to_owned(),
            clock_rate,
            channels,
            sdp_fmtp_line: fmtp.to_owned(),
            rtcp_feedback: Vec::new(),
        };
        RTCRtpCodecParameters { rtp_codec, payload_type }
    }

    /// Frames each second.
    fn rate(self) -> u32 {
        match self {
            Kind::Opus => 50,
            Kind::Vp8 => 20,
        }
    }

    /// One frame that fits one packet. A VP8 frame is a key frame each second.
    fn payload(self, number: u32) -> Bytes {
        let mut payload = match self {
            // A TOC byte of a 20 ms CELT frame.
            Kind::Opus => vec![0xFC],
            // The descriptor (start of partition 0), then the frame tag: P bit, show, size; key frames say 320x240.
            Kind::Vp8 if number.is_multiple_of(self.rate()) => {
                vec![0x10, 0x10, 0, 0, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xF0, 0x00]
            }
            Kind::Vp8 => vec![0x10, 0x11, 0, 0],
        };
        payload.extend_from_slice(&[0xAB; 60]);
        payload.extend_from_slice(&number.to_be_bytes());
        payload.into()
    }
}

/// A track that is being sent.
pub struct Publication {
    pub kind: Kind,
    /// The client's name for it.
    pub cid: String,
    pub track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
}

impl Publication {
    pub fn new(kind: Kind, identity: &str, ssrc: u32) -> Publication {
        let cid = format!("{identity}-{kind:?}").to_lowercase();
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
            codec: kind.codec().rtp_codec,
            ..Default::default()
        };
        let track =
            MediaStreamTrack::new("stream".into(), cid.clone(), cid.clone(), kind.rtp(), vec![encoding]);
        Publication { kind, cid, track: Arc::new(TrackLocalStaticRTP::new(track)), ssrc }
    }

    /// Sends frames until the task is dropped.
    pub async fn send(track: Arc<TrackLocalStaticRTP>, kind: Kind, ssrc: u32) {
        let step = kind.codec().rtp_codec.clock_rate / kind.rate();
        let mut clock = tokio::time::interval(Duration::from_secs(1) / kind.rate());
        for number in 0_u32.. {
            clock.tick().await;
            let header = rtp::header::Header {
                version: 2,
                marker: kind == Kind::Vp8,
                payload_type: kind.codec().payload_type,
                sequence_number: number as u16,
                timestamp: number.wrapping_mul(step),
                ssrc,
                ..Default::default()
            };
            // Refused until the connection is up.
            let _ = track.write_rtp(rtp::Packet { header, payload: kind.payload(number) }).await;
        }
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }
}

/// A track that arrives.
#[derive(Debug, Default)]
pub struct Heard {
    pub video: bool,
    frames: Mutex<Frames>,
}

#[derive(Debug, Default)]
struct Frames {
    numbers: BTreeSet<u32>,
    packets: usize,
}

impl Heard {
    pub fn new(video: bool) -> Heard {
        Heard { video, ..Heard::default() }
    }

    pub fn packet(&self, packet: &rtp::Packet) {
        let Some(number) = packet.payload.last_chunk::<4>() else {
            return;
        };
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        frames.packets += 1;
        frames.numbers.insert(u32::from_be_bytes(*number));
    }

    /// Different frames so far.
    pub fn frames(&self) -> usize {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).numbers.len()
    }

    /// Frames that came more than once.
    pub fn repeated(&self) -> usize {
        let frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        frames.packets - frames.numbers.len()
    }

    /// Frames between the first and the last that never came.
    pub fn missing(&self) -> usize {
        let frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, last) = (frames.numbers.first().copied(), frames.numbers.last().copied());
        let span = first.zip(last).map_or(0, |(first, last)| (last - first) as usize + 1);
        span - frames.numbers.len()
    }
}
