//! The commands that bring clients into a room.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use chevet_sfu_core::api::*;
use chevet_sfu_io::{WorkerId, ufrag_for};

use super::client::{Client, Identity};

pub const ID_MID: u8 = 1;
pub const ID_TRANSPORT_CC: u8 = 3;
pub const ID_RID: u8 = 4;
pub const ID_AUDIO_LEVEL: u8 = 5;
pub const PT_OPUS: u8 = 111;
pub const PT_RED: u8 = 63;
pub const PT_VP8: u8 = 96;
pub const PT_VP8_RTX: u8 = 97;

pub const AUDIO_SSRC: u32 = 0x1000_0001;
pub const VIDEO_SSRC: u32 = 0x1000_0002;

/// As a browser and the server settle it. Without `transport_cc` nobody numbers packets over the whole transport.
pub fn media_settings(transport_cc: bool) -> MediaSettings {
    let mut extensions =
        vec![(ID_MID, Extension::Mid), (ID_RID, Extension::Rid), (ID_AUDIO_LEVEL, Extension::AudioLevel)];
    if transport_cc {
        extensions.push((ID_TRANSPORT_CC, Extension::TransportCc));
    }
    MediaSettings {
        extensions,
        payloads: vec![
            PayloadType { pt: PT_OPUS, codec: Codec::Opus, rtx: None },
            PayloadType { pt: PT_RED, codec: Codec::Red, rtx: None },
            PayloadType { pt: PT_VP8, codec: Codec::Vp8, rtx: Some(PT_VP8_RTX) },
        ],
        mixed_extensions: true,
    }
}

pub fn open_room(room: RoomId) -> Command {
    Command::OpenRoom { room }
}

/// A new member with one transport, and the client for it. Member and transport have the same number.
pub fn join(
    now: Instant,
    room: RoomId,
    number: u64,
    identity: &Arc<Identity>,
    server: SocketAddr,
    worker: WorkerId,
    transport_cc: bool,
) -> (Client, Vec<Command>) {
    let member = MemberId(number);
    let transport = TransportId(number);
    let media = media_settings(transport_cc);
    let ice = IceCredentials {
        ufrag: ufrag_for(worker, number.wrapping_mul(0x9e37_79b9)),
        pwd: format!("{number:024}"),
    };
    let mut client = Client::new(now, number, identity, server, ice.clone(), &media);
    if transport_cc {
        client.report_arrivals(now);
    }
    let permissions = MemberPermissions { can_publish_data: true, hidden: false };
    let name: Arc<str> = format!("client-{number}").into();
    let config = MemberConfig { room, identity: name.clone(), sid: name, permissions };
    let commands = vec![
        Command::AddMember { member, config },
        Command::OpenTransport {
            transport,
            config: TransportConfig { member, ice, data: DataChannels::Accept, data_downstream: true },
        },
        Command::SetMedia { transport, media },
        Command::SetRemote {
            transport,
            ice: client.ice(),
            fingerprint: client.fingerprint(),
            role: DtlsRole::Server,
        },
    ];
    (client, commands)
}

/// One Opus track and one VP8 track without simulcast: tracks 10 n and 10 n + 1 of member n.
pub fn publish(number: u64) -> Vec<Command> {
    let (member, transport) = (MemberId(number), TransportId(number));
    let encoding = |ssrc, height| Encoding {
        rid: None,
        ssrc: Some(ssrc),
        rtx_ssrc: None,
        quality: Quality::High,
        width: height * 16 / 9,
        height,
    };
    let track = |mid: &str, codec, encoding| TrackConfig {
        member,
        transport,
        mid: Token::new(mid.as_bytes()).unwrap(),
        codec,
        encodings: vec![encoding],
        muted: false,
        encrypted: false,
        first: false,
    };
    vec![
        Command::Publish {
            track: TrackId(number * 10),
            config: track("0", Codec::Opus, encoding(AUDIO_SSRC + 16 * number as u32, 0)),
        },
        Command::Publish {
            track: TrackId(number * 10 + 1),
            config: track("1", Codec::Vp8, encoding(VIDEO_SSRC + 16 * number as u32, 720)),
        },
    ]
}

/// The SSRCs by which a subscriber gets a publisher's audio, video and video repetitions.
pub fn subscribed_ssrcs(publisher: u64) -> [u32; 3] {
    let base = 0x2000_0000 + 16 * publisher as u32;
    [base, base + 1, base + 2]
}

pub fn subscribe(publisher: u64, subscriber: u64) -> Vec<Command> {
    let transport = TransportId(subscriber);
    let [audio, video, rtx] = subscribed_ssrcs(publisher);
    let media = media_settings(false);
    let base = (publisher << 32) | (subscriber << 1);
    let one = |index: u64, ssrc, rtx_ssrc, codec: Codec| Command::Subscribe {
        subscription: SubscriptionId(base | index),
        config: SubscriptionConfig {
            transport,
            track: TrackId(publisher * 10 + index),
            mid: Token::new(format!("{publisher}-{index}").as_bytes()).unwrap(),
            ssrc,
            rtx_ssrc,
            payloads: media
                .payloads
                .iter()
                .copied()
                .filter(|payload| payload.codec.kind() == codec.kind())
                .collect(),
        },
    };
    vec![one(0, audio, None, Codec::Opus), one(1, video, Some(rtx), Codec::Vp8)]
}
