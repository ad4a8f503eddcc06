//! The `webrtc` crate, a third independent WebRTC stack, publishes and subscribes.

use chevet_tests::{Kind, Peer, Server};

#[tokio::test(flavor = "multi_thread")]
async fn media_and_messages_go_both_ways_between_two_peers_of_another_stack() {
    let server = Server::start("webrtc-crate").await;
    let mut alice = Peer::join(&server, "room", "alice").await;
    let mut bob = Peer::join(&server, "room", "bob").await;

    alice.publish(&server, Kind::Opus).await;
    alice.publish(&server, Kind::Vp8).await;
    bob.publish(&server, Kind::Opus).await;
    for (listener, kind, frames) in
        [(&bob, Kind::Opus, 100), (&bob, Kind::Vp8, 40), (&alice, Kind::Opus, 100)]
    {
        let heard = listener.hears(&server, kind, frames).await;
        assert_eq!(heard.missing(), 0, "{kind:?} has gaps\n{}", server.tail());
        assert_eq!(heard.repeated(), 0, "{kind:?} came twice");
    }
    let tracks = bob.sees("alice").map(|alice| alice.tracks).unwrap_or_default();
    let mimes: Vec<&str> = tracks.iter().map(|track| track.mime_type.as_str()).collect();
    assert_eq!(mimes, ["audio/opus", "video/VP8"]);

    for at in 0..50_u8 {
        alice.send(&server, &[at; 500]).await;
        bob.send(&server, &[100 + at]).await;
    }
    let at_bob = bob.receives(&server, 50).await;
    let at_alice = alice.receives(&server, 50).await;
    for at in 0..50_u8 {
        assert_eq!(at_bob[usize::from(at)], ("alice".to_owned(), vec![at; 500]));
        assert_eq!(at_alice[usize::from(at)], ("bob".to_owned(), vec![100 + at]));
    }
    assert!(alice.connected() && bob.connected());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_late_gets_a_key_frame_and_what_follows() {
    let server = Server::start("webrtc-crate-late").await;
    let mut alice = Peer::join(&server, "room", "alice").await;
    alice.publish(&server, Kind::Vp8).await;
    let bob = Peer::join(&server, "room", "bob").await;
    let heard = bob.hears(&server, Kind::Vp8, 30).await;
    assert_eq!(heard.missing(), 0, "{}", server.tail());
}
