//! Joins of real servers. `cargo build --bin chevet` first; Janus by `tools/setup bench`, as root.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::*;
use crate::generator::Options;
use crate::net::Network;

/// `CHEVET_BIN`, else what cargo built beside this test.
fn binary() -> PathBuf {
    let path = match std::env::var_os("CHEVET_BIN") {
        // Tests run in the directory of their crate, one below the root.
        Some(path) => Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path),
        None => {
            let test = std::env::current_exe().expect("this test");
            test.ancestors().nth(2).expect("two levels below its target directory").join("chevet")
        }
    };
    assert!(
        path.exists(),
        "no server to load: `cargo build --bin chevet`, or set CHEVET_BIN ({})",
        path.display()
    );
    path
}

fn tracks(simulcast: bool, codec: VideoCodec) -> Vec<TrackSpec> {
    vec![
        TrackSpec::Audio { bits_per_second: 32_000, speech: 1.0 },
        TrackSpec::Video {
            codec,
            simulcast,
            bits_per_second: 600_000,
            frames_per_second: 30.0,
            pacing: Pacing::Paced,
        },
    ]
}

fn who(room: &str, identity: &str, publish: Vec<TrackSpec>, data: bool) -> JoinSpec {
    JoinSpec { room: room.to_owned(), identity: identity.to_owned(), publish, subscribe: true, data }
}

/// Three who publish sound and video, all receive all: 3 x 2 streams down.
async fn meet(server: &Server, generator: &Generator, publish: &[TrackSpec], data: bool) -> Vec<Session> {
    let mut sessions = Vec::new();
    for identity in ["alice", "bob", "carol"] {
        let session = server.join(generator, who("meeting", identity, publish.to_vec(), data)).await;
        sessions.push(session.unwrap_or_else(|error| panic!("{error:#}")));
    }
    for session in &sessions {
        session.first_media().await.unwrap_or_else(|error| panic!("{error:#}"));
    }
    // Everybody is subscribed to everybody after this.
    tokio::time::sleep(Duration::from_secs(2)).await;
    generator.tally();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let tally = generator.tally();
    for session in &sessions {
        assert_eq!(session.failure(), None);
        let phases = session.phases();
        assert!(phases.signalled <= phases.ice && phases.ice <= phases.dtls, "{phases:?}");
    }
    // Each sends 50 sound packets a second and, of video, one encoding goes to each of the two others.
    let (sent, received) = (tally.sent as f64 / tally.seconds, tally.received as f64 / tally.seconds);
    let video = f64::from(publish.len() > 1) * 30.0;
    assert!(sent >= 3.0 * (50.0 + video) * 0.8, "{sent} packets/s were sent");
    assert!(received >= 6.0 * (50.0 + video) * 0.8, "{received} packets/s of {sent} sent came in: {tally:?}");
    assert_eq!(tally.lost_by_sequence + tally.lost_by_probe, 0, "{tally:?}");
    sessions
}

async fn leave(server: Server, sessions: Vec<Session>) {
    for session in sessions {
        session.leave().await;
    }
    let usage = server.usage().expect("it runs");
    assert!(usage.cpu_seconds > 0.01 && usage.resident_kib > 1000, "{usage:?}");
    server.stop().await.unwrap_or_else(|error| panic!("{error:#}"));
}

async fn meet_at_chevet(protocol: Protocol, simulcast: bool, codec: VideoCodec) {
    let options = ServerOptions { binary: Some(binary()), protocol, ..ServerOptions::default() };
    let server = Server::start(Kind::Chevet, &options).await.unwrap_or_else(|error| panic!("{error:#}"));
    let generator =
        Generator::start(Options { threads: 1, network: Network::LOOPBACK }).expect("a generator");
    let sessions = meet(&server, &generator, &tracks(simulcast, codec), true).await;

    let content: Vec<u8> = (0..1_000_000u32).map(|at| (at % 251) as u8).collect();
    let (sent, bob, carol) = tokio::join!(
        sessions[0].send_file("scan.bin", content.into(), &[]),
        sessions[1].receive_file(),
        sessions[2].receive_file(),
    );
    assert_eq!(sent.unwrap_or_else(|error| panic!("{error:#}")).bytes, 1_000_000);
    for received in [bob, carol] {
        let file = received.unwrap_or_else(|error| panic!("{error:#}"));
        assert!(file.intact && file.bytes == 1_000_000 && file.from == "alice", "{file:?}");
    }
    leave(server, sessions).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_meet_by_the_single_connection_of_v1_and_hand_over_a_file() {
    meet_at_chevet(Protocol::V1, true, VideoCodec::Vp8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_meet_by_the_two_connections_of_v0_and_hand_over_a_file() {
    meet_at_chevet(Protocol::V0, false, VideoCodec::H264).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_slowly_gets_a_file_slowly() {
    let options = ServerOptions { binary: Some(binary()), ..ServerOptions::default() };
    let server = Server::start(Kind::Chevet, &options).await.unwrap_or_else(|error| panic!("{error:#}"));
    let generator =
        Generator::start(Options { threads: 1, network: Network::LOOPBACK }).expect("a generator");
    let mut sessions = Vec::new();
    for identity in ["alice", "bob"] {
        let joined = server.join(&generator, who("files", identity, Vec::new(), true)).await;
        sessions.push(joined.unwrap_or_else(|error| panic!("{error:#}")));
    }
    sessions[1].read_slowly(256);
    let content = Bytes::from(vec![7; 512 * 1024]);
    let (sent, received) =
        tokio::join!(sessions[0].send_file("slow.bin", content, &[]), sessions[1].receive_file());
    sent.unwrap_or_else(|error| panic!("{error:#}"));
    let file = received.unwrap_or_else(|error| panic!("{error:#}"));
    assert!(file.intact, "{file:?}");
    assert!(file.took > Duration::from_millis(1800) && file.took < Duration::from_secs(4), "{file:?}");
    leave(server, sessions).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_told_with_the_servers_words() {
    let options = ServerOptions { binary: Some(binary()), ..ServerOptions::default() };
    let server = Server::start(Kind::Chevet, &options).await.unwrap_or_else(|error| panic!("{error:#}"));
    let Backend::LiveKit(inner) = &server.backend else { panic!("it speaks LiveKit's protocol") };
    let options = ServerOptions {
        url: Some(inner.access.url.clone()),
        api_key: Some(inner.access.key.clone()),
        api_secret: Some("a secret that the server does not know".to_owned()),
        ..ServerOptions::default()
    };
    let stranger = Server::start(Kind::LiveKit, &options).await.unwrap_or_else(|error| panic!("{error:#}"));
    assert!(stranger.usage().is_none());
    let generator =
        Generator::start(Options { threads: 1, network: Network::LOOPBACK }).expect("a generator");
    let refused = stranger.join(&generator, who("meeting", "mallory", Vec::new(), false)).await;
    let text = format!("{:#}", refused.err().expect("refused"));
    assert!(text.contains("mallory cannot join") && text.contains("401"), "{text}");
}

/// Janus needs a network namespace, which a thread of its own can have among others.
#[test]
fn three_meet_at_janus() {
    if std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .all(|path| !path.join("janus").exists())
    {
        eprintln!("skipped: the program `janus` is not installed (tools/setup bench)");
        return;
    }
    let thread = std::thread::spawn(|| {
        let isolation = isolation::enter_thread().unwrap_or_else(|error| panic!("{error:#}"));
        let network = isolation.network();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let options = ServerOptions { address: IpAddr::V4(isolation.server), ..ServerOptions::default() };
            let server =
                Server::start(Kind::Janus, &options).await.unwrap_or_else(|error| panic!("{error:#}"));
            let generator = Generator::start(Options { threads: 1, network }).expect("a generator");
            let sessions = meet(&server, &generator, &tracks(true, VideoCodec::Vp8), false).await;
            leave(server, sessions).await;
        });
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}
