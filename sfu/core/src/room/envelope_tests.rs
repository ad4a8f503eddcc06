//! Against `livekit-protocol`, which reads and writes the same bytes with generated code.

#![allow(deprecated)]

use livekit_protocol::data_packet::Value as Proto;
use livekit_protocol::{self as proto, DataPacket, UserPacket, data_stream};
use proptest::prelude::*;
use prost::Message;

use super::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z]{1,200}", "\\PC{0,8}"]
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[a-zA-Z_]{1,12}", 0..4)
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..300)
}

fn value() -> impl Strategy<Value = Option<Proto>> {
    let user = (text(), text(), content(), texts(), texts(), proptest::option::of(text())).prop_map(
        |(
            participant_sid,
            participant_identity,
            payload,
            destination_sids,
            destination_identities,
            topic,
        )| {
            Proto::User(UserPacket {
                participant_sid,
                participant_identity,
                payload,
                destination_sids,
                destination_identities,
                topic,
                start_time: Some(u64::MAX),
                ..Default::default()
            })
        },
    );
    let header = (text(), proptest::option::of(content())).prop_map(|(stream_id, inline_content)| {
        Proto::StreamHeader(data_stream::Header {
            stream_id: stream_id.chars().take(30).collect(),
            inline_content,
            timestamp: -1,
            ..Default::default()
        })
    });
    let chunk = (content(), any::<u64>()).prop_map(|(content, chunk_index)| {
        Proto::StreamChunk(data_stream::Chunk {
            stream_id: "s-1".into(),
            chunk_index,
            content,
            ..Default::default()
        })
    });
    let trailer = text().prop_map(|reason| {
        Proto::StreamTrailer(data_stream::Trailer { stream_id: "s-2".into(), reason, ..Default::default() })
    });
    let encrypted = content().prop_map(|encrypted_value| {
        Proto::EncryptedPacket(proto::EncryptedPacket { encrypted_value, ..Default::default() })
    });
    prop_oneof![
        Just(None),
        user.prop_map(Some),
        header.prop_map(Some),
        chunk.prop_map(Some),
        trailer.prop_map(Some),
        encrypted.prop_map(Some),
    ]
}

fn data_packet() -> impl Strategy<Value = DataPacket> {
    (0..2i32, text(), texts(), any::<u32>(), text(), value()).prop_map(
        |(kind, participant_identity, destination_identities, sequence, participant_sid, value)| DataPacket {
            kind,
            participant_identity,
            destination_identities,
            sequence,
            participant_sid,
            value,
        },
    )
}

/// What the packet should look like after us.
fn expected(packet: &DataPacket, stamp: &Stamp<'_>) -> DataPacket {
    let mut packet = packet.clone();
    packet.kind = i32::from(stamp.lossy);
    packet.participant_identity = stamp.identity.into();
    packet.participant_sid = stamp.sid.into();
    if let Some(Proto::User(user)) = &mut packet.value {
        user.participant_identity = stamp.identity.into();
        user.participant_sid = stamp.sid.into();
    }
    packet
}

proptest! {
    #[test]
    fn a_stamped_packet_reads_as_the_truth(packet in data_packet(), identity in text(), sid in text(), lossy: bool) {
        let stamp = Stamp { identity: &identity, sid: &sid, lossy };
        let bytes = packet.encode_to_vec();
        let envelope = Envelope::parse(&bytes).expect("well-formed");
        prop_assert_eq!(envelope.sequence, packet.sequence);
        let stamped = envelope.stamped(&stamp).expect("well-formed");
        prop_assert_eq!(DataPacket::decode(stamped).expect("well-formed"), expected(&packet, &stamp));
    }

    #[test]
    fn destinations_are_found_in_both_places(packet in data_packet()) {
        let bytes = packet.encode_to_vec();
        let envelope = Envelope::parse(&bytes).expect("well-formed");
        let mut identities = packet.destination_identities.clone();
        let mut sids = Vec::new();
        if let Some(Proto::User(user)) = &packet.value {
            identities.extend(user.destination_identities.clone());
            sids.extend(user.destination_sids.clone());
        }
        let mut found: Vec<Vec<u8>> = envelope.identities.iter().map(|name| name.to_vec()).collect();
        let mut wanted: Vec<Vec<u8>> = identities.into_iter().map(String::into_bytes).collect();
        found.sort();
        wanted.sort();
        prop_assert_eq!(found, wanted);
        prop_assert_eq!(envelope.sids.len(), sids.len());
    }

    #[test]
    fn damaged_packets_are_refused_or_read_but_never_panic(
        packet in data_packet(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        keep: prop::sample::Index,
    ) {
        let mut bytes = packet.encode_to_vec();
        if bytes.is_empty() {
            return Ok(());
        }
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(keep.index(bytes.len()) + 1);
        if let Ok(envelope) = Envelope::parse(&bytes) {
            let stamp = Stamp { identity: "alice", sid: "PA_a", lossy: true };
            if let Ok(stamped) = envelope.stamped(&stamp) {
                // What we let through names the sender that we know, whatever it was before.
                if let Ok(packet) = DataPacket::decode(stamped) {
                    prop_assert_eq!(packet.participant_identity, "alice");
                    prop_assert_eq!(packet.participant_sid, "PA_a");
                }
            }
        }
    }

    #[test]
    fn noise_never_panics(bytes in content()) {
        if let Ok(envelope) = Envelope::parse(&bytes) {
            let _ = envelope.stamped(&Stamp { identity: "a", sid: "b", lossy: false });
        }
    }
}

#[test]
fn streams_are_told_apart() {
    let read = |value: Proto| {
        let bytes = DataPacket { value: Some(value), ..Default::default() }.encode_to_vec();
        let envelope = Envelope::parse(&bytes).expect("well-formed");
        format!("{:?}", envelope.value)
    };
    let header = data_stream::Header { stream_id: "x".into(), ..Default::default() };
    assert_eq!(read(Proto::StreamHeader(header.clone())), "StreamHeader { id: [120], complete: false }");
    let inline = data_stream::Header { inline_content: Some(vec![1]), ..header };
    assert_eq!(read(Proto::StreamHeader(inline)), "StreamHeader { id: [120], complete: true }");
    assert_eq!(read(Proto::RpcAck(Default::default())), "Other");
    assert_eq!(read(Proto::Speaker(Default::default())), "Speaker");
    assert_eq!(read(Proto::Metrics(Default::default())), "Metrics");
}

#[test]
fn fields_of_the_future_pass_unchanged() {
    let mut bytes = DataPacket { sequence: 7, ..Default::default() }.encode_to_vec();
    let unknown = [0xa2, 0x06, 3, 1, 2, 3];
    bytes.extend_from_slice(&unknown);
    let stamped = Envelope::parse(&bytes)
        .and_then(|envelope| envelope.stamped(&Stamp { identity: "a", sid: "b", lossy: false }))
        .expect("well-formed");
    assert!(stamped.windows(unknown.len()).any(|window| window == unknown));
}

#[test]
fn two_values_in_one_packet_are_refused() {
    let user = DataPacket { value: Some(Proto::User(UserPacket::default())), ..Default::default() };
    let mut bytes = user.encode_to_vec();
    bytes.extend(user.encode_to_vec());
    assert_eq!(Envelope::parse(&bytes), Err(Malformed));
}

#[test]
fn a_trailer_of_ours_is_a_trailer_to_others() {
    let bytes = trailer(b"s-1", "too slow", &Stamp { identity: "alice", sid: "PA_a", lossy: false });
    let packet = DataPacket::decode(bytes).expect("well-formed");
    assert_eq!((packet.participant_identity.as_str(), packet.participant_sid.as_str()), ("alice", "PA_a"));
    assert_eq!(packet.sequence, 0);
    let Some(Proto::StreamTrailer(trailer)) = packet.value else { panic!("no trailer") };
    assert_eq!((trailer.stream_id.as_str(), trailer.reason.as_str()), ("s-1", "too slow"));
}
