//! Join, publish, mute, permissions: what the client is told and what the server does.

use super::*;
use chevet_sfu_io::api::{MediaKind, Quality};
use proto::request_response::Reason;

fn published_configs(commands: &[Command]) -> Vec<(TrackId, chevet_sfu_io::api::TrackConfig)> {
    commands
        .iter()
        .filter_map(|command| match command {
            Command::Publish { track, config } => Some((*track, config.clone())),
            _ => None,
        })
        .collect()
}

#[test]
fn the_join_says_what_clients_insist_on() {
    let mut bench = Bench::new(Table::default(), hello(Protocol::Dual));
    let messages = bench.messages();
    let Message::Join(join) = &messages[0] else { panic!("join comes first") };
    assert!(join.subscriber_primary && join.fast_publish);
    assert_eq!((join.ping_interval, join.ping_timeout), (5, 15));
    assert!(!join.server_info.as_ref().expect("present").version.is_empty());
    assert_eq!(join.enabled_publish_codecs[0].mime, "video/VP8");
    assert!(matches!(&messages[1], Message::Offer(offer) if offer.id == 1), "the channels come at once");
    assert!(matches!(&messages[2], Message::RefreshToken(_)));
    assert!(matches!(bench.commands()[0], Command::OpenTransport { .. }));
}

#[test]
fn who_may_not_subscribe_gets_no_subscriber_connection() {
    let mut table = Table::default();
    table.permission.can_subscribe = false;
    table.publications = vec![audio(1)];
    let mut bench = Bench::new(table, hello(Protocol::Dual));
    let messages = bench.messages();
    assert!(matches!(&messages[0], Message::Join(join) if !join.subscriber_primary));
    assert!(offers(&messages).is_empty());
    bench.ask(offer(1, capture::svp8_1));
    let down = bench.commands().into_iter().find_map(|command| match command {
        Command::OpenTransport { config, .. } => Some(config.data_downstream),
        _ => None,
    });
    assert_eq!(down, Some(true), "data goes down on the only connection");
}

#[test]
fn chromium_publishes_simulcast_in_v0() {
    let mut bench = Bench::new(Table { first: true, ..Table::default() }, hello(Protocol::Dual));
    bench.messages();
    let mut camera = add_track("0c71b46c-d60e-4678-811d-c990fe7a8028", proto::TrackType::Video);
    camera.layers = [(0, 320, 180), (1, 640, 360), (2, 1280, 720)]
        .into_iter()
        .map(|(quality, width, height)| proto::VideoLayer { quality, width, height, ..Default::default() })
        .collect();
    camera.simulcast_codecs =
        vec![proto::SimulcastCodec { codec: "vp8".into(), cid: camera.cid.clone(), ..Default::default() }];
    camera.source = proto::TrackSource::Camera as i32;
    let microphone = add_track("6e47b906-2766-49f5-bbc1-c72937324743", proto::TrackType::Audio);
    let told = bench.ask(Asked::AddTrack(camera));
    let Message::TrackPublished(told) = &told[0] else { panic!("TrackPublished answers AddTrack") };
    assert_eq!(told.cid, "0c71b46c-d60e-4678-811d-c990fe7a8028");
    let sid = told.track.as_ref().expect("info").sid.clone();
    bench.ask(Asked::AddTrack(microphone));
    bench.commands();

    let messages = bench.ask(offer(7, capture::svp8_3));
    assert_eq!(answers(&messages)[0].id, 7);
    let commands = bench.commands();
    let configs = published_configs(&commands);
    assert_eq!(configs.len(), 2);
    let first = configs.iter().map(|(_, config)| (config.codec, config.first));
    let first: Vec<_> = first.filter(|(_, first)| *first).collect();
    assert_eq!(first, [(Codec::Vp8, true)], "the camera of somebody whose token says so, and no sound");
    let (track, config) = configs.iter().find(|(_, config)| config.codec == Codec::Vp8).expect("the camera");
    let layers: Vec<_> = config
        .encodings
        .iter()
        .map(|e| (e.rid.map(|rid| rid.as_str().to_owned()), e.quality, e.height))
        .collect();
    assert_eq!(
        layers,
        [
            (Some("q".into()), Quality::Low, 180),
            (Some("h".into()), Quality::Medium, 360),
            (Some("f".into()), Quality::High, 720)
        ]
    );
    let first_media = commands.iter().position(|command| matches!(command, Command::SetMedia { .. }));
    let first_publish = commands.iter().position(|command| matches!(command, Command::Publish { .. }));
    assert!(first_media < first_publish);

    assert!(bench.session.house.published.is_empty(), "shown when it is heard, not before");
    bench.notice(Notice::Media(Event::TrackLive { track: *track, member: MemberId(1) }));
    let info = &bench.session.house.published[&sid];
    assert_eq!((info.mid.as_str(), info.mime_type.as_str()), ("2", "video/VP8"));
    assert_eq!(info.codecs[0].layers[1].rid, "h");

    let messages = bench.notice(Notice::Media(Event::Wanted {
        track: *track,
        member: MemberId(1),
        quality: Some(Quality::Medium),
    }));
    let Message::SubscribedQualityUpdate(update) = &messages[0] else { panic!("dynacast") };
    let enabled: Vec<_> = update.subscribed_codecs[0].qualities.iter().map(|q| q.enabled).collect();
    assert_eq!((update.subscribed_codecs[0].codec.as_str(), enabled), ("vp8", vec![true, true, false]));

    // The same offer without the camera: unpublished.
    let without = capture::svp8_3.replace("a=sendonly\r\na=ice-ufrag:18sj", "a=inactive\r\na=ice-ufrag:18sj");
    bench.ask(offer(8, &without));
    assert!(bench.session.house.published.is_empty());
    assert!(
        bench.commands().iter().filter(|command| matches!(command, Command::Unpublish { .. })).count() == 2
    );
}

#[test]
fn firefox_tracks_are_matched_by_kind_since_its_ids_never_match() {
    for protocol in [Protocol::Dual, Protocol::Single] {
        let mut bench = Bench::new(Table::default(), hello(protocol));
        bench.ask(Asked::AddTrack(add_track("{b0d29382}", proto::TrackType::Audio)));
        bench.ask(Asked::AddTrack(add_track("{57de00ec}", proto::TrackType::Video)));
        bench.commands();
        let sdp = if protocol == Protocol::Dual { capture::fsvp8_3 } else { capture::f1_3 };
        bench.ask(offer(0, sdp));
        let configs = published_configs(&bench.commands());
        let kinds: Vec<_> = configs.iter().map(|(_, config)| config.codec.kind()).collect();
        assert_eq!(kinds, [MediaKind::Audio, MediaKind::Video], "{protocol:?}");
        let layers = if protocol == Protocol::Dual { 3 } else { 1 };
        assert_eq!(configs[1].1.encodings.len(), layers);
    }
}

#[test]
fn an_offer_before_its_add_track_is_parked() {
    let mut bench = Bench::new(Table::default(), hello(Protocol::Single));
    let messages = bench.ask(offer(3, capture::c1_3));
    assert_eq!(answers(&messages)[0].id, 3);
    assert!(published_configs(&bench.commands()).is_empty());
    let messages = bench
        .ask(Asked::AddTrack(add_track("75fa08ca-7d1a-40f1-be94-5ac2c3bd5289", proto::TrackType::Audio)));
    assert!(matches!(messages[0], Message::TrackPublished(_)));
    let configs = published_configs(&bench.commands());
    assert_eq!((configs.len(), configs[0].1.codec), (1, Codec::Opus));
    // The same offer again changes nothing.
    bench.ask(offer(4, capture::c1_3));
    assert!(published_configs(&bench.commands()).is_empty());
}

#[test]
fn pending_add_tracks_are_bounded_and_named_once() {
    let mut bench = Bench::new(Table::default(), hello(Protocol::Single));
    bench.messages();
    bench.ask(Asked::AddTrack(add_track("a", proto::TrackType::Audio)));
    let messages = bench.ask(Asked::AddTrack(add_track("a", proto::TrackType::Audio)));
    let reason = |message: &Message| match message {
        Message::RequestResponse(response) => response.reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(&messages[0]), Reason::Queued as i32);
    for number in 0..18 {
        bench.ask(Asked::AddTrack(add_track(&format!("b{number}"), proto::TrackType::Audio)));
    }
    let messages = bench.ask(Asked::AddTrack(add_track("c", proto::TrackType::Audio)));
    assert_eq!(reason(&messages[0]), Reason::LimitExceeded as i32);

    // What a layer is called goes to everybody in the room.
    let mut long = add_track("e", proto::TrackType::Video);
    long.layers = vec![proto::VideoLayer { rid: "x".repeat(100_000), ..Default::default() }];
    let messages = bench.ask(Asked::AddTrack(long));
    let Message::RequestResponse(response) = &messages[0] else { panic!("refused") };
    assert_eq!((response.reason, response.message.as_str()), (Reason::LimitExceeded as i32, "too long"));

    bench.session.house.permission.can_publish = false;
    let messages = bench.ask(Asked::AddTrack(add_track("d", proto::TrackType::Audio)));
    let Message::RequestResponse(response) = &messages[0] else { panic!("refused") };
    assert_eq!(response.reason, Reason::NotAllowed as i32);
    assert!(
        matches!(&response.request, Some(proto::request_response::Request::AddTrack(echo)) if echo.cid == "d")
    );
}

#[test]
fn a_single_encoding_stays_on_while_anybody_wants_it() {
    let mut bench = Bench::new(Table::default(), hello(Protocol::Single));
    bench.ask(Asked::AddTrack(add_track("96e8bff8-3b39-4b0a-924c-c9b279521605", proto::TrackType::Video)));
    bench.ask(offer(1, capture::c1_4));
    let configs = published_configs(&bench.commands());
    let (track, config) = &configs[0];
    assert_eq!(
        (config.encodings[0].ssrc, config.encodings[0].rtx_ssrc),
        (Some(2533186147), Some(3780021520))
    );
    let enabled = |bench: &mut Bench, quality| {
        let event = Event::Wanted { track: *track, member: MemberId(1), quality };
        match &bench.notice(Notice::Media(event))[0] {
            Message::SubscribedQualityUpdate(update) => {
                update.subscribed_codecs[0].qualities.iter().map(|q| q.enabled).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(enabled(&mut bench, Some(Quality::High)), [true, true, true]);
    assert_eq!(enabled(&mut bench, Some(Quality::Low)), [true, true, true]);
    assert_eq!(enabled(&mut bench, None), [false, false, false]);
}

#[test]
fn mute_goes_to_the_room_and_comes_from_it() {
    let mut bench = Bench::new(Table::default(), hello(Protocol::Single));
    let mut request = add_track("75fa08ca-7d1a-40f1-be94-5ac2c3bd5289", proto::TrackType::Audio);
    request.muted = true;
    bench.ask(Asked::AddTrack(request));
    bench.ask(offer(1, capture::c1_3));
    let sid = bench.session.house.published.keys().next().cloned().expect("a muted track is shown at once");
    bench.commands();
    bench.ask(Asked::Mute(proto::MuteTrackRequest { sid: sid.clone(), muted: false }));
    assert!(!bench.session.house.published[&sid].muted);
    assert!(matches!(bench.commands()[0], Command::SetMuted { muted: false, .. }));
    let messages = bench.notice(Notice::Mute { track_sid: sid.clone(), muted: true });
    assert!(matches!(&messages[0], Message::Mute(mute) if mute.muted && mute.sid == sid));
    assert!(matches!(bench.commands()[0], Command::SetMuted { muted: true, .. }));
}

#[test]
fn losing_permissions_ends_what_they_allowed() {
    let table = Table { publications: vec![audio(1)], ..Table::default() };
    let mut hello = hello(Protocol::Single);
    hello.offer = Some(description("offer", 1, capture::c1_1));
    let mut bench = Bench::new(table, hello);
    bench.ask(Asked::AddTrack(add_track("75fa08ca-7d1a-40f1-be94-5ac2c3bd5289", proto::TrackType::Audio)));
    bench.ask(offer(2, capture::c1_3));
    assert_eq!(bench.session.house.subscribed, [TrackId(1)]);
    bench.session.house.permission = proto::ParticipantPermission::default();
    let messages = bench.notice(Notice::PermissionChanged(proto::ParticipantPermission::default()));
    assert!(matches!(&messages[0], Message::TrackUnpublished(_)));
    assert!(messages.iter().any(|message| matches!(message, Message::RefreshToken(_))));
    assert!(bench.session.house.subscribed.is_empty());
    let commands = bench.commands();
    assert!(commands.iter().any(|command| matches!(command, Command::Unpublish { .. })));
    assert!(commands.iter().any(|command| matches!(command, Command::Unsubscribe { .. })));
}

#[test]
fn pings_are_answered_in_both_forms_and_leave_ends() {
    let mut bench = Bench::new(Table::default(), hello(Protocol::Dual));
    bench.messages();
    assert!(matches!(bench.ask(Asked::Ping(5))[0], Message::Pong(1_000)));
    let messages = bench.ask(Asked::PingReq(proto::Ping { timestamp: 77, rtt: 3 }));
    assert!(matches!(&messages[0], Message::PongResp(pong) if pong.last_ping_timestamp == 77));
    bench.ask(Asked::Leave(proto::LeaveRequest::default()));
    assert_eq!(bench.session.ended(), Some(Ended { reason: proto::DisconnectReason::ClientInitiated }));
}

#[test]
fn a_token_comes_every_five_minutes_and_a_client_that_never_connects_is_sent_away() {
    let mut bench = Bench::new(Table::default(), hello(Protocol::Single));
    bench.messages();
    let messages = bench.pass(Duration::from_secs(61));
    assert!(matches!(&messages[0], Message::Leave(leave) if leave.action == 0));

    let mut bench = Bench::new(Table::default(), hello(Protocol::Single));
    bench.ask(offer(1, capture::c1_1));
    bench.connect();
    assert!(bench.session.house.active);
    let messages = bench.pass(Duration::from_secs(301));
    assert!(matches!(&messages[..], [Message::RefreshToken(_)]), "{messages:?}");
}

#[test]
fn an_overloaded_worker_or_a_dead_transport_sends_the_client_to_start_afresh() {
    let mut bench = Bench::new(Table::default(), hello(Protocol::Single));
    bench.messages();
    bench.session.house.overloaded = true;
    let messages = bench.ask(offer(1, capture::c1_1));
    assert!(
        matches!(messages.last(), Some(Message::Leave(leave)) if leave.action == 2 && leave.can_reconnect)
    );

    let mut bench = Bench::new(Table::default(), hello(Protocol::Single));
    bench.ask(offer(1, capture::c1_1));
    let transport = bench.session.publisher.as_ref().expect("open").id;
    let why = chevet_sfu_io::api::TransportFailure::ConsentLost;
    let failed = Event::TransportFailed { transport, member: MemberId(1), why };
    let messages = bench.notice(Notice::Media(failed));
    assert!(messages.is_empty(), "it may be the client that leaves");
    let messages = bench.pass(Duration::from_secs(2));
    assert!(matches!(&messages[0], Message::Leave(leave) if leave.action == 2));
    assert!(bench.session.ended().is_some());
}

#[test]
fn data_tracks_have_handles_on_both_sides() {
    let mut bench = Bench::new(Table::default(), hello(Protocol::Single));
    bench.messages();
    let publish = |handle, name: &str| {
        Asked::PublishDataTrackRequest(proto::PublishDataTrackRequest {
            pub_handle: handle,
            name: name.into(),
            ..Default::default()
        })
    };
    let long_schema = Asked::PublishDataTrackRequest(proto::PublishDataTrackRequest {
        pub_handle: 8,
        name: "d".into(),
        schema: Some(proto::DataTrackSchemaId { name: "x".repeat(100_000), ..Default::default() }),
        ..Default::default()
    });
    let messages = bench.ask(publish(5, "a"));
    assert!(matches!(&messages[0], Message::PublishDataTrackResponse(response)
        if response.info.as_ref().is_some_and(|info| info.sid.starts_with("DTR_") && info.pub_handle == 5)));
    for (request, reason) in [
        (publish(5, "b"), Reason::DuplicateHandle),
        (publish(6, "a"), Reason::DuplicateName),
        (publish(0, "c"), Reason::InvalidHandle),
        (publish(70_000, "c"), Reason::InvalidHandle),
        (publish(7, ""), Reason::InvalidName),
        (long_schema, Reason::LimitExceeded),
    ] {
        let messages = bench.ask(request);
        assert!(
            matches!(&messages[0], Message::RequestResponse(response) if response.reason == reason as i32)
        );
    }
    let publication = chevet_control::registry::DataPublication {
        publisher: MemberId(2),
        publisher_sid: "PA_other".into(),
        publisher_identity: "other".into(),
        info: proto::DataTrackInfo { sid: "DTR_1".into(), ..Default::default() },
        data_track: DataTrackId(9),
    };
    bench.notice(Notice::DataPublished(Arc::new(publication)));
    bench.commands();
    let update =
        proto::update_data_subscription::Update { track_sid: "DTR_1".into(), subscribe: true, options: None };
    let messages =
        bench.ask(Asked::UpdateDataSubscription(proto::UpdateDataSubscription { updates: vec![update] }));
    let Message::DataTrackSubscriberHandles(handles) = &messages[0] else { panic!("handles") };
    let (handle, named) = handles.sub_handles.iter().next().expect("one");
    assert_eq!(named.track_sid, "DTR_1");
    assert!(
        matches!(bench.commands()[0], Command::SubscribeDataTrack { data_track: DataTrackId(9), handle: told, .. }
        if u32::from(told) == *handle)
    );
}
