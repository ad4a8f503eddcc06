use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use proptest::prelude::*;
use proto::DisconnectReason;
use proto::participant_info::State;

use super::*;
use crate::media::api::{Codec, Command, Event, Grade, QualityReason, QualityVerdict, Speaker, TrackId};
use crate::media::{WorkerId, WorkerLoad};
use crate::settings::{ControlConfig, Limits, RoomDefaults};
use crate::testing::*;
use crate::tokens::VideoGrant;

fn vp8(track: TrackId) -> Vec<MediaTrack> {
    vec![MediaTrack { track, codec: Codec::Vp8 }]
}

fn leaves(seat: &mut Seat) -> Vec<DisconnectReason> {
    let leave = |notice| match notice {
        Notice::Leave { reason, .. } => Some(reason),
        _ => None,
    };
    notices(seat).into_iter().filter_map(leave).collect()
}

#[test]
fn a_join_opens_the_room_and_tells_the_others() {
    let (control, media) = control();
    let mut alice = join(&control, "r", "alice");
    assert!(alice.seat.sid.starts_with("PA_"));
    assert_eq!(alice.snapshot.participant.version, 1);
    let bob = join(&control, "r", "bob");
    assert_eq!(bob.snapshot.others.len(), 1);
    assert_eq!(bob.snapshot.room.num_participants, 2);
    let seen = updates(&mut alice.seat);
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].identity.as_str(), seen[0].state()), ("bob", State::Joined));
    assert_eq!(media.names(), ["OpenRoom", "AddMember", "AddMember"]);
}

#[test]
fn a_second_join_of_an_identity_ends_the_first_before_it_is_seen() {
    let (control, _) = control();
    let mut alice = join(&control, "r", "alice");
    let mut old = join(&control, "r", "bob");
    let new = join(&control, "r", "bob");
    assert_ne!(old.seat.sid, new.seat.sid);
    assert_ne!(old.seat.member, new.seat.member);
    assert_eq!(leaves(&mut old.seat), [DisconnectReason::DuplicateIdentity]);
    drop(old);
    let seen: Vec<_> = updates(&mut alice.seat).iter().map(|info| (info.sid.clone(), info.state())).collect();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[1], (seen[0].0.clone(), State::Disconnected));
    assert_eq!(seen[2], (new.seat.sid.to_string(), State::Joined));
    assert_eq!(control.population(), (1, 2));
}

#[test]
fn joins_are_refused_for_the_right_reason() {
    let config = ControlConfig {
        room: RoomDefaults { auto_create: false, max_participants: 1, ..RoomDefaults::default() },
        ..config()
    };
    let (control, _) = control_with(config);
    let try_join = |claims: &crate::tokens::Claims| {
        control.join(claims, JoinOptions::default()).map(|joined| joined.seat)
    };
    let mut no_grant = claims("r", "alice");
    no_grant.video = None;
    assert_eq!(try_join(&no_grant).err(), Some(JoinError::NotAllowed));
    assert_eq!(try_join(&claims("r", "alice")).err(), Some(JoinError::NoRoom));
    assert!(JoinError::NoRoom.to_string().contains("requested room does not exist"));
    assert!(matches!(try_join(&claims("", "alice")), Err(JoinError::Invalid(_))));
    assert!(matches!(try_join(&claims("r", "")), Err(JoinError::Invalid(_))));
    assert!(matches!(try_join(&claims("r", &"x".repeat(300))), Err(JoinError::Invalid(_))));
    let mut creator = claims("r", "alice");
    creator.video = Some(VideoGrant { room_create: true, ..creator.grant() });
    let _seat = try_join(&creator).expect("may create");
    assert_eq!(try_join(&claims("r", "bob")).err(), Some(JoinError::Full));
    // The same person may always come back.
    let _again = try_join(&claims("r", "alice")).expect("replaces itself");
}

#[test]
fn a_session_that_does_not_drain_is_cut_off_and_holds_nobody_up() {
    let config = ControlConfig { limits: Limits { notices: 16, ..Limits::default() }, ..config() };
    let (control, _) = control_with(config);
    let mut alice = join(&control, "r", "alice").seat;
    let mut stalled = join(&control, "r", "stalled").seat;
    alice.publish(camera("TR_1"), vp8(TrackId(1))).expect("may publish");
    let mut last = 0;
    for round in 0..1000 {
        alice.update_track("TR_1", |info| info.width = round).expect("published");
        for info in updates(&mut alice).iter().filter(|info| info.identity == "alice") {
            assert!(info.version > last);
            last = info.version;
        }
    }
    assert_eq!(control.inner.counts.stalled.load(Ordering::Relaxed), 1);
    let queue = stalled.notices.as_mut().expect("never taken");
    while queue.try_recv().is_ok() {}
    assert!(matches!(queue.try_recv(), Err(tokio::sync::mpsc::error::TryRecvError::Disconnected)));
    // Its client cannot resume a session that missed something, and may join again at once.
    let sid = stalled.sid.to_string();
    assert_eq!(control.check_resume(&claims("r", "stalled"), &sid), Err(ResumeError::Unknown));
    let again = join(&control, "r", "stalled");
    drop(stalled);
    assert_eq!(control.population(), (1, 2));
    drop(again);
}

#[test]
fn threads_that_use_their_seats_at_once_do_not_deadlock() {
    let (control, _) = control();
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let control = control.clone();
            std::thread::spawn(move || {
                for round in 0..50_u64 {
                    let mut seat = join(&control, "r", &format!("t{thread}")).seat;
                    let id = TrackId(round * 4 + thread);
                    let sid = format!("TR_{thread}_{round}");
                    seat.publish(camera(&sid), vp8(id)).expect("may publish");
                    seat.set_active();
                    drop(seat.snapshot());
                    notices(&mut seat);
                    if round % 2 == 0 {
                        seat.leave(DisconnectReason::ClientInitiated)
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!(control.population(), (1, 0));
}

#[test]
fn a_publication_is_offered_after_the_update_that_shows_it() {
    let (control, _) = control();
    let alice = join(&control, "r", "alice").seat;
    let mut bob = join(&control, "r", "bob").seat;
    notices(&mut bob);
    alice.publish(camera("TR_1"), vp8(TrackId(9))).expect("may publish");
    let seen = notices(&mut bob);
    assert!(matches!(&seen[..], [Notice::Update(infos), Notice::Published(offered)]
        if infos[0].tracks[0].sid == "TR_1" && offered.allowed && offered.publication.media[0].track == TrackId(9)));
    let late = join(&control, "r", "carol");
    assert_eq!(late.snapshot.publications.len(), 1);
    alice.unpublish("TR_1").expect("published");
    let seen = notices(&mut bob);
    assert!(
        seen.iter()
            .any(|notice| matches!(notice, Notice::Unpublished { track_sid, .. } if track_sid == "TR_1"))
    );
    assert_eq!(alice.unpublish("TR_1"), Err(Refused::NotFound));
}

#[test]
fn a_hidden_participant_is_seen_by_itself_only() {
    let (control, _) = control();
    let mut alice = join(&control, "r", "alice").seat;
    let mut hidden = claims("r", "ghost");
    hidden.video = Some(VideoGrant { hidden: true, ..hidden.grant() });
    let mut ghost = control.join(&hidden, JoinOptions::default()).expect("may join").seat;
    ghost.set_active();
    ghost.publish(camera("TR_g"), vp8(TrackId(1))).expect("may publish");
    assert_eq!(updates(&mut ghost).len(), 2);
    drop(ghost);
    assert!(notices(&mut alice).is_empty());
    assert!(alice.snapshot().expect("seated").others.is_empty());
}

#[test]
fn sources_outside_the_grant_are_refused() {
    let (control, _) = control();
    let mut only_microphone = claims("r", "alice");
    let sources = vec!["microphone".to_owned()];
    only_microphone.video = Some(VideoGrant { can_publish_sources: sources, ..only_microphone.grant() });
    let alice = control.join(&only_microphone, JoinOptions::default()).expect("may join").seat;
    assert_eq!(alice.publish(camera("TR_1"), Vec::new()), Err(Refused::NotAllowed));
    assert_eq!(alice.may_publish(proto::TrackSource::Microphone), Ok(()));
}

#[test]
fn a_resume_needs_identity_and_sid_and_brings_the_socket_to_the_session() {
    let (control, _) = control();
    let mut alice = join(&control, "r", "alice").seat;
    alice.set_active();
    alice.connection_lost();
    let sid = alice.sid.to_string();
    assert_eq!(control.check_resume(&claims("r", "alice"), "PA_other"), Err(ResumeError::Unknown));
    assert_eq!(control.check_resume(&claims("r", "bob"), &sid), Err(ResumeError::Unknown));
    assert_eq!(control.check_resume(&claims("other", "alice"), &sid), Err(ResumeError::Unknown));
    assert_eq!(control.check_resume(&claims("r", "alice"), &sid), Ok(()));
    assert!(control.attach("alice", "PA_other", Box::new(1_u32)).is_err());
    control.attach("alice", &sid, Box::new(42_u32)).expect("alive");
    let attached = notices(&mut alice).into_iter().find_map(|notice| match notice {
        Notice::Attached(socket) => socket.downcast::<u32>().ok(),
        _ => None,
    });
    assert_eq!(attached.as_deref(), Some(&42));
    control.hub().tick(Instant::now() + Duration::from_secs(40));
    assert_eq!(control.population().1, 1, "it came back in time");
}

#[test]
fn absent_participants_go_when_their_time_is_over() {
    let (control, _) = control();
    let start = Instant::now();
    let mut pending = join(&control, "r", "pending").seat;
    let mut lost = join(&control, "r", "lost").seat;
    let early = join(&control, "r", "early").seat;
    let mut failed = join(&control, "r", "failed").seat;
    lost.set_active();
    lost.connection_lost();
    early.connection_lost();
    failed.set_active();
    failed.connection_lost();
    let why = crate::media::api::TransportFailure::ConsentLost;
    let event = Event::TransportFailed { transport: control.ids().transport(), member: failed.member, why };
    control.hub().on_event(start, event);
    assert_eq!(control.population().1, 3, "never active and without a socket: gone at once");
    control.hub().tick(start + Duration::from_secs(9));
    assert_eq!(leaves(&mut failed), [DisconnectReason::ConnectionTimeout]);
    control.hub().tick(start + Duration::from_secs(31));
    assert_eq!(leaves(&mut lost), [DisconnectReason::ConnectionTimeout]);
    control.hub().tick(start + Duration::from_secs(61));
    assert_eq!(leaves(&mut pending), [DisconnectReason::JoinFailure]);
    control.hub().tick(start + Duration::from_secs(62));
    assert_eq!(control.population(), (1, 0));
    control.hub().tick(start + Duration::from_secs(82));
    assert_eq!(control.population(), (0, 0), "the empty room has ended");
}

#[test]
fn speakers_and_quality_reach_those_who_listen() {
    let (control, _) = control();
    let mut alice = join(&control, "r", "alice").seat;
    let mut bob = join(&control, "r", "bob").seat;
    let mut carol = join(&control, "r", "carol").seat;
    alice.publish(camera("TR_1"), vp8(TrackId(5))).expect("may publish");
    bob.set_subscribed(TrackId(5), true);
    for seat in [&mut alice, &mut bob, &mut carol] {
        notices(seat);
    }
    let speakers = vec![Speaker { member: alice.member, level: 0.5, active: true }];
    control.hub().on_event(Instant::now(), Event::Speakers { room: alice.room, speakers });
    let verdict = QualityVerdict { grade: Grade::Good, score: 3.9, reason: QualityReason::Loss };
    control.hub().on_event(Instant::now(), Event::Quality { member: alice.member, verdict });
    for seat in [&mut alice, &mut bob] {
        assert!(matches!(&notices(seat)[..], [Notice::Speakers(speakers), Notice::Quality(quality)]
            if speakers[0].active && quality[0].quality == proto::ConnectionQuality::Good as i32));
    }
    assert!(notices(&mut carol).is_empty());
}

#[test]
fn a_permission_taken_away_reaches_session_media_and_token() {
    let (control, media) = control();
    let mut alice = join(&control, "r", "alice").seat;
    let permission = proto::ParticipantPermission { can_subscribe: true, ..Default::default() };
    let request = proto::UpdateParticipantRequest {
        room: "r".into(),
        identity: "alice".into(),
        permission: Some(permission.clone()),
        ..Default::default()
    };
    let info = control.hub().update_participant(request).expect("is there");
    assert_eq!(info.permission, Some(permission));
    assert!(matches!(&notices(&mut alice)[..], [Notice::Update(_), Notice::PermissionChanged(_)]));
    assert!(media.names().contains(&"SetPermissions".to_owned()));
    let claims = control.tokens().verify(&alice.refresh_token().expect("seated")).expect("our own");
    assert_eq!(claims.grant().can_publish, Some(false));
    assert_eq!(alice.publish(camera("TR_1"), Vec::new()), Err(Refused::NotAllowed));
}

#[test]
fn a_removed_participant_cannot_use_its_old_token() {
    let (control, _) = control();
    let mut alice = join(&control, "r", "alice").seat;
    control.hub().remove_participant(Instant::now(), "r", "alice", 2000).expect("is there");
    assert_eq!(leaves(&mut alice), [DisconnectReason::ParticipantRemoved]);
    let again = control.join(&claims("r", "alice"), JoinOptions::default()).map(|joined| joined.seat);
    assert_eq!(again.err(), Some(JoinError::Revoked));
    let newer = crate::tokens::Claims { iat: Some(2000), ..claims("r", "alice") };
    assert!(control.join(&newer, JoinOptions::default()).is_ok());
}

#[test]
fn a_full_command_queue_refuses_joins_and_loses_no_departure() {
    let (control, media) = control();
    let alice = join(&control, "r", "alice").seat;
    media.full.store(true, Ordering::Relaxed);
    let refused = control.join(&claims("r", "bob"), JoinOptions::default()).map(|joined| joined.seat);
    assert!(matches!(refused, Err(JoinError::Unavailable(_))));
    alice.leave(DisconnectReason::ClientInitiated);
    media.full.store(false, Ordering::Relaxed);
    let early = control.join(&claims("r", "bob"), JoinOptions::default()).map(|joined| joined.seat);
    assert!(matches!(early, Err(JoinError::Unavailable(_))), "nothing overtakes what waits");
    control.hub().tick(Instant::now());
    let _bob = join(&control, "r", "bob");
    assert_eq!(media.names(), ["OpenRoom", "AddMember", "RemoveMember", "AddMember"]);
}

#[test]
fn rooms_of_a_worker_that_lost_its_state_are_ended() {
    let (control, media) = control();
    let load = |healthy, resets| WorkerLoad {
        worker: WorkerId(0),
        healthy,
        io: chevet_sfu_io::IoCounters { resets, ..Default::default() },
        ..WorkerLoad::default()
    };
    let mut alice = join(&control, "r", "alice").seat;
    for calm in [load(false, 0), load(true, 0), load(true, 0)] {
        *media.load.lock().expect("no panic") = vec![calm];
        control.hub().tick(Instant::now());
        assert_eq!(control.population(), (1, 1));
    }
    *media.load.lock().expect("no panic") = vec![load(true, 1)];
    control.hub().tick(Instant::now());
    assert_eq!(leaves(&mut alice), [DisconnectReason::MediaFailure]);
    assert_eq!(control.population(), (0, 0));
}

#[test]
fn a_member_on_another_worker_is_commanded_there_and_the_room_at_home() {
    let (control, media) = control();
    let _alice = join(&control, "r", "alice");
    *media.place.lock().expect("no panic") = Some(WorkerId(1));
    let bob = join(&control, "r", "bob").seat;
    assert_eq!(bob.worker, WorkerId(1));
    control.hub().set_permission(bob.member, proto::ParticipantPermission::default());
    bob.leave(DisconnectReason::ClientInitiated);
    control.hub().shut_down(Instant::now());
    let commands = media.names();
    let workers = media.given_to.lock().expect("no panic").iter().map(|worker| worker.0).collect::<Vec<_>>();
    let seen: Vec<(&str, u16)> = commands.iter().map(String::as_str).zip(workers).collect();
    let expected = [
        ("OpenRoom", 0),
        ("AddMember", 0),
        ("AddMember", 1),
        ("SetPermissions", 1),
        ("RemoveMember", 1),
        ("RemoveMember", 0),
        ("CloseRoom", 0),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_room_ends_with_any_worker_that_has_members_of_it() {
    let (control, media) = control();
    let mut alice = join(&control, "r", "alice").seat;
    let _carol = join(&control, "another", "carol");
    *media.place.lock().expect("no panic") = Some(WorkerId(1));
    let mut bob = join(&control, "r", "bob").seat;
    for resets in [0, 1] {
        *media.load.lock().expect("no panic") = vec![WorkerLoad {
            worker: WorkerId(1),
            healthy: true,
            io: chevet_sfu_io::IoCounters { resets, ..Default::default() },
            ..WorkerLoad::default()
        }];
        control.hub().tick(Instant::now());
    }
    assert_eq!(leaves(&mut alice), [DisconnectReason::MediaFailure]);
    assert_eq!(leaves(&mut bob), [DisconnectReason::MediaFailure]);
    assert_eq!(control.population(), (1, 1), "the other room goes on");
}

#[test]
fn a_report_is_told_once_all_workers_of_the_room_have_answered() {
    use crate::media::api::{Event, MemberReport, RoomReport};
    let (control, _media) = control();
    let _alice = join(&control, "r", "alice");
    let mut asked = control.hub().inspect("r").expect("a room");
    let request = *control.hub().reports.keys().next().expect("an open question");
    for number in 1..=2 {
        assert!(asked.try_recv().is_err());
        let member = MemberReport {
            member: crate::media::api::MemberId(number),
            transports: Vec::new(),
            quality: None,
            data_queued_bytes: 0,
        };
        let report = RoomReport { members: vec![member], ..RoomReport::default() };
        control.hub().on_event(Instant::now(), Event::Report { request, parts: 2, report });
    }
    assert_eq!(asked.try_recv().expect("the whole report").members.len(), 2);
}

#[test]
fn data_from_the_server_has_no_sender_and_a_nonce_counts_once() {
    use prost::Message;
    let (control, media) = control();
    let _alice = join(&control, "r", "alice");
    let request = proto::SendDataRequest {
        room: "r".into(),
        data: b"hello".to_vec(),
        destination_identities: vec!["alice".into()],
        topic: Some("t".into()),
        nonce: vec![1; 16],
        ..Default::default()
    };
    control.hub().send_data(request.clone()).expect("sent");
    control.hub().send_data(request.clone()).expect("taken as sent");
    assert!(control.hub().send_data(proto::SendDataRequest { nonce: vec![1], ..request }).is_err());
    let commands = media.commands.lock().expect("no panic");
    let packets: Vec<_> = commands
        .iter()
        .filter_map(|command| match command {
            Command::SendData { packet, reliable, .. } => Some((packet.clone(), *reliable)),
            _ => None,
        })
        .collect();
    assert_eq!(packets.len(), 1);
    let packet = proto::DataPacket::decode(packets[0].0.clone()).expect("a packet");
    assert!(packets[0].1 && packet.sequence == 0 && packet.participant_sid.is_empty());
    assert_eq!(packet.destination_identities, ["alice"]);
}

#[test]
fn a_shutdown_sends_all_away_and_lets_nobody_in() {
    let (control, _) = control();
    let mut alice = join(&control, "r", "alice").seat;
    control.shut_down();
    assert_eq!(leaves(&mut alice), [DisconnectReason::ServerShutdown]);
    let late = control.join(&claims("r", "bob"), JoinOptions::default()).map(|joined| joined.seat);
    assert!(matches!(late, Err(JoinError::Unavailable(_))));
}

#[test]
fn big_rooms_tell_of_watchers_in_batches() {
    let (control, _) = control();
    let mut seats: Vec<Seat> = (0..60).map(|n| join(&control, "r", &format!("w{n}")).seat).collect();
    for seat in &mut seats {
        notices(seat);
    }
    for seat in &seats {
        seat.set_active();
    }
    assert!(notices(&mut seats[0]).is_empty());
    control.hub().tick(Instant::now());
    let told: Vec<usize> = notices(&mut seats[0])
        .iter()
        .filter_map(|notice| match notice {
            Notice::Update(infos) => Some(infos.len()),
            _ => None,
        })
        .collect();
    assert_eq!(told, [60]);
}

#[derive(Clone, Debug)]
enum Step {
    Join(u8),
    Leave(u8),
    Drop(u8),
    Active(u8),
    Publish(u8, u8),
    Unpublish(u8, u8),
    Mute(u8, u8, bool),
    Describe(u8, u8),
    Rules(u8, bool),
    Remove(u8),
    Tick(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0_u8..4;
    let what = 0_u8..3;
    prop_oneof![
        who.clone().prop_map(Step::Join),
        who.clone().prop_map(Step::Leave),
        who.clone().prop_map(Step::Drop),
        who.clone().prop_map(Step::Active),
        (who.clone(), what.clone()).prop_map(|(who, what)| Step::Publish(who, what)),
        (who.clone(), what.clone()).prop_map(|(who, what)| Step::Unpublish(who, what)),
        (who.clone(), what.clone(), any::<bool>())
            .prop_map(|(who, what, muted)| Step::Mute(who, what, muted)),
        (who.clone(), any::<u8>()).prop_map(|(who, value)| Step::Describe(who, value)),
        (who.clone(), any::<bool>()).prop_map(|(who, all)| Step::Rules(who, all)),
        who.prop_map(Step::Remove),
        (0_u8..30).prop_map(Step::Tick),
    ]
}

proptest! {
    /// Clients drop updates whose version does not rise, and nothing may be said of a sid that was told to be gone.
    #[test]
    fn versions_rise_and_the_departed_are_not_mentioned(steps in prop::collection::vec(step(), 1..80)) {
        let (control, _) = control();
        let mut now = Instant::now();
        let mut seats: HashMap<u8, Seat> = HashMap::new();
        // What each session (by sid) has seen of each participant: version, gone.
        let mut seen: HashMap<String, HashMap<String, (u32, bool)>> = HashMap::new();
        for step in steps {
            match step {
                Step::Join(who) => {
                    let joined = join(&control, "r", &format!("p{who}"));
                    let view = seen.entry(joined.seat.sid.to_string()).or_default();
                    for info in joined.snapshot.others.iter().chain([&joined.snapshot.participant]) {
                        view.insert(info.sid.clone(), (info.version, false));
                    }
                    // The old seat is dropped after the new one was made, as in a real race.
                    drop(seats.insert(who, joined.seat));
                }
                Step::Leave(who) => if let Some(seat) = seats.remove(&who) {
                    seat.leave(DisconnectReason::ClientInitiated);
                },
                Step::Drop(who) => drop(seats.remove(&who)),
                Step::Active(who) => if let Some(seat) = seats.get(&who) { seat.set_active() },
                Step::Publish(who, what) => if let Some(seat) = seats.get(&who) {
                    let id = control.ids().track();
                    let _ = seat.publish(camera(&format!("TR_{what}")), vp8(id));
                },
                Step::Unpublish(who, what) => if let Some(seat) = seats.get(&who) {
                    let _ = seat.unpublish(&format!("TR_{what}"));
                },
                Step::Mute(who, what, muted) => {
                    let _ = control.hub().mute_track("r", &format!("p{who}"), &format!("TR_{what}"), muted);
                }
                Step::Describe(who, value) => {
                    let request = proto::UpdateParticipantRequest {
                        room: "r".into(),
                        identity: format!("p{who}"),
                        name: format!("n{value}"),
                        ..Default::default()
                    };
                    let _ = control.hub().update_participant(request);
                }
                Step::Rules(who, all) => if let Some(seat) = seats.get(&who) {
                    seat.set_subscription_permission(proto::SubscriptionPermission {
                        all_participants: all,
                        ..Default::default()
                    });
                },
                Step::Remove(who) => {
                    let _ = control.hub().remove_participant(now, "r", &format!("p{who}"), 0);
                }
                Step::Tick(seconds) => {
                    now += Duration::from_secs(u64::from(seconds));
                    control.hub().tick(now);
                }
            }
            for seat in seats.values_mut() {
                let view = seen.entry(seat.sid.to_string()).or_default();
                for info in updates(seat) {
                    let (version, gone) = view.entry(info.sid.clone()).or_insert((0, false));
                    prop_assert!(!*gone, "{} is mentioned after it left", info.sid);
                    prop_assert!(info.version > *version, "{} did not rise", info.sid);
                    *version = info.version;
                    *gone = info.state() == State::Disconnected;
                }
            }
        }
        seats.clear();
        prop_assert_eq!(control.population().1, 0);
        prop_assert!(control.hub().tracks.is_empty());
    }
}
