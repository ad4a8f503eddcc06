//! The router among members whose links the tests control.

#![allow(deprecated)]

use std::collections::BTreeMap;

use livekit_protocol::data_packet::Value as Proto;
use livekit_protocol::{DataPacket, UserPacket, data_stream};
use prost::Message;

use super::*;

struct Fake {
    id: MemberId,
    identity: String,
    sid: String,
    permissions: MemberPermissions,
    open: bool,
    held: bool,
    /// Sent, not yet acknowledged.
    link: Vec<(Channel, Bytes)>,
    /// What has reached the member.
    inbox: Vec<(Channel, Bytes)>,
    taken: u64,
}

#[derive(Default)]
struct Fakes {
    members: Vec<Fake>,
    holds: u32,
}

impl Fakes {
    fn new(count: u64) -> Fakes {
        let members = (0..count)
            .map(|number| Fake {
                id: MemberId(number),
                identity: format!("user-{number}"),
                sid: format!("PA_{number}"),
                permissions: MemberPermissions { can_publish_data: true, hidden: false },
                open: true,
                held: false,
                link: Vec::new(),
                inbox: Vec::new(),
                taken: 0,
            })
            .collect();
        Fakes { members, holds: 0 }
    }

    fn member(&mut self, number: u64) -> &mut Fake {
        self.members.iter_mut().find(|member| member.id.0 == number).expect("a member")
    }

    /// The link carries up to so many bytes.
    fn drain(&mut self, number: u64, mut bytes: usize) {
        let member = self.member(number);
        while let Some((_, message)) = member.link.first() {
            if message.len() > bytes {
                break;
            }
            bytes -= message.len();
            let arrived = member.link.remove(0);
            if arrived.0 == Channel::Reliable {
                member.taken += arrived.1.len() as u64;
            }
            member.inbox.push(arrived);
        }
    }

    fn packets(&mut self, number: u64) -> Vec<DataPacket> {
        self.drain(number, usize::MAX);
        let inbox = std::mem::take(&mut self.member(number).inbox);
        inbox.into_iter().map(|(_, message)| DataPacket::decode(message).expect("a packet")).collect()
    }
}

impl DataPeers for Fakes {
    fn at(&self, position: usize) -> Option<View<'_>> {
        self.members.get(position).map(|member| View {
            id: member.id,
            identity: &member.identity,
            sid: &member.sid,
            permissions: member.permissions,
        })
    }

    fn find(&self, member: MemberId) -> Option<View<'_>> {
        (0..).map_while(|position| self.at(position)).find(|view| view.id == member)
    }

    fn is_open(&self, member: MemberId, _channel: Channel) -> bool {
        self.members.iter().any(|known| known.id == member && known.open)
    }

    fn buffered(&self, member: MemberId, channel: Channel) -> usize {
        let member = self.members.iter().find(|known| known.id == member);
        member.map_or(0, |member| {
            member.link.iter().filter(|(on, _)| *on == channel).map(|(_, message)| message.len()).sum()
        })
    }

    fn taken(&self, member: MemberId) -> u64 {
        self.members.iter().find(|known| known.id == member).map_or(0, |member| member.taken)
    }

    fn send(&mut self, member: MemberId, channel: Channel, message: &Bytes) -> Result<(), NotSent> {
        let member = self.members.iter_mut().find(|known| known.id == member && known.open);
        member.ok_or(NotSent::NotOpen)?.link.push((channel, message.clone()));
        Ok(())
    }

    fn hold(&mut self, member: MemberId, hold: bool) {
        if hold {
            self.holds += 1;
        }
        self.member(member.0).held = hold;
    }
}

struct Room {
    now: Instant,
    router: DataRouter,
    fakes: Fakes,
    events: Vec<DataEvent>,
    sequences: BTreeMap<u64, u32>,
}

impl Room {
    fn new(members: u64) -> Room {
        Room {
            now: Instant::now(),
            router: DataRouter::default(),
            fakes: Fakes::new(members),
            events: Vec::new(),
            sequences: BTreeMap::new(),
        }
    }

    fn raw(&mut self, from: u64, channel: Channel, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        self.router.on_message(self.now, MemberId(from), channel, &bytes, &mut self.fakes, &mut self.events);
    }

    /// Sends on `_reliable` with the sender's next sequence number.
    fn send(&mut self, from: u64, to: &[&str], value: Proto) {
        let sequence = self.sequences.entry(from).or_default();
        *sequence += 1;
        let packet = DataPacket {
            sequence: *sequence,
            destination_identities: to.iter().map(|name| name.to_string()).collect(),
            participant_identity: "a lie".into(),
            value: Some(value),
            ..Default::default()
        };
        self.raw(from, Channel::Reliable, packet.encode_to_vec());
    }

    fn tick(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
        self.router.on_deadline(self.now, &mut self.fakes, &mut self.events);
    }
}

fn user(text: &str) -> Proto {
    Proto::User(UserPacket { payload: text.as_bytes().to_vec(), ..Default::default() })
}

fn header(id: &str) -> Proto {
    Proto::StreamHeader(data_stream::Header { stream_id: id.into(), ..Default::default() })
}

fn chunk(id: &str, chunk_index: u64) -> Proto {
    let content = vec![chunk_index as u8; 15_000];
    Proto::StreamChunk(data_stream::Chunk {
        stream_id: id.into(),
        chunk_index,
        content,
        ..Default::default()
    })
}

fn end(id: &str) -> Proto {
    Proto::StreamTrailer(data_stream::Trailer { stream_id: id.into(), ..Default::default() })
}

fn text_of(packet: &DataPacket) -> String {
    match &packet.value {
        Some(Proto::User(user)) => String::from_utf8_lossy(&user.payload).into_owned(),
        _ => String::new(),
    }
}

fn texts(packets: &[DataPacket]) -> Vec<String> {
    packets.iter().map(text_of).collect()
}

#[test]
fn a_packet_without_destinations_goes_to_everyone_but_its_sender() {
    let mut room = Room::new(4);
    room.send(1, &[], user("hello"));
    for number in [0, 2, 3] {
        let packets = room.fakes.packets(number);
        assert_eq!(texts(&packets), ["hello"]);
        assert_eq!(
            (packets[0].participant_identity.as_str(), packets[0].participant_sid.as_str()),
            ("user-1", "PA_1")
        );
        assert_eq!(packets[0].sequence, 1);
    }
    assert!(room.fakes.packets(1).is_empty());
}

#[test]
fn named_receivers_alone_get_the_packet_and_unknown_names_are_skipped() {
    let mut room = Room::new(4);
    room.send(1, &["user-3", "nobody", "user-1"], user("psst"));
    assert_eq!(room.fakes.packets(3).len(), 1);
    for number in [0, 1, 2] {
        assert!(room.fakes.packets(number).is_empty());
    }
    room.send(1, &["nobody"], user("lost"));
    assert!(room.fakes.packets(0).is_empty(), "a packet for somebody unknown is not for everyone");
}

#[test]
fn older_clients_name_receivers_by_sid_inside_the_user_packet() {
    let mut room = Room::new(4);
    let value = UserPacket { destination_sids: vec!["PA_2".into()], ..Default::default() };
    room.send(1, &[], Proto::User(value));
    let packets = room.fakes.packets(2);
    let Some(Proto::User(user)) = &packets[0].value else { panic!("no user packet") };
    assert_eq!((user.participant_sid.as_str(), user.participant_identity.as_str()), ("PA_1", "user-1"));
    assert!(room.fakes.packets(0).is_empty() && room.fakes.packets(3).is_empty());
}

#[test]
fn a_hidden_sender_stays_unnamed() {
    let mut room = Room::new(2);
    room.fakes.member(0).permissions.hidden = true;
    room.send(0, &[], user("recorder"));
    let packets = room.fakes.packets(1);
    assert_eq!((packets[0].participant_identity.as_str(), packets[0].participant_sid.as_str()), ("", ""));
}

#[test]
fn without_permission_nothing_passes() {
    let mut room = Room::new(2);
    room.fakes.member(0).permissions.can_publish_data = false;
    room.send(0, &[], user("x"));
    room.raw(0, Channel::DataTrack, vec![0; 12]);
    assert!(room.fakes.packets(1).is_empty());
    assert_eq!(room.router.counters().not_permitted, 2);
}

#[test]
fn a_repeated_sequence_number_passes_once() {
    let mut room = Room::new(2);
    room.send(0, &[], user("one"));
    room.sequences.insert(0, 0);
    room.send(0, &[], user("one again"));
    room.send(0, &[], user("two"));
    assert_eq!(texts(&room.fakes.packets(1)), ["one", "two"]);
    // Packets without a number are not told apart.
    let packet = DataPacket { value: Some(user("plain")), ..Default::default() }.encode_to_vec();
    room.raw(0, Channel::Reliable, packet.clone());
    room.raw(0, Channel::Reliable, packet);
    assert_eq!(room.fakes.packets(1).len(), 2);
}

#[test]
fn the_channel_decides_the_kind_and_lossy_packets_are_dropped_above_the_bound() {
    let mut room = Room::new(2);
    let packet = DataPacket { value: Some(user(&"x".repeat(1000))), ..Default::default() }.encode_to_vec();
    for _ in 0..1000 {
        room.raw(0, Channel::Lossy, packet.clone());
    }
    let packets = room.fakes.packets(1);
    assert!((240..=263).contains(&packets.len()), "{}", packets.len());
    assert_eq!(packets[0].kind, 1);
    assert_eq!(room.router.counters().dropped_lossy, 1000 - packets.len() as u64);
    assert_eq!(room.fakes.holds, 0);
}

#[test]
fn nobody_may_claim_who_speaks() {
    let mut room = Room::new(2);
    room.send(0, &[], Proto::Speaker(Default::default()));
    assert!(room.fakes.packets(1).is_empty());
}

#[test]
fn what_came_in_the_last_two_seconds_waits_for_a_channel_to_open() {
    let mut room = Room::new(2);
    room.fakes.member(1).open = false;
    for (text, pause) in [("old", 1500), ("one", 1000), ("two", 500)] {
        room.send(0, &[], user(text));
        room.tick(pause);
    }
    room.fakes.member(1).open = true;
    room.router.on_channel_open(room.now, MemberId(1), Channel::Reliable, &mut room.fakes, &mut room.events);
    room.send(0, &[], user("three"));
    assert_eq!(texts(&room.fakes.packets(1)), ["one", "two", "three"]);
    assert_eq!(room.router.counters().dropped_pending, 1);
}

#[test]
fn a_receiver_that_never_opens_costs_a_bounded_amount() {
    let mut room = Room::new(2);
    room.fakes.member(1).open = false;
    for _ in 0..1000 {
        room.send(0, &[], chunk("s", 0));
    }
    room.fakes.member(1).open = true;
    room.router.on_channel_open(room.now, MemberId(1), Channel::Reliable, &mut room.fakes, &mut room.events);
    let waiting = room.fakes.buffered(MemberId(1), Channel::Reliable);
    assert!(waiting <= 1024 * 1024, "{waiting} bytes");
}

#[test]
fn a_resume_sends_again_what_was_missed_and_nothing_else() {
    let mut room = Room::new(4);
    for number in 1..=5 {
        room.send(0, &[], user(&format!("zero {number}")));
    }
    room.send(1, &["user-3"], user("not for two"));
    room.send(3, &[], user("three 1"));
    room.fakes.packets(2);
    let received = [("PA_0".to_string(), 3)];
    let last = room.router.resume(room.now, MemberId(2), &received, &mut room.fakes, &mut room.events);
    assert_eq!(last, 0);
    assert_eq!(texts(&room.fakes.packets(2)), ["zero 4", "zero 5", "three 1"]);
    let last = room.router.resume(room.now, MemberId(0), &[], &mut room.fakes, &mut room.events);
    assert_eq!(last, 5, "its own packets after the fifth are to be sent again");
    assert_eq!(
        texts(&room.fakes.packets(0)),
        ["three 1"],
        "and nothing was replayed to a client that told nothing"
    );
    room.tick(16_000);
    room.router.resume(room.now, MemberId(2), &received, &mut room.fakes, &mut room.events);
    assert!(room.fakes.packets(2).is_empty(), "older than the cache");
}

#[test]
fn a_slow_receiver_slows_its_sender_and_loses_nothing() {
    let mut room = Room::new(3);
    room.send(0, &[], header("file"));
    let mut next = 0;
    for _ in 0..4000 {
        while !room.fakes.member(0).held && next < 400 {
            room.send(0, &[], chunk("file", next));
            next += 1;
        }
        // 200 kB/s, against a sender without limits.
        room.fakes.drain(1, usize::MAX);
        room.tick(100);
        room.fakes.drain(2, 20_000);
        if next == 400 {
            break;
        }
    }
    assert_eq!(next, 400);
    room.send(0, &[], end("file"));
    assert!(room.fakes.holds > 1);
    for number in [1, 2] {
        assert_eq!(room.fakes.packets(number).len(), 402);
    }
    assert!(room.events.is_empty());
}

/// A receiver that takes nothing at all.
fn stuck() -> Room {
    let mut room = Room::new(3);
    room.send(0, &[], header("file"));
    let mut next = 0;
    for _ in 0..60 {
        while !room.fakes.member(0).held && next < 200 {
            room.send(0, &[], chunk("file", next));
            next += 1;
        }
        room.fakes.drain(1, usize::MAX);
        room.tick(100);
    }
    assert_eq!(next, 200, "the sender goes on after the cut");
    room.send(0, &[], end("file"));
    room
}

#[test]
fn a_stuck_receiver_alone_is_cut_off_after_five_seconds() {
    let mut room = stuck();
    assert_eq!(room.fakes.packets(1).len(), 202, "the other receiver has everything");
    assert_eq!(
        room.events,
        [DataEvent::SlowReceiver { member: MemberId(2), sender: MemberId(0), streams: 1 }]
    );
    let packets = room.fakes.packets(2);
    let (last, before) = packets.split_last().expect("packets");
    let Some(Proto::StreamTrailer(trailer)) = &last.value else { panic!("no trailer at the end") };
    assert_eq!(trailer.stream_id, "file");
    assert!(!trailer.reason.is_empty());
    assert_eq!((last.sequence, last.participant_sid.as_str()), (0, "PA_0"));
    assert!(before.iter().all(|packet| !matches!(packet.value, Some(Proto::StreamTrailer(_)))));
    let bytes: usize = packets.iter().map(Message::encoded_len).sum();
    assert!(bytes < 1024 * 1024 + 70_000, "{bytes} bytes");
    assert!(!room.router.is_held(MemberId(0)));
}

#[test]
fn a_cut_off_receiver_gets_nothing_until_it_has_drained_and_is_served_again_then() {
    let mut room = stuck();
    room.send(1, &[], user("chat while cut off"));
    room.send(1, &[], header("second"));
    let dropped = room.router.counters().dropped_slow;
    assert!(dropped >= 2);
    // Its link recovers in the middle of the second stream.
    room.fakes.packets(2);
    room.tick(20);
    room.send(1, &[], chunk("second", 0));
    room.send(1, &[], end("second"));
    room.send(1, &[], user("chat after"));
    room.send(1, &[], header("third"));
    let packets = room.fakes.packets(2);
    assert_eq!(packets.len(), 2, "half a stream is worth nothing");
    assert_eq!(text_of(&packets[0]), "chat after");
    assert!(matches!(&packets[1].value, Some(Proto::StreamHeader(header)) if header.stream_id == "third"));
}

#[test]
fn a_cut_off_stream_is_not_replayed() {
    let mut room = stuck();
    room.fakes.packets(2);
    room.tick(20);
    let received = [("PA_0".to_string(), 80)];
    room.router.resume(room.now, MemberId(2), &received, &mut room.fakes, &mut room.events);
    let streams = room.fakes.packets(2);
    assert!(streams.iter().all(|packet| !matches!(packet.value, Some(Proto::StreamChunk(_)))));
}

#[test]
fn the_servers_packets_name_no_sender_and_respect_the_hard_bound() {
    let mut room = Room::new(3);
    let packet = DataPacket {
        destination_identities: vec!["user-1".into()],
        value: Some(user(&"x".repeat(60_000))),
        ..Default::default()
    };
    let bytes = Bytes::from(packet.encode_to_vec());
    for _ in 0..200 {
        room.router.send_from_server(room.now, &bytes, true, &mut room.fakes, &mut room.events);
    }
    let waiting = room.fakes.buffered(MemberId(1), Channel::Reliable);
    assert!(waiting <= 4 * 1024 * 1024 && waiting > 4 * 1024 * 1024 - 70_000, "{waiting}");
    assert!(room.fakes.packets(2).is_empty());
    assert_eq!(room.fakes.holds, 0);
    assert_eq!(room.fakes.packets(1)[0].participant_sid, "");
}

#[test]
fn a_sender_waits_no_longer_for_somebody_who_left() {
    let mut room = Room::new(2);
    room.send(0, &[], header("file"));
    for number in 0..100 {
        room.send(0, &[], chunk("file", number));
    }
    assert!(room.fakes.member(0).held);
    room.fakes.members.remove(1);
    room.router.on_member_left(room.now, MemberId(1), &mut room.fakes, &mut room.events);
    assert!(!room.fakes.member(0).held);
}

#[test]
fn data_tracks_reach_their_subscribers_under_the_handles_these_know() {
    let mut room = Room::new(4);
    let (position, other) = (DataTrackId(7), DataTrackId(8));
    room.router.publish_data_track(position, MemberId(0), 3);
    room.router.publish_data_track(other, MemberId(1), 3);
    room.router.subscribe_data_track(position, MemberId(1), 3);
    room.router.subscribe_data_track(position, MemberId(2), 0x1234);
    let packet: Vec<u8> = vec![0x18, 0, 0, 3, 0, 1, 0, 1, 0, 0, 0, 9, 0xaa, 0xbb];
    room.raw(0, Channel::DataTrack, packet.clone());
    assert_eq!(room.fakes.member(1).link, [(Channel::DataTrack, Bytes::from(packet.clone()))]);
    let mut renamed = packet.clone();
    renamed[2..4].copy_from_slice(&[0x12, 0x34]);
    assert_eq!(room.fakes.member(2).link, [(Channel::DataTrack, Bytes::from(renamed))]);
    assert!(room.fakes.member(3).link.is_empty());

    room.router.unsubscribe_data_track(position, MemberId(1));
    room.router.unpublish_data_track(other);
    room.raw(0, Channel::DataTrack, packet.clone());
    room.raw(1, Channel::DataTrack, packet.clone());
    assert_eq!(room.fakes.member(1).link.len(), 1);
    assert_eq!(room.fakes.member(2).link.len(), 2);
    assert_eq!(room.router.counters().unknown_data_track, 1);

    let mut future = packet.clone();
    future[0] = 0x20;
    room.raw(0, Channel::DataTrack, future);
    room.raw(0, Channel::DataTrack, packet[..11].to_vec());
    assert_eq!(room.router.counters().malformed, 2);
    for _ in 0..100_000 {
        room.raw(0, Channel::DataTrack, packet.clone());
    }
    assert!(room.fakes.buffered(MemberId(2), Channel::DataTrack) <= 256 * 1024 + packet.len());
}

#[derive(Clone)]
struct UnderWay {
    id: String,
    next: u64,
    len: u64,
    to: Vec<&'static str>,
}

/// Senders, links and destinations by a seed. Whatever happens, every receiver sees of every stream a header, chunks
/// without a gap and one trailer, or nothing; and nothing waits without bound.
#[test]
fn streams_arrive_whole_or_end_with_a_trailer_whatever_the_links_do() {
    for seed in 0..40u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut random = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % bound
        };
        let mut room = Room::new(5);
        // Bytes per 50 ms; 0 is stuck at times.
        let rates: Vec<u64> = (0..5).map(|_| [100, 2_000, 20_000, 1_000_000][random(4) as usize]).collect();
        // By sender.
        let mut under_way: Vec<Option<UnderWay>> = vec![None; 5];
        let mut begun = 0;
        for step in 0..1200 {
            for (sender, slot) in under_way.iter_mut().enumerate() {
                // A held sender still trickles.
                let quota =
                    if room.fakes.member(sender as u64).held { u64::from(step % 5 == 0) } else { random(12) };
                for _ in 0..quota {
                    if sender as u64 != 0 && sender as u64 != 1 {
                        break;
                    }
                    if slot.is_none() {
                        begun += 1;
                        let id = format!("{sender}-{begun}");
                        let to = if random(2) == 0 { vec![] } else { vec!["user-2", "user-3"] };
                        room.send(sender as u64, &to, header(&id));
                        *slot = Some(UnderWay { id, next: 0, len: random(120), to });
                    } else if let Some(UnderWay { id, next, len, to }) = slot {
                        if next == len {
                            room.send(sender as u64, to, end(id));
                            *slot = None;
                        } else {
                            room.send(sender as u64, to, chunk(id, *next));
                            *next += 1;
                        }
                    }
                }
            }
            for number in 0..5 {
                let stalls = random(4) == 0;
                room.fakes.drain(number, if stalls { 0 } else { rates[number as usize] as usize * 2 });
                let waiting = room.fakes.buffered(MemberId(number), Channel::Reliable);
                assert!(waiting < 4 * 1024 * 1024 + 100_000, "seed {seed}: {waiting} bytes");
            }
            room.tick(50);
        }
        for number in 0..5 {
            let mut streams: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for packet in room.fakes.packets(number) {
                let (id, what) = match packet.value {
                    Some(Proto::StreamHeader(header)) => (header.stream_id, "header".to_string()),
                    Some(Proto::StreamChunk(chunk)) => (chunk.stream_id, chunk.chunk_index.to_string()),
                    Some(Proto::StreamTrailer(trailer)) => (trailer.stream_id, "end".to_string()),
                    _ => panic!("seed {seed}"),
                };
                streams.entry(id).or_default().push(what);
            }
            for (id, packets) in streams {
                assert_eq!(packets[0], "header", "seed {seed}, member {number}, stream {id}");
                let ended = packets.iter().position(|what| what == "end");
                let chunks = &packets[1..ended.unwrap_or(packets.len())];
                for (index, chunk) in chunks.iter().enumerate() {
                    assert_eq!(*chunk, index.to_string(), "seed {seed}, member {number}, stream {id}");
                }
                assert!(
                    ended.is_none_or(|at| at == packets.len() - 1),
                    "seed {seed}, member {number}: {packets:?}"
                );
            }
        }
    }
}
