//! Random orders of events: whatever comes, the session answers sensibly or ends.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Offer(usize, u32),
    DamagedOffer(usize, prop::sample::Index, u8),
    AnswerLast,
    AnswerFirst,
    AddTrack(u8, bool),
    Publish(u8, bool),
    Unpublish(u8),
    Wish(u8, bool),
    Mute(u8),
    Live(u8),
    Permission(bool, bool),
    Allowed(u8, bool),
    Connected,
    LoseSocket,
    Attach,
    Resumed,
    SyncState(u8),
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..capture::ALL.len(), 0u32..50).prop_map(|(which, id)| Step::Offer(which, id)),
        1 => (0..capture::ALL.len(), any::<prop::sample::Index>(), any::<u8>())
            .prop_map(|(which, at, byte)| Step::DamagedOffer(which, at, byte)),
        4 => Just(Step::AnswerLast),
        1 => Just(Step::AnswerFirst),
        3 => (any::<u8>(), any::<bool>()).prop_map(|(cid, video)| Step::AddTrack(cid % 4, video)),
        4 => (any::<u8>(), any::<bool>()).prop_map(|(sid, video)| Step::Publish(sid % 8, video)),
        2 => any::<u8>().prop_map(|sid| Step::Unpublish(sid % 8)),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(sid, on)| Step::Wish(sid % 10, on)),
        1 => any::<u8>().prop_map(Step::Mute),
        2 => any::<u8>().prop_map(Step::Live),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(publish, subscribe)| Step::Permission(publish, subscribe)),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(sid, on)| Step::Allowed(sid % 8, on)),
        1 => Just(Step::Connected),
        1 => Just(Step::LoseSocket),
        2 => Just(Step::Attach),
        2 => Just(Step::Resumed),
        1 => any::<u8>().prop_map(Step::SyncState),
        4 => (0u16..3000).prop_map(Step::Pass),
    ]
}

/// What has to hold of all that was ever said and done.
#[derive(Default)]
struct Watch {
    last_offer: u32,
    unanswered: bool,
    attached: bool,
    awaiting_reconnect: bool,
    expected_answers: std::collections::VecDeque<u32>,
    subscribed: Vec<u64>,
    published: Vec<u64>,
    first: Option<proto::SessionDescription>,
    last: Option<proto::SessionDescription>,
}

impl Watch {
    fn expect(&mut self, id: u32) {
        if self.attached {
            self.expected_answers.push_back(id);
        }
    }

    fn messages(&mut self, messages: Vec<Message>) {
        for message in messages {
            assert!(self.attached, "said to nobody");
            if self.awaiting_reconnect {
                assert!(
                    matches!(message, Message::Reconnect(_) | Message::Leave(_)),
                    "something comes before reconnect"
                );
                self.awaiting_reconnect = false;
            }
            match message {
                Message::Offer(offer) => {
                    assert!(offer.id > self.last_offer, "offer ids rise");
                    assert!(!self.unanswered, "one offer at a time");
                    let read = sdp::parse(&offer.sdp).expect("our offer is read");
                    assert!(read.sections.iter().all(|section| !section.rejected));
                    self.last_offer = offer.id;
                    self.unanswered = true;
                    self.first.get_or_insert(offer.clone());
                    self.last = Some(offer);
                }
                Message::Answer(answer) => {
                    let expected = self.expected_answers.pop_front();
                    assert_eq!(Some(answer.id), expected, "answers echo the offer's id");
                    // Damage may leave nothing of the offer that we could accept.
                    let read = sdp::parse(&answer.sdp);
                    assert!(matches!(read, Ok(_) | Err(sdp::SdpError::Empty)), "our answer is read");
                }
                _ => {}
            }
        }
    }

    fn commands(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Subscribe { subscription, .. } => {
                    assert!(!self.subscribed.contains(&subscription.0), "subscribed once");
                    self.subscribed.push(subscription.0);
                }
                Command::Unsubscribe { subscription } => {
                    let at = self.subscribed.iter().position(|known| *known == subscription.0);
                    self.subscribed.remove(at.expect("ends what was begun"));
                }
                Command::Publish { track, .. } => self.published.push(track.0),
                Command::Unpublish { track } => {
                    let at = self.published.iter().position(|known| *known == track.0);
                    self.published.remove(at.expect("ends what was begun"));
                }
                _ => {}
            }
        }
    }
}

fn run(protocol: Protocol, steps: Vec<Step>) {
    let mut bench = Bench::new(Table::default(), hello(protocol));
    let mut watch = Watch { attached: true, ..Watch::default() };
    watch.messages(bench.messages());
    for step in steps {
        let messages = match step {
            Step::Offer(which, id) => {
                watch.expect(id);
                bench.ask(offer(id, capture::ALL[which]))
            }
            Step::DamagedOffer(which, at, byte) => {
                let mut bytes = capture::ALL[which].as_bytes().to_vec();
                let at = at.index(bytes.len());
                bytes[at] = byte;
                watch.expect(0);
                bench.ask(offer(0, &String::from_utf8_lossy(&bytes)))
            }
            Step::AnswerLast | Step::AnswerFirst => {
                let chosen = if matches!(step, Step::AnswerLast) { &watch.last } else { &watch.first };
                let Some(chosen) = chosen.clone() else { continue };
                if watch.last_offer == chosen.id {
                    watch.unanswered = false;
                }
                bench.ask(browser_answer(&chosen))
            }
            Step::AddTrack(cid, video) => {
                let kind = if video { proto::TrackType::Video } else { proto::TrackType::Audio };
                let known = ["75fa08ca-7d1a-40f1-be94-5ac2c3bd5289", "96e8bff8-3b39-4b0a-924c-c9b279521605"];
                let name =
                    known.get(usize::from(cid)).map_or_else(|| format!("cid{cid}"), |cid| (*cid).to_owned());
                bench.ask(Asked::AddTrack(add_track(&name, kind)))
            }
            Step::Publish(sid, is_video) => {
                let offered = if is_video { video(u64::from(sid)) } else { audio(u64::from(sid)) };
                bench.notice(Notice::Published(offered))
            }
            Step::Unpublish(sid) => bench.notice(Notice::Unpublished {
                publisher: MemberId(2),
                publisher_sid: "PA_other".into(),
                track_sid: format!("TR_{sid}"),
            }),
            Step::Wish(sid, subscribe) => bench.ask(Asked::Subscription(proto::UpdateSubscription {
                track_sids: vec![format!("TR_{sid}")],
                subscribe,
                ..Default::default()
            })),
            Step::Mute(which) => {
                let sids: Vec<_> = bench.session.house.published.keys().cloned().collect();
                let Some(sid) = sids.get(usize::from(which) % sids.len().max(1)).cloned() else { continue };
                bench.ask(Asked::Mute(proto::MuteTrackRequest { sid, muted: which % 2 == 0 }))
            }
            Step::Live(which) => {
                let count = watch.published.len().max(1);
                let Some(track) = watch.published.get(usize::from(which) % count).copied() else { continue };
                bench.notice(Notice::Media(Event::TrackLive { track: TrackId(track), member: MemberId(1) }))
            }
            Step::Permission(can_publish, can_subscribe) => {
                let permission = proto::ParticipantPermission {
                    can_publish,
                    can_subscribe,
                    ..proto::ParticipantPermission::default()
                };
                bench.session.house.permission = permission.clone();
                bench.notice(Notice::PermissionChanged(permission))
            }
            Step::Allowed(sid, allowed) => bench.notice(Notice::Allowed {
                publisher_sid: "PA_other".into(),
                track_sid: format!("TR_{sid}"),
                allowed,
            }),
            Step::Connected => {
                bench.connect();
                bench.messages()
            }
            Step::LoseSocket => {
                bench.session.on_socket_lost(bench.now);
                watch.attached = false;
                watch.expected_answers.clear();
                watch.awaiting_reconnect = false;
                bench.messages()
            }
            Step::Attach => {
                bench.session.on_attached(bench.now, hello(protocol));
                watch.attached = true;
                watch.expected_answers.clear();
                watch.awaiting_reconnect = bench.session.ended().is_none();
                watch.unanswered = false;
                bench.messages()
            }
            Step::Resumed => {
                bench.notice(Notice::Media(Event::Resumed { member: MemberId(1), last_sequence: 1 }))
            }
            Step::SyncState(which) => {
                let known = bench.session.house.published.keys().next().cloned();
                let sid = if which < 16 { Some("TR_ghost".to_owned()) } else { known };
                let publish_tracks = sid
                    .map(|sid| proto::TrackPublishedResponse {
                        cid: String::new(),
                        track: Some(proto::TrackInfo { sid, ..Default::default() }),
                    })
                    .into_iter()
                    .collect();
                bench.ask(Asked::SyncState(proto::SyncState { publish_tracks, ..Default::default() }))
            }
            Step::Pass(ms) => bench.pass(Duration::from_millis(u64::from(ms))),
        };
        watch.messages(messages);
        let commands = bench.commands();
        watch.commands(commands);
        assert_eq!(
            bench.session.house.subscribed.len(),
            watch.subscribed.len(),
            "the room knows who receives"
        );
        if bench.session.ended().is_some() {
            assert!(bench.session.next_deadline().is_none());
            break;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_order_of_events_is_survived_in_v0(steps in proptest::collection::vec(step(), 1..60)) {
        run(Protocol::Dual, steps);
    }

    #[test]
    fn any_order_of_events_is_survived_in_v1(steps in proptest::collection::vec(step(), 1..60)) {
        run(Protocol::Single, steps);
    }
}
