//! Subscriptions: offers in v0, requested sections in v1.

use super::*;

fn subscribed(commands: &[Command]) -> Vec<chevet_sfu_io::api::SubscriptionConfig> {
    commands
        .iter()
        .filter_map(|command| match command {
            Command::Subscribe { config, .. } => Some(config.clone()),
            _ => None,
        })
        .collect()
}

fn dual(publications: Vec<Offered>) -> (Bench, proto::SessionDescription) {
    let table = Table { publications, ..Table::default() };
    let mut bench = Bench::new(table, hello(Protocol::Dual));
    let messages = bench.messages();
    let first = (*offers(&messages)[0]).clone();
    (bench, first)
}

#[test]
fn known_tracks_are_in_the_first_offer_and_flow_after_its_answer() {
    let (mut bench, first) = dual(vec![audio(1), video(2)]);
    assert!(first.sdp.contains("a=msid:PA_other|TR_1 TR_1\r\n"), "{}", first.sdp);
    assert!(first.sdp.contains("a=msid:PA_other|TR_2 TR_2\r\n"));
    assert_eq!(first.mid_to_track_id.len(), 2);
    assert!(first.sdp.find("m=application") < first.sdp.find("m=audio"), "data leads");
    assert!(subscribed(&bench.commands()).is_empty());
    bench.ask(browser_answer(&first));
    let commands = bench.commands();
    let subscribed = subscribed(&commands);
    assert_eq!(subscribed.len(), 2);
    let video = subscribed.iter().find(|config| config.track == TrackId(2)).expect("video");
    assert!(video.rtx_ssrc.is_some() && video.payloads[0].pt == 96 && video.payloads[0].rtx == Some(97));
    let audio = subscribed.iter().find(|config| config.track == TrackId(1)).expect("audio");
    assert_eq!(audio.payloads.iter().map(|p| p.codec).collect::<Vec<_>>(), [Codec::Red, Codec::Opus]);
    assert!(
        commands.iter().any(|command| matches!(command, Command::SetRemote { role: DtlsRole::Server, .. }))
    );
}

#[test]
fn one_offer_is_outstanding_and_changes_meanwhile_make_one_more() {
    let (mut bench, first) = dual(vec![]);
    for number in 1..5 {
        bench.notice(Notice::Published(audio(number)));
        assert!(offers(&bench.pass(Duration::from_secs(1))).is_empty(), "the first is not answered yet");
    }
    bench.ask(browser_answer(&first));
    let messages = bench.pass(Duration::from_secs(1));
    let second = offers(&messages);
    assert_eq!(second.len(), 1);
    assert_eq!(second[0].id, 2);
    assert_eq!(second[0].mid_to_track_id.len(), 4);
    // An answer to an older offer, and one twice, change nothing.
    bench.commands();
    bench.ask(browser_answer(&first));
    assert!(bench.commands().is_empty());
    bench.ask(browser_answer(second[0]));
    assert_eq!(subscribed(&bench.commands()).len(), 4);
    bench.ask(browser_answer(second[0]));
    assert!(bench.commands().is_empty());
}

#[test]
fn no_answer_in_time_sends_the_client_to_start_afresh() {
    let (mut bench, _) = dual(vec![]);
    let messages = bench.pass(Duration::from_secs(16));
    let reason = proto::DisconnectReason::StateMismatch as i32;
    assert!(matches!(&messages[0], Message::Leave(leave) if leave.reason == reason && leave.action == 2));
}

#[test]
fn a_section_is_used_again_after_the_client_saw_it_inactive() {
    let (mut bench, first) = dual(vec![audio(1)]);
    bench.ask(browser_answer(&first));
    bench.commands();
    let gone = Notice::Unpublished {
        publisher: MemberId(2),
        publisher_sid: "PA_other".into(),
        track_sid: "TR_1".into(),
    };
    bench.notice(gone);
    assert!(matches!(bench.commands()[0], Command::Unsubscribe { .. }));
    let messages = bench.pass(Duration::from_secs(1));
    let inactive = offers(&messages)[0].clone();
    assert!(inactive.sdp.contains("a=inactive"));
    bench.ask(browser_answer(&inactive));
    bench.notice(Notice::Published(audio(2)));
    let messages = bench.pass(Duration::from_secs(1));
    let third = offers(&messages)[0];
    assert_eq!(third.sdp.matches("m=audio").count(), 1, "{}", third.sdp);
    assert!(third.sdp.contains("TR_2"));
}

#[test]
fn wishes_for_unknown_tracks_are_remembered() {
    let mut hello = hello(Protocol::Dual);
    hello.auto_subscribe = false;
    let table = Table { publications: vec![audio(1)], ..Table::default() };
    let mut bench = Bench::new(table, hello);
    let messages = bench.messages();
    let first = offers(&messages)[0].clone();
    assert!(first.mid_to_track_id.is_empty(), "nothing is subscribed unasked");
    bench.ask(browser_answer(&first));
    bench.connect();
    let wish = |sid: &str, subscribe| {
        Asked::Subscription(proto::UpdateSubscription {
            track_sids: vec![sid.into()],
            subscribe,
            ..Default::default()
        })
    };
    bench.ask(wish("TR_7", true));
    bench.ask(wish("TR_8", true));
    bench.notice(Notice::Published(audio(7)));
    let messages = bench.pass(Duration::from_secs(1));
    assert_eq!(offers(&messages)[0].mid_to_track_id.values().collect::<Vec<_>>(), ["TR_7"]);
    let offer = offers(&messages)[0].clone();
    bench.ask(browser_answer(&offer));
    let messages = bench.pass(Duration::from_secs(65));
    let missing = proto::SubscriptionError::SeTrackNotfound as i32;
    assert!(messages.iter().any(|message| matches!(message, Message::SubscriptionResponse(response)
        if response.track_sid == "TR_8" && response.err == missing)));
}

#[test]
fn a_publisher_may_withhold_a_track_and_give_it_later() {
    let mut offered = audio(1);
    offered.allowed = false;
    let table = Table { publications: vec![offered], ..Table::default() };
    let mut bench = Bench::new(table, hello(Protocol::Dual));
    let messages = bench.messages();
    assert!(messages.iter().any(|message| matches!(message, Message::SubscriptionPermissionUpdate(update)
        if !update.allowed && update.track_sid == "TR_1")));
    let first = offers(&messages)[0].clone();
    assert!(first.mid_to_track_id.is_empty());
    bench.ask(browser_answer(&first));
    let allow =
        |allowed| Notice::Allowed { publisher_sid: "PA_other".into(), track_sid: "TR_1".into(), allowed };
    let messages = bench.notice(allow(true));
    assert!(matches!(&messages[0], Message::SubscriptionPermissionUpdate(update) if update.allowed));
    let messages = bench.pass(Duration::from_secs(1));
    assert_eq!(offers(&messages)[0].mid_to_track_id.len(), 1);
    let offer = offers(&messages)[0].clone();
    bench.ask(browser_answer(&offer));
    bench.commands();
    bench.notice(allow(false));
    assert!(matches!(bench.commands()[0], Command::Unsubscribe { .. }));
}

#[test]
fn the_first_offer_of_v1_carries_what_is_known() {
    let table = Table { publications: vec![audio(1), video(2)], ..Table::default() };
    let mut hello = hello(Protocol::Single);
    hello.offer = Some(description("offer", 9, capture::c1_1));
    let mut bench = Bench::new(table, hello);
    let messages = bench.messages();
    assert!(matches!(&messages[0], Message::Join(join) if !join.subscriber_primary));
    let answer = answers(&messages)[0];
    assert_eq!(answer.id, 9);
    assert_eq!(answer.mid_to_track_id.get("0").map(String::as_str), Some("TR_1"));
    assert_eq!(answer.mid_to_track_id.get("3").map(String::as_str), Some("TR_2"));
    let commands = bench.commands();
    assert_eq!(subscribed(&commands).len(), 2);
    let open = commands.iter().find_map(|command| match command {
        Command::OpenTransport { config, .. } => Some((config.data, config.data_downstream)),
        _ => None,
    });
    assert_eq!(open, Some((chevet_sfu_io::api::DataChannels::Accept, true)));
}

#[test]
fn payload_types_of_v1_are_the_clients_own() {
    for (sdp, audio_pt, video_pt) in [(capture::c1_1, 111, 96), (capture::f1_1, 109, 120)] {
        let table = Table { publications: vec![audio(1), video(2)], ..Table::default() };
        let mut bench = Bench::new(table, hello(Protocol::Single));
        bench.ask(offer(1, sdp));
        let subscribed = subscribed(&bench.commands());
        let pts = |track| {
            let config = subscribed.iter().find(|config| config.track == TrackId(track)).expect("subscribed");
            config.payloads.iter().find(|p| p.codec != Codec::Red).map(|p| p.pt)
        };
        assert_eq!((pts(1), pts(2)), (Some(audio_pt), Some(video_pt)));
    }
}

#[test]
fn missing_sections_are_asked_for_and_left_over_ones_are_reused() {
    let mut bench = Bench::new(Table::default(), hello(Protocol::Single));
    bench.ask(offer(1, capture::c1_1));
    for number in 1..=4 {
        bench.notice(Notice::Published(audio(number)));
    }
    bench.notice(Notice::Published(video(5)));
    let messages = bench.pass(Duration::from_millis(100));
    let Message::MediaSectionsRequirement(needed) = &messages[0] else { panic!("{messages:?}") };
    assert_eq!((needed.num_audios, needed.num_videos), (1, 0), "three audio sections are free");
    let messages = bench.ask(offer(2, capture::c1_2));
    assert_eq!(answers(&messages)[0].mid_to_track_id.len(), 4);
    assert_eq!(subscribed(&bench.commands()).len(), 4);
    assert!(matches!(bench.pass(Duration::from_millis(100))[0], Message::MediaSectionsRequirement(_)));

    // One leaves: its section rests in one answer and then takes the track that waits.
    let gone = Notice::Unpublished {
        publisher: MemberId(2),
        publisher_sid: "PA_other".into(),
        track_sid: "TR_1".into(),
    };
    bench.notice(gone);
    let messages = bench.ask(offer(3, capture::c1_2));
    assert!(!answers(&messages)[0].mid_to_track_id.contains_key("0"));
    assert!(matches!(bench.pass(Duration::from_millis(100))[0], Message::MediaSectionsRequirement(_)));
    let messages = bench.ask(offer(4, capture::c1_2));
    assert_eq!(answers(&messages)[0].mid_to_track_id.get("0").map(String::as_str), Some("TR_4"));
}

#[test]
fn a_codec_that_the_client_lacks_is_told_and_not_tried_again() {
    let h264 = publication(1, proto::TrackType::Video, Codec::H264);
    let mut bench = Bench::new(Table::default(), hello(Protocol::Single));
    bench.messages();
    bench.notice(Notice::Published(h264.clone()));
    let messages = bench.ask(offer(1, capture::f1_1));
    let unsupported = proto::SubscriptionError::SeCodecUnsupported as i32;
    assert!(messages.iter().any(|message| matches!(message, Message::SubscriptionResponse(response)
        if response.err == unsupported)));
    assert!(subscribed(&bench.commands()).is_empty());
    bench.notice(Notice::Published(h264));
    assert!(bench.pass(Duration::from_secs(10)).is_empty());
}

#[test]
fn track_settings_reach_the_media_server_whenever_they_come() {
    let (mut bench, first) = dual(vec![video(1)]);
    let settings = proto::UpdateTrackSettings {
        track_sids: vec!["TR_1".into()],
        width: 320,
        height: 180,
        quality: 2,
        ..Default::default()
    };
    bench.ask(Asked::TrackSetting(settings.clone()));
    bench.ask(browser_answer(&first));
    let is_small = |command: &Command| matches!(command, Command::SetSubscription { settings, .. } if settings.height == 180 && settings.enabled);
    assert!(bench.commands().iter().any(is_small));
    bench.ask(Asked::TrackSetting(proto::UpdateTrackSettings { disabled: true, ..settings }));
    assert!(matches!(&bench.commands()[0], Command::SetSubscription { settings, .. } if !settings.enabled));
}

#[test]
fn the_three_and_three_placeholders_of_a_fallen_back_client_are_inactive() {
    let mut bench =
        Bench::new(Table { publications: vec![audio(1)], ..Table::default() }, hello(Protocol::Dual));
    bench.messages();
    let messages = bench.ask(offer(0, capture::c1_1));
    let answer = answers(&messages)[0];
    assert_eq!(answer.sdp.matches("a=inactive").count(), 6);
    assert!(answer.mid_to_track_id.is_empty());
    assert!(!answer.sdp.contains("m=audio 0"));
}

#[test]
fn a_returning_track_takes_its_old_section_with_browsers_only() {
    for (sdk, sections) in [(proto::client_info::Sdk::Js, 1), (proto::client_info::Sdk::Python, 2)] {
        let table = Table { publications: vec![audio(1)], ..Table::default() };
        let mut hello = hello(Protocol::Dual);
        hello.client.sdk = sdk as i32;
        let mut bench = Bench::new(table, hello);
        let mut last = (*offers(&bench.messages())[0]).clone();
        bench.ask(browser_answer(&last));
        for subscribe in [false, true] {
            bench.ask(Asked::Subscription(proto::UpdateSubscription {
                track_sids: vec!["TR_1".into()],
                subscribe,
                ..Default::default()
            }));
            last = (*offers(&bench.pass(Duration::from_secs(1)))[0]).clone();
            bench.ask(browser_answer(&last));
        }
        assert_eq!(last.sdp.matches("m=audio").count(), sections, "{sdk:?}");
    }
}

#[test]
fn a_track_left_and_taken_again_at_once_is_offered_anew() {
    let (mut bench, first) = dual(vec![audio(1)]);
    bench.ask(browser_answer(&first));
    bench.connect();
    bench.pass(Duration::from_secs(1));
    bench.commands();
    for subscribe in [false, true] {
        bench.ask(Asked::Subscription(proto::UpdateSubscription {
            track_sids: vec!["TR_1".into()],
            subscribe,
            ..Default::default()
        }));
    }
    let messages = bench.pass(Duration::from_secs(1));
    let offers = offers(&messages);
    assert_eq!(offers.len(), 1);
    assert_eq!(offers[0].sdp.matches("m=audio").count(), 2, "the old section has not rested yet");
    bench.ask(browser_answer(offers[0]));
    assert_eq!(subscribed(&bench.commands()).len(), 1);
    assert!(bench.pass(Duration::from_secs(20)).is_empty(), "nothing is left to negotiate");
}
