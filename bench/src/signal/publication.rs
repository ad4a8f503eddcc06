//! From a track that shall be published to its RTP streams and its section.

use std::sync::atomic::{AtomicU32, Ordering};

use chevet_sfu_core::api::{Codec, Token};
use livekit_protocol as proto;

use crate::media::{EncodingSpec, Pacing, StreamSpec};
use crate::sdp::{Section, Sending};
use crate::target::{TrackSpec, VideoCodec};

/// A track of ours.
#[derive(Clone, Debug)]
pub struct Publication {
    /// In every probe.
    pub source: u32,
    pub cid: String,
    pub codec: Codec,
    pub spec: TrackSpec,
    pub encodings: Vec<EncodingSpec>,
    /// The mid of its section, once it has one.
    pub mid: Option<Token>,
    /// It flows.
    pub started: bool,
}

/// rid, divisor of both sides of the picture, and share of the highest encoding's bit rate: what livekit-client publishes
/// of a 720p camera (160, 450 and 1,700 kbit/s).
const LAYERS: [(&[u8], u16, f64); 3] = [(b"q", 4, 160.0 / 1700.0), (b"h", 2, 450.0 / 1700.0), (b"f", 1, 1.0)];
const WIDTH: u16 = 1280;
const HEIGHT: u16 = 720;

/// Numbers of sources, and SSRCs: unique in the process.
pub fn publications(specs: &[TrackSpec]) -> Vec<Publication> {
    static SOURCES: AtomicU32 = AtomicU32::new(1);
    specs
        .iter()
        .map(|spec| {
            let source = SOURCES.fetch_add(1, Ordering::Relaxed);
            let (codec, encodings) = encodings(spec, source);
            Publication {
                source,
                cid: format!("bench-{source}"),
                codec,
                spec: spec.clone(),
                encodings,
                mid: None,
                started: false,
            }
        })
        .collect()
}

fn encodings(spec: &TrackSpec, source: u32) -> (Codec, Vec<EncodingSpec>) {
    // Eight SSRCs for each source: never zero, and apart from each other within the process.
    let ssrc = |index: u32| source.wrapping_mul(8).wrapping_add(index) | 0x4000_0000;
    match *spec {
        TrackSpec::Audio { bits_per_second, .. } => {
            let encoding = EncodingSpec {
                rid: None,
                ssrc: ssrc(0),
                rtx_ssrc: None,
                bits_per_second,
                width: 0,
                height: 0,
            };
            (Codec::Opus, vec![encoding])
        }
        TrackSpec::Video { codec, simulcast, bits_per_second, .. } => {
            let codec = match codec {
                VideoCodec::Vp8 => Codec::Vp8,
                VideoCodec::H264 => Codec::H264,
            };
            let layers = if simulcast { &LAYERS[..] } else { &LAYERS[2..] };
            let encodings = layers.iter().zip(0u32..).map(|((rid, divisor, share), index)| EncodingSpec {
                rid: Token::new(rid).filter(|_| simulcast),
                ssrc: ssrc(2 * index),
                rtx_ssrc: Some(ssrc(2 * index + 1)),
                bits_per_second: (f64::from(bits_per_second) * share) as u32,
                width: WIDTH / divisor,
                height: HEIGHT / divisor,
            });
            (codec, encodings.collect())
        }
    }
}

impl Publication {
    pub fn sending(&self) -> Sending {
        Sending { codec: self.codec, cid: self.cid.clone(), encodings: self.encodings.clone() }
    }

    /// What to send, by the section of the other side's answer; None when it does not take it.
    pub fn stream(&self, section: &Section) -> Option<StreamSpec> {
        let payload_type = section.payload_of(self.codec).filter(|_| !section.rejected)?;
        let rtx_payload_type = section.rtx_of(payload_type);
        let (pacing, frames_per_second, speech) = match self.spec {
            TrackSpec::Audio { speech, .. } => (Pacing::Burst, 50.0, speech),
            TrackSpec::Video { pacing, frames_per_second, .. } => (pacing, frames_per_second, 1.0),
        };
        Some(StreamSpec {
            source: self.source,
            mid: section.mid?,
            codec: self.codec,
            payload_type,
            rtx_payload_type,
            encodings: self.encodings.clone(),
            pacing,
            frames_per_second,
            speech,
        })
    }

    /// As livekit-client asks for it.
    pub fn add_track(&self) -> proto::AddTrackRequest {
        let request = proto::AddTrackRequest {
            cid: self.cid.clone(),
            name: self.cid.clone(),
            // RED would need another payload format from us.
            disable_red: true,
            stream: "camera".to_owned(),
            ..proto::AddTrackRequest::default()
        };
        if self.codec == Codec::Opus {
            return proto::AddTrackRequest {
                r#type: proto::TrackType::Audio as i32,
                source: proto::TrackSource::Microphone as i32,
                ..request
            };
        }
        let top = self.encodings.len().saturating_sub(1);
        let layers = self.encodings.iter().enumerate().map(|(index, encoding)| proto::VideoLayer {
            quality: match top - index {
                0 => proto::VideoQuality::High,
                1 => proto::VideoQuality::Medium,
                _ => proto::VideoQuality::Low,
            } as i32,
            width: encoding.width.into(),
            height: encoding.height.into(),
            bitrate: encoding.bits_per_second,
            ..proto::VideoLayer::default()
        });
        let codec = if self.codec == Codec::H264 { "h264" } else { "vp8" };
        proto::AddTrackRequest {
            r#type: proto::TrackType::Video as i32,
            source: proto::TrackSource::Camera as i32,
            width: WIDTH.into(),
            height: HEIGHT.into(),
            layers: layers.collect(),
            simulcast_codecs: vec![proto::SimulcastCodec {
                codec: codec.to_owned(),
                cid: self.cid.clone(),
                ..proto::SimulcastCodec::default()
            }],
            ..request
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(simulcast: bool) -> TrackSpec {
        TrackSpec::Video {
            codec: VideoCodec::Vp8,
            simulcast,
            bits_per_second: 1_700_000,
            frames_per_second: 30.0,
            pacing: Pacing::Paced,
        }
    }

    #[test]
    fn simulcast_is_three_encodings_with_sources_of_their_own_the_lowest_first() {
        let made = publications(&[
            video(true),
            video(false),
            TrackSpec::Audio { bits_per_second: 32_000, speech: 1.0 },
        ]);
        let rates: Vec<u32> = made[0].encodings.iter().map(|encoding| encoding.bits_per_second).collect();
        assert_eq!(rates, [160_000, 450_000, 1_700_000]);
        assert_eq!(made[1].encodings.len(), 1);
        assert_eq!(made[1].encodings[0].rid, None);
        let mut ssrcs: Vec<u32> = made
            .iter()
            .flat_map(|publication| &publication.encodings)
            .flat_map(|encoding| [Some(encoding.ssrc), encoding.rtx_ssrc])
            .flatten()
            .collect();
        let count = ssrcs.len();
        ssrcs.sort_unstable();
        ssrcs.dedup();
        assert_eq!((ssrcs.len(), count), (9, 9));
        let request = made[0].add_track();
        let qualities: Vec<i32> = request.layers.iter().map(|layer| layer.quality).collect();
        assert_eq!(qualities, [0, 1, 2]);
    }
}
