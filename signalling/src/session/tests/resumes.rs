//! A new socket for an old session.

use std::sync::Arc;

use super::*;

fn resumed(last_sequence: u32) -> Notice {
    Notice::Media(Event::Resumed { member: MemberId(1), last_sequence })
}

#[test]
fn reconnect_comes_first_and_brings_the_client_up_to_date() {
    let mut table = Table { others: vec![other("PA_stays"), other("PA_leaves")], ..Table::default() };
    table.publications = vec![audio(1)];
    let mut bench = Bench::new(table, hello(Protocol::Dual));
    let messages = bench.messages();
    bench.ask(browser_answer(offers(&messages)[0]));
    bench.connect();
    bench.commands();

    bench.session.on_socket_lost(bench.now);
    assert!(bench.session.house.lost);
    bench.session.house.others = vec![other("PA_stays"), other("PA_new")];
    let mut left = other("PA_leaves");
    left.state = proto::participant_info::State::Disconnected as i32;
    assert!(bench.notice(Notice::Update(Arc::new([left]))).is_empty(), "nobody listens");

    bench.session.on_attached(bench.now, hello(Protocol::Dual));
    assert!(!bench.session.house.lost);
    assert!(bench.notice(Notice::Update(Arc::new([other("PA_new")]))).is_empty(), "nothing before reconnect");
    assert!(matches!(bench.commands()[0], Command::Resume { .. }));
    let messages = bench.notice(resumed(23));
    assert!(matches!(&messages[0], Message::Reconnect(reconnect) if reconnect.last_message_seq == 23));
    let Message::Update(update) = &messages[1] else { panic!("update") };
    let states: Vec<_> = update.participants.iter().map(|p| (p.sid.as_str(), p.state)).collect();
    assert_eq!(states, [("PA_leaves", 3), ("PA_stays", 0), ("PA_new", 0), ("PA_me", 0)]);
    assert!(matches!(&messages[2], Message::RoomUpdate(_)));
    let offer = offers(&messages)[0];
    assert_eq!(offer.id, 2);
    let restart = bench.commands().into_iter().find_map(|command| match command {
        Command::RestartIce { ice, .. } => Some(ice.ufrag),
        _ => None,
    });
    assert!(offer.sdp.contains(&format!("a=ice-ufrag:{}\r\n", restart.expect("restarted"))));
    assert!(messages.iter().any(|message| matches!(message, Message::RefreshToken(_))));
}

#[test]
fn a_picture_suspended_by_the_line_is_told_and_what_changed_without_a_socket_is_told_after_the_resume() {
    let table = Table { publications: vec![video(1)], ..Table::default() };
    let mut bench = Bench::new(table, hello(Protocol::Dual));
    let messages = bench.messages();
    bench.ask(browser_answer(offers(&messages)[0]));
    bench.connect();
    let subscription = bench.commands().into_iter().find_map(|command| match command {
        Command::Subscribe { subscription, config } => Some((subscription, config.track)),
        _ => None,
    });
    let (subscription, track) = subscription.expect("subscribed");
    let event =
        |suspended| Notice::Media(Event::Suspended { subscription, track, member: MemberId(1), suspended });
    let states = |messages: &[Message]| -> Vec<i32> {
        let updates = messages.iter().filter_map(|message| match message {
            Message::StreamStateUpdate(update) => Some(&update.stream_states),
            _ => None,
        });
        updates.flatten().map(|state| state.state).collect()
    };
    let (active, paused) = (proto::StreamState::Active as i32, proto::StreamState::Paused as i32);
    assert_eq!(states(&bench.notice(event(true))), [paused]);
    bench.session.on_socket_lost(bench.now);
    assert!(bench.notice(event(false)).is_empty(), "nobody listens");
    bench.session.on_attached(bench.now, hello(Protocol::Dual));
    assert_eq!(states(&bench.notice(resumed(1))), [active]);
    assert_eq!(states(&bench.notice(event(true))), [paused]);
}

#[test]
fn a_departure_that_a_dying_socket_may_have_swallowed_is_told_again_for_a_while() {
    let table = Table { others: vec![other("PA_leaves")], ..Table::default() };
    let mut bench = Bench::new(table, hello(Protocol::Single));
    bench.ask(offer(1, capture::c1_1));
    bench.connect();
    let mut left = other("PA_leaves");
    left.state = proto::participant_info::State::Disconnected as i32;
    assert_eq!(bench.notice(Notice::Update(Arc::new([left]))).len(), 1, "told at once");
    bench.session.house.others.clear();
    let mut resume = || {
        bench.session.on_socket_lost(bench.now);
        bench.session.on_attached(bench.now, hello(Protocol::Single));
        let messages = bench.notice(resumed(0));
        let Message::Update(update) = &messages[1] else { panic!("update") };
        let gone = update.participants.iter().any(|info| info.sid == "PA_leaves" && info.state == 3);
        bench.now += DEPARTURES_KEPT;
        bench.notice(Notice::Update(Arc::new([other("PA_other")])));
        gone
    };
    assert!(resume(), "the client may not have heard of it");
    assert!(!resume(), "and has heard of it by now");
}

#[test]
fn a_silent_media_server_does_not_delay_the_resume_for_long() {
    let mut bench = Bench::new(Table::default(), hello(Protocol::Single));
    bench.ask(offer(1, capture::c1_1));
    bench.connect();
    bench.session.on_socket_lost(bench.now);
    bench.session.on_attached(bench.now, hello(Protocol::Single));
    let messages = bench.pass(Duration::from_secs(1));
    assert!(matches!(&messages[0], Message::Reconnect(reconnect) if reconnect.last_message_seq == 0));
    assert!(bench.notice(resumed(5)).is_empty(), "late, and not told twice");
}

#[test]
fn an_ice_restart_of_the_client_is_answered_with_new_credentials() {
    let mut bench = Bench::new(Table::default(), hello(Protocol::Single));
    bench.ask(offer(1, capture::c1_1));
    bench.commands();
    let restarted = capture::c1_1.replace("a=ice-ufrag:Vzat", "a=ice-ufrag:Next");
    let messages = bench.ask(offer(2, &restarted));
    let commands = bench.commands();
    let Command::RestartIce { ice, .. } = &commands[0] else { panic!("{commands:?}") };
    assert!(answers(&messages)[0].sdp.contains(&format!("a=ice-ufrag:{}\r\n", ice.ufrag)));
    assert!(matches!(&commands[1], Command::SetRemote { ice, .. } if ice.ufrag == "Next"));
    let other = capture::c1_1.replace("sha-256 7C", "sha-256 7D");
    let messages = bench.ask(offer(3, &other));
    assert!(
        matches!(messages.last(), Some(Message::Leave(leave)) if leave.action == 2),
        "another certificate"
    );
}

#[test]
fn sync_state_restores_wishes_and_asks_for_the_data_that_was_missed() {
    let table = Table { publications: vec![audio(1), video(2)], ..Table::default() };
    let mut bench = Bench::new(table, hello(Protocol::Single));
    bench.ask(offer(1, capture::c1_1));
    bench.connect();
    assert_eq!(bench.session.house.subscribed.len(), 2);
    bench.session.on_socket_lost(bench.now);
    bench.session.on_attached(bench.now, hello(Protocol::Single));
    bench.notice(resumed(0));
    bench.commands();
    let state = proto::SyncState {
        subscription: Some(proto::UpdateSubscription {
            track_sids: vec!["TR_1".into()],
            subscribe: false,
            ..Default::default()
        }),
        track_sids_disabled: vec!["TR_2".into()],
        datachannel_receive_states: vec![proto::DataChannelReceiveState {
            publisher_sid: "PA_other".into(),
            last_seq: 23,
        }],
        ..proto::SyncState::default()
    };
    bench.ask(Asked::SyncState(state));
    assert_eq!(bench.session.house.subscribed, [TrackId(2)]);
    let commands = bench.commands();
    assert!(commands.iter().any(|command| matches!(command, Command::Unsubscribe { .. })));
    assert!(
        commands
            .iter()
            .any(|command| matches!(command, Command::SetSubscription { settings, .. } if !settings.enabled))
    );
    assert!(commands.iter().any(
        |command| matches!(command, Command::Resume { received, .. } if received[..] == [("PA_other".to_owned(), 23)])
    ));
}

#[test]
fn a_client_that_publishes_what_we_do_not_know_starts_afresh() {
    let mut bench = Bench::new(Table::default(), hello(Protocol::Single));
    bench.messages();
    let track = Some(proto::TrackInfo { sid: "TR_ghost".into(), ..Default::default() });
    let messages = bench.ask(Asked::SyncState(proto::SyncState {
        publish_tracks: vec![proto::TrackPublishedResponse { cid: "x".into(), track }],
        ..Default::default()
    }));
    let reason = proto::DisconnectReason::StateMismatch as i32;
    assert!(matches!(&messages[0], Message::Leave(leave) if leave.reason == reason && leave.action == 2));
}

#[test]
fn simulated_faults_close_the_socket_of_the_next_resume() {
    use proto::simulate_scenario::Scenario;
    let mut bench = Bench::new(Table::default(), hello(Protocol::Single));
    bench.ask(offer(1, capture::c1_1));
    bench.connect();
    let simulate = |scenario| Asked::Simulate(proto::SimulateScenario { scenario: Some(scenario) });
    bench.ask(simulate(Scenario::DisconnectSignalOnResumeNoMessages(true)));
    bench.session.on_socket_lost(bench.now);
    bench.session.on_attached(bench.now, hello(Protocol::Single));
    assert!(bench.messages().is_empty());
    assert!(bench.session.take_socket_drop());
    bench.session.on_socket_lost(bench.now);
    bench.session.on_attached(bench.now, hello(Protocol::Single));
    assert!(!bench.notice(resumed(0)).is_empty());
    let messages = bench.ask(simulate(Scenario::SpeakerUpdate(3)));
    assert!(matches!(&messages[0], Message::SpeakersChanged(changed) if changed.speakers[0].active));
    let messages = bench.pass(Duration::from_secs(4));
    assert!(matches!(&messages[0], Message::SpeakersChanged(changed) if !changed.speakers[0].active));
}
