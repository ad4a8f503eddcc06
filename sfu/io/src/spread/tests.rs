use chevet_sfu_core::api::{Codec, DataChannels, IceCredentials, MemberPermissions, Token, TransportConfig};

use super::*;

const ROOM: RoomId = RoomId(1);

fn add(member: u64) -> Command {
    let config = MemberConfig {
        room: ROOM,
        identity: "a".into(),
        sid: "PA".into(),
        permissions: MemberPermissions { can_publish_data: true, hidden: false },
    };
    Command::AddMember { member: MemberId(member), config }
}

fn open_transport(member: u64) -> Command {
    let ice = IceCredentials { ufrag: String::new(), pwd: String::new() };
    let config =
        TransportConfig { member: MemberId(member), ice, data: DataChannels::Accept, data_downstream: true };
    Command::OpenTransport { transport: TransportId(member), config }
}

fn publish(track: u64, member: u64) -> Command {
    let config = TrackConfig {
        member: MemberId(member),
        transport: TransportId(member),
        mid: Token::new(b"0").unwrap(),
        codec: Codec::Opus,
        encodings: Vec::new(),
        muted: false,
        encrypted: false,
        first: false,
    };
    Command::Publish { track: TrackId(track), config }
}

/// The workers of a test, and what each of them has heard.
#[derive(Default)]
struct Table {
    spread: Spread,
    heard: HashMap<u16, Vec<String>>,
}

fn name(command: &Command) -> String {
    match command {
        Command::Remote { worker, command } => format!("{}@{worker}", name(command)),
        Command::AddMember { member, .. } => format!("add {}", member.0),
        Command::RemoveMember { member } => format!("remove {}", member.0),
        Command::Publish { track, config } => {
            format!("publish {}{}", track.0, if config.muted { " muted" } else { "" })
        }
        Command::Unpublish { track } => format!("unpublish {}", track.0),
        Command::CloseTransport { transport } => format!("close {}", transport.0),
        Command::SubscribeDataTrack { data_track, member, .. } => {
            format!("data {} to {}", data_track.0, member.0)
        }
        other => format!("{other:?}").split([' ', '{']).next().unwrap().to_owned(),
    }
}

impl Table {
    fn give(&mut self, worker: u16, command: Command) {
        for told in self.spread.before(WorkerId(worker), &command) {
            self.heard.entry(worker).or_default().push(name(&told));
        }
        let copies = self.spread.after(WorkerId(worker), &command);
        self.heard.entry(worker).or_default().push(name(&command));
        for (other, copy) in copies {
            assert!(other.0 != worker || matches!(copy, Command::CloseRoom { .. }));
            self.heard.entry(other.0).or_default().push(name(&copy));
        }
    }

    fn heard(&mut self, worker: u16) -> Vec<String> {
        self.heard.remove(&worker).unwrap_or_default()
    }

    fn place(&self, limit: usize) -> u16 {
        self.spread.place(ROOM, WorkerId(0), limit, || vec![WorkerId(2), WorkerId(0), WorkerId(1)]).0
    }
}

fn table() -> Table {
    let mut table = Table::default();
    table.give(0, Command::OpenRoom { room: ROOM });
    table
}

#[test]
fn a_worker_is_filled_before_the_next_is_used_and_then_the_emptiest_is() {
    let mut table = table();
    let mut placed = Vec::new();
    for member in 0..8 {
        let worker = table.place(2);
        table.give(worker, add(member));
        placed.push(worker);
    }
    assert_eq!(placed, [0, 0, 2, 2, 1, 1, 0, 2]);
    table.give(1, Command::RemoveMember { member: MemberId(4) });
    assert_eq!(table.place(2), 1, "where somebody left there is room again");
}

#[test]
fn a_worker_that_joins_a_room_hears_all_that_is_there() {
    let mut table = table();
    table.give(0, add(1));
    table.give(0, open_transport(1));
    table.give(0, publish(10, 1));
    table.give(0, publish(11, 1));
    table.give(0, Command::SetMuted { track: TrackId(10), muted: true });
    table.give(0, Command::Unpublish { track: TrackId(11) });
    table.give(0, Command::PublishDataTrack { data_track: DataTrackId(5), member: MemberId(1), handle: 3 });
    assert!(table.heard(1).is_empty());
    table.give(1, add(2));
    let heard = ["OpenRoom", "add 1@0", "publish 10 muted@0", "PublishDataTrack@0", "add 2"];
    assert_eq!(table.heard(1), heard);
    assert_eq!(table.heard(0).last().map(String::as_str), Some("add 2@1"));
    table.give(1, Command::SubscribeDataTrack { data_track: DataTrackId(5), member: MemberId(2), handle: 1 });
    assert_eq!(table.heard(0), ["data 5 to 2@1"]);
    table.give(2, add(3));
    assert!(table.heard(2).contains(&"data 5 to 2@0".to_owned()));
}

#[test]
fn what_ends_on_one_worker_ends_on_the_others() {
    let mut table = table();
    table.give(0, add(1));
    table.give(1, add(2));
    table.give(1, open_transport(2));
    table.give(1, publish(20, 2));
    table.give(1, publish(21, 2));
    table.heard.clear();
    table.give(1, Command::Unpublish { track: TrackId(20) });
    table.give(1, Command::CloseTransport { transport: TransportId(2) });
    table.give(1, Command::RemoveMember { member: MemberId(2) });
    assert_eq!(table.heard(0), ["unpublish 20@1", "close 2@1", "remove 2@1"]);
    table.give(0, Command::CloseRoom { room: ROOM });
    assert!(table.spread.rooms.is_empty() && table.spread.members.is_empty());
    assert!(table.spread.tracks.is_empty() && table.spread.transports.is_empty());
}

#[test]
fn a_room_leaves_a_worker_with_its_last_member_there_but_never_its_home() {
    let mut table = table();
    table.give(1, add(1));
    table.give(2, add(2));
    table.heard.clear();
    let copies = table.spread.after(WorkerId(1), &Command::RemoveMember { member: MemberId(1) });
    let copies: Vec<(u16, String)> =
        copies.iter().map(|(worker, command)| (worker.0, name(command))).collect();
    assert_eq!(copies, [(0, "remove 1@1".into()), (2, "remove 1@1".into()), (1, "CloseRoom".to_owned())]);
    table.give(0, Command::CloseRoom { room: ROOM });
    assert_eq!(table.heard(2), ["CloseRoom"]);
    assert!(table.heard(1).is_empty());
}

#[test]
fn what_a_full_queue_refuses_is_given_later_in_order() {
    let mut spread = Spread::default();
    let worker = WorkerId(3);
    (1..=4).for_each(|number| spread.owe(worker, Command::Unpublish { track: TrackId(number) }));
    let mut taken = Vec::new();
    let mut take = |room: usize| {
        let mut left = room;
        spread.settle(worker, |command| {
            if left == 0 {
                return Err(command);
            }
            left -= 1;
            taken.push(name(&command));
            Ok(())
        })
    };
    assert_eq!([take(1), take(0), take(2), take(9), take(0)], [false, false, false, true, true]);
    assert_eq!(taken, ["unpublish 1", "unpublish 2", "unpublish 3", "unpublish 4"]);
}
