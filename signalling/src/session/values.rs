//! Between the protocol's values and the media server's.

use chevet_sfu_io::api::{Codec, MediaKind, Quality};
use chevet_sfu_io::sdp::OpusOptions;
use livekit_protocol as proto;

/// `vp8` or `video/VP8`, in any case.
pub(super) fn codec_named(name: &str) -> Option<Codec> {
    let name = name.rsplit('/').next().unwrap_or(name);
    [
        ("vp8", Codec::Vp8),
        ("vp9", Codec::Vp9),
        ("h264", Codec::H264),
        ("av1", Codec::Av1),
        ("opus", Codec::Opus),
        ("red", Codec::Red),
    ]
    .into_iter()
    .find(|(known, _)| name.eq_ignore_ascii_case(known))
    .map(|(_, codec)| codec)
}

pub(super) fn mime_type(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus | Codec::Red => "audio/opus",
        Codec::Vp8 => "video/VP8",
        Codec::Vp9 => "video/VP9",
        Codec::H264 => "video/H264",
        Codec::Av1 => "video/AV1",
    }
}

/// As `subscribed_codecs` names it.
pub(super) fn short_name(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus",
        Codec::Red => "red",
        Codec::Vp8 => "vp8",
        Codec::Vp9 => "vp9",
        Codec::H264 => "h264",
        Codec::Av1 => "av1",
    }
}

pub(super) fn media_kind(kind: proto::TrackType) -> Option<MediaKind> {
    match kind {
        proto::TrackType::Audio => Some(MediaKind::Audio),
        proto::TrackType::Video => Some(MediaKind::Video),
        proto::TrackType::Data => None,
    }
}

pub(super) fn info_kind(info: &proto::TrackInfo) -> Option<MediaKind> {
    media_kind(proto::TrackType::try_from(info.r#type).ok()?)
}

pub(super) fn encrypted(encryption: i32) -> bool {
    encryption != proto::encryption::Type::None as i32
}

/// May RED stand around the Opus of this track? Not when encrypted: it could not be taken off for those who lack it.
#[allow(deprecated)]
pub(super) fn red_allowed(info: &proto::TrackInfo) -> bool {
    !info.disable_red && !encrypted(info.encryption)
}

#[allow(deprecated)]
pub(super) fn opus_options(info: &proto::TrackInfo) -> OpusOptions {
    let has = |feature: proto::AudioTrackFeature| info.audio_features.contains(&(feature as i32));
    OpusOptions {
        dtx: !info.disable_dtx && !has(proto::AudioTrackFeature::TfNoDtx),
        stereo: info.stereo || has(proto::AudioTrackFeature::TfStereo),
    }
}

pub(super) fn quality(value: i32) -> Quality {
    match proto::VideoQuality::try_from(value) {
        Ok(proto::VideoQuality::Low) => Quality::Low,
        Ok(proto::VideoQuality::Medium) => Quality::Medium,
        _ => Quality::High,
    }
}

pub(super) fn quality_number(quality: Quality) -> i32 {
    (match quality {
        Quality::Low => proto::VideoQuality::Low,
        Quality::Medium => proto::VideoQuality::Medium,
        Quality::High => proto::VideoQuality::High,
    }) as i32
}
