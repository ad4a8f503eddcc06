use axum::body::Body;
use http::{Request, StatusCode};
use livekit_protocol as proto;
use prost::Message;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::Control;
use crate::testing::*;
use crate::tokens::{Claims, VideoGrant};

fn token(control: &Control, grant: VideoGrant) -> String {
    let claims = Claims { iss: "key".into(), video: Some(grant), ..Claims::default() };
    control.tokens().issue(claims, std::time::Duration::from_secs(60)).expect("key exists")
}

fn all(control: &Control) -> String {
    let grant = VideoGrant {
        room_create: true,
        room_list: true,
        room_admin: true,
        room: "r".into(),
        ..Default::default()
    };
    token(control, grant)
}

async fn post(
    control: &Control,
    path: &str,
    kind: &str,
    token: &str,
    body: impl Into<Body>,
) -> (StatusCode, String, Vec<u8>) {
    let request = Request::post(format!("/twirp/{path}"))
        .header("content-type", kind)
        .header("authorization", format!("Bearer {token}"))
        .body(body.into())
        .expect("a request");
    let response = control.router().oneshot(request).await.expect("infallible");
    let status = response.status();
    let kind =
        response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let body = axum::body::to_bytes(response.into_body(), 1 << 24).await.expect("in memory");
    (status, kind, body.to_vec())
}

async fn json_call(control: &Control, method: &str, token: &str, body: Value) -> (StatusCode, Value) {
    let path = format!("livekit.RoomService/{method}");
    let (status, kind, body) =
        post(control, &path, "application/json;charset=utf-8", token, body.to_string()).await;
    assert!(kind.starts_with("application/json"), "{kind}");
    (status, serde_json::from_slice(&body).expect("JSON"))
}

#[tokio::test]
async fn rooms_are_made_listed_changed_and_deleted_by_json() {
    let (control, _) = control();
    let token = all(&control);
    let wanted = json!({"name": "r", "empty_timeout": 10, "maxParticipants": 5, "unknown": true});
    let (status, room) = json_call(&control, "CreateRoom", &token, wanted.clone()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&room["emptyTimeout"], &room["maxParticipants"]), (&json!(10), &json!(5)));
    assert!(room["creationTime"].is_string(), "64-bit numbers are strings in protojson");
    let (_, again) = json_call(&control, "CreateRoom", &token, wanted).await;
    assert_eq!(again["sid"], room["sid"]);
    let (_, list) = json_call(&control, "ListRooms", &token, json!({})).await;
    assert_eq!(list["rooms"][0]["name"], "r");
    let (_, none) = json_call(&control, "ListRooms", &token, json!({"names": ["other"]})).await;
    assert_eq!(none, json!({}));
    let (_, changed) =
        json_call(&control, "UpdateRoomMetadata", &token, json!({"room": "r", "metadata": "m"})).await;
    assert_eq!(changed["metadata"], "m");
    let (status, _) = json_call(&control, "DeleteRoom", &token, json!({"room": "r"})).await;
    assert_eq!(status, StatusCode::OK);
    let (status, error) = json_call(&control, "DeleteRoom", &token, json!({"room": "r"})).await;
    assert_eq!((status, &error["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
}

#[tokio::test]
async fn participants_are_read_and_changed_by_protobuf() {
    let (control, _) = control();
    let token = all(&control);
    let mut seat = join(&control, "r", "alice").seat;
    seat.publish(camera("TR_1"), Vec::new()).expect("may publish");
    notices(&mut seat);
    let call = async |method: &str, body: Vec<u8>| {
        let path = format!("livekit.RoomService/{method}");
        let (status, kind, body) = post(&control, &path, "application/protobuf", &token, body).await;
        (status, kind, body)
    };
    let who =
        proto::RoomParticipantIdentity { room: "r".into(), identity: "alice".into(), ..Default::default() };
    let (status, kind, body) = call("GetParticipant", who.encode_to_vec()).await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "application/protobuf"));
    assert_eq!(proto::ParticipantInfo::decode(&*body).expect("a message").tracks.len(), 1);

    let mute = proto::MuteRoomTrackRequest {
        room: "r".into(),
        identity: "alice".into(),
        track_sid: "TR_1".into(),
        muted: true,
    };
    let (_, _, body) = call("MutePublishedTrack", mute.encode_to_vec()).await;
    let track = proto::MuteRoomTrackResponse::decode(&*body).expect("a message").track;
    assert!(track.is_some_and(|track| track.muted));
    let unmute = proto::MuteRoomTrackRequest { muted: false, ..mute.clone() };
    let (status, kind, body) = call("MutePublishedTrack", unmute.encode_to_vec()).await;
    assert_eq!((status, kind.as_str()), (StatusCode::PRECONDITION_FAILED, "application/json"));
    assert!(String::from_utf8_lossy(&body).contains("failed_precondition"));
    let unknown = proto::MuteRoomTrackRequest { track_sid: "TR_2".into(), ..mute };
    assert_eq!(call("MutePublishedTrack", unknown.encode_to_vec()).await.0, StatusCode::NOT_FOUND);

    let update = proto::UpdateParticipantRequest {
        room: "r".into(),
        identity: "alice".into(),
        metadata: "m".into(),
        name: "A".into(),
        attributes: [("k".to_owned(), "v".to_owned())].into(),
        ..Default::default()
    };
    let (_, _, body) = call("UpdateParticipant", update.encode_to_vec()).await;
    let info = proto::ParticipantInfo::decode(&*body).expect("a message");
    assert_eq!((info.name.as_str(), info.metadata.as_str(), info.attributes.len()), ("A", "m", 1));
    let subscribe = proto::UpdateSubscriptionsRequest {
        room: "r".into(),
        identity: "alice".into(),
        track_sids: vec!["TR_x".into()],
        subscribe: true,
        ..Default::default()
    };
    assert_eq!(call("UpdateSubscriptions", subscribe.encode_to_vec()).await.0, StatusCode::OK);
    let data = proto::SendDataRequest { room: "r".into(), data: vec![1], ..Default::default() };
    assert_eq!(call("SendData", data.encode_to_vec()).await.0, StatusCode::OK);
    assert_eq!(call("RemoveParticipant", who.encode_to_vec()).await.0, StatusCode::OK);
    let (status, _, body) = call("GetParticipant", who.encode_to_vec()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(String::from_utf8_lossy(&body).contains("participant does not exist"));
    let list = proto::ListParticipantsRequest { room: "nowhere".into() };
    assert_eq!(call("ListParticipants", list.encode_to_vec()).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn each_method_wants_its_grant() {
    let (control, _) = control();
    let _alice = join(&control, "r", "alice");
    let list_only = token(&control, VideoGrant { room_list: true, ..Default::default() });
    let other_admin =
        token(&control, VideoGrant { room_admin: true, room: "x".into(), ..Default::default() });
    let bare = token(&control, VideoGrant { room_join: true, room: "r".into(), ..Default::default() });
    let cases = [
        ("CreateRoom", json!({"name": "n"})),
        ("DeleteRoom", json!({"room": "r"})),
        ("ListParticipants", json!({"room": "r"})),
        ("GetParticipant", json!({"room": "r", "identity": "alice"})),
        ("RemoveParticipant", json!({"room": "r", "identity": "alice"})),
        ("MutePublishedTrack", json!({"room": "r", "identity": "alice"})),
        ("UpdateParticipant", json!({"room": "r", "identity": "alice"})),
        ("UpdateSubscriptions", json!({"room": "r", "identity": "alice"})),
        ("SendData", json!({"room": "r"})),
        ("UpdateRoomMetadata", json!({"room": "r"})),
    ];
    for (method, body) in cases {
        for token in [&list_only, &other_admin, &bare] {
            let (status, error) = json_call(&control, method, token, body.clone()).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{method}");
            assert_eq!(error, json!({"code": "unauthenticated", "msg": "permissions denied"}), "{method}");
        }
    }
    assert_eq!(json_call(&control, "ListRooms", &bare, json!({})).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(json_call(&control, "ListRooms", &list_only, json!({})).await.0, StatusCode::OK);
}

#[tokio::test]
async fn bad_tokens_meet_plain_text() {
    let (control, _) = control();
    for token in ["", "garbage", "a.b.c"] {
        let path = "livekit.RoomService/ListRooms";
        let (status, kind, _) = post(&control, path, "application/json", token, "{}").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(kind.starts_with("text/plain"));
    }
    let request =
        Request::post("/twirp/livekit.RoomService/ListRooms").body(Body::empty()).expect("a request");
    let response = control.router().oneshot(request).await.expect("infallible");
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn routes_and_bodies_that_do_not_fit_have_their_codes() {
    let (control, _) = control();
    let token = all(&control);
    let cases: [(&str, &str, &str, u16, &str); 8] = [
        ("livekit.Egress/ListEgress", "application/json", "{}", 501, "unimplemented"),
        ("livekit.SIP/CreateSIPTrunk", "application/json", "{}", 501, "unimplemented"),
        ("livekit.RoomService/MoveParticipant", "application/json", "{}", 501, "unimplemented"),
        ("livekit.Nothing/At", "application/json", "{}", 404, "bad_route"),
        ("livekit.RoomService/Nothing", "application/json", "{}", 404, "bad_route"),
        ("livekit.RoomService/ListRooms", "text/plain", "{}", 404, "bad_route"),
        ("livekit.RoomService/ListRooms", "application/json", "{", 400, "malformed"),
        ("livekit.RoomService/CreateRoom", "application/json", r#"{"name":""}"#, 400, "invalid_argument"),
    ];
    for (path, kind, body, expected, code) in cases {
        let (status, _, body) = post(&control, path, kind, &token, body).await;
        let error: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((status.as_u16(), error["code"].as_str()), (expected, Some(code)), "{path}");
    }
    let path = "livekit.RoomService/CreateRoom";
    let (status, _, _) = post(&control, path, "application/protobuf", &token, vec![0xff; 64]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _, _) = post(&control, path, "application/json", &token, vec![b' '; 11 << 20]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}
