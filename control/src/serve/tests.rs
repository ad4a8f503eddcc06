use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::*;
use crate::testing::{config, control_with};

struct Running {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    done: tokio::task::JoinHandle<()>,
}

async fn run(listen: ListenConfig) -> Running {
    let mut config = config();
    config.limits.body_bytes = 1024;
    let (control, _) = control_with(config);
    let listen = ListenConfig { addrs: vec![SocketAddr::from(([127, 0, 0, 1], 0))], ..listen };
    let server = Server::bind(listen).await.expect("loopback");
    let addr = server.addrs()[0];
    let (stop, stopped) = oneshot::channel();
    let app = Router::new()
        .route("/", get(crate::ops::root))
        .route("/rtc/validate", get(async || (http::StatusCode::UNAUTHORIZED, "no")))
        .merge(control.router());
    let done = tokio::spawn(async move {
        server.run(&control, app, async { stopped.await.unwrap_or_default() }).await;
    });
    Running { addr, stop: Some(stop), done }
}

/// Sends raw text and reads until the server closes or is silent for a while.
async fn exchange(addr: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.expect("listening");
    // The server may close before all is sent.
    let _ = stream.write_all(text.as_bytes()).await;
    read(&mut stream).await
}

async fn read(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut buffer = [0; 65536];
    while let Ok(Ok(n @ 1..)) =
        tokio::time::timeout(Duration::from_millis(500), stream.read(&mut buffer)).await
    {
        answer.extend_from_slice(&buffer[..n]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn any_origin_may_read_errors_too() {
    let running = run(ListenConfig::default()).await;
    for path in ["/rtc/validate", "//rtc/validate", "/nowhere", "/v1/rooms"] {
        let answer = exchange(
            running.addr,
            &format!("GET {path} HTTP/1.1\r\nhost: x\r\norigin: https://a.example\r\n\r\n"),
        )
        .await;
        assert!(answer.contains("access-control-allow-origin: *"), "{path}: {answer}");
    }
    let doubled = exchange(running.addr, "GET //rtc/validate HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(doubled.starts_with("HTTP/1.1 401"), "{doubled}");
    let head = exchange(running.addr, "HEAD / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let preflight = "OPTIONS /twirp/livekit.RoomService/ListRooms HTTP/1.1\r\nhost: x\r\norigin: https://a.example\r\n\
        access-control-request-method: POST\r\naccess-control-request-headers: authorization,x-own\r\n\r\n";
    let answer = exchange(running.addr, preflight).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("access-control-max-age: 86400"),
        "{answer}"
    );
    assert!(answer.contains("access-control-allow-headers: authorization,x-own"), "{answer}");
}

#[tokio::test]
async fn long_urls_pass_and_endless_heads_do_not() {
    let running = run(ListenConfig::default()).await;
    let long = "x".repeat(60_000);
    let answer =
        exchange(running.addr, &format!("GET /healthz?join_request={long} HTTP/1.1\r\nhost: x\r\n\r\n"))
            .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let endless = "x".repeat(300_000);
    let answer =
        exchange(running.addr, &format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-y: {endless}\r\n\r\n")).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    let many = "a: b\r\n".repeat(500);
    let answer = exchange(running.addr, &format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{many}\r\n")).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_head_sent_drop_by_drop_is_cut_off() {
    let listen = ListenConfig { header_timeout: Duration::from_millis(200), ..ListenConfig::default() };
    let running = run(listen).await;
    let mut stream = TcpStream::connect(running.addr).await.expect("listening");
    stream.write_all(b"GET / HTTP/1.1\r\nhost:").await.expect("open");
    let mut end = [0; 512];
    let closed = tokio::time::timeout(Duration::from_secs(5), async {
        while !matches!(stream.read(&mut end).await, Ok(0) | Err(_)) {}
    });
    assert!(closed.await.is_ok());
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let running = run(ListenConfig::default()).await;
    let body = "x".repeat(5000);
    let key = format!("key:{}", crate::testing::SECRET);
    let request = format!(
        "POST /v1/rooms HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(running.addr, &request).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("too_large"), "{answer}");
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_their_turn() {
    let running = run(ListenConfig { connections_max: 1, ..ListenConfig::default() }).await;
    let first = TcpStream::connect(running.addr).await.expect("listening");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut second = TcpStream::connect(running.addr).await.expect("in the kernel's queue");
    second.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("open");
    assert!(read(&mut second).await.is_empty());
    drop(first);
    assert!(read(&mut second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn who_reads_no_answers_loses_the_connection() {
    let listen = ListenConfig {
        connections_max: 1,
        write_patience: Duration::from_millis(300),
        ..ListenConfig::default()
    };
    let running = run(listen).await;
    let mut deaf = TcpStream::connect(running.addr).await.expect("listening");
    // More answers than the buffers of both sides hold.
    let asking = tokio::spawn(async move {
        let many = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
        while deaf.write_all(many.as_bytes()).await.is_ok() {}
    });
    tokio::time::timeout(Duration::from_secs(60), asking).await.expect("cut off").expect("no panic");
    let answer = exchange(running.addr, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_stop_lets_the_idle_go_and_ends() {
    let mut running = run(ListenConfig::default()).await;
    let mut idle = TcpStream::connect(running.addr).await.expect("listening");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("open");
    assert!(read(&mut idle).await.starts_with("HTTP/1.1 200"));
    running.stop.take().expect("once").send(()).expect("running");
    tokio::time::timeout(Duration::from_secs(3), running.done).await.expect("in time").expect("no panic");
    assert!(TcpStream::connect(running.addr).await.is_err());
}

#[tokio::test]
async fn a_self_signed_certificate_outlives_the_process_and_a_changed_one_is_read_again() {
    let dir = std::env::temp_dir().join(format!("chevet-tls-{}", crate::sid::connection()));
    let tls = Tls::SelfSigned { dir: dir.clone(), names: vec!["visio.local".into()] };
    let certificate = async |addr: SocketAddr| -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Arc::new(Accept(provider.clone()));
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        let stream = TcpStream::connect(addr).await.expect("listening");
        let name = rustls_pki_types::ServerName::try_from("visio.local").expect("a name");
        let mut stream =
            tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, stream).await.expect("TLS");
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .expect("open");
        let mut answer = String::new();
        // The server may close without a TLS goodbye.
        let _ = stream.read_to_string(&mut answer).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let (_, session) = stream.get_ref();
        session.peer_certificates().and_then(|chain| chain.first()).expect("one").to_vec()
    };
    let first = run(ListenConfig { tls: tls.clone(), ..ListenConfig::default() }).await;
    let one = certificate(first.addr).await;
    let second = run(ListenConfig { tls, ..ListenConfig::default() }).await;
    assert_eq!(certificate(second.addr).await, one);

    let made = rcgen::generate_simple_self_signed(["other.local".to_owned()]).expect("a certificate");
    std::fs::write(dir.join("self-signed.key"), made.signing_key.serialize_pem()).expect("writable");
    std::fs::write(dir.join("self-signed.crt"), made.cert.pem()).expect("writable");
    let expected = made.cert.der().to_vec();
    let mut seen = Vec::new();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        seen = certificate(second.addr).await;
        if seen == expected {
            break;
        }
    }
    assert!(seen == expected, "the new certificate is in use");
    let _ = std::fs::remove_dir_all(dir);
}

/// The test looks at the certificate itself.
#[derive(Debug)]
struct Accept(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Accept {
    fn verify_server_cert(
        &self,
        _end_entity: &rustls_pki_types::CertificateDer<'_>,
        _intermediates: &[rustls_pki_types::CertificateDer<'_>],
        _server_name: &rustls_pki_types::ServerName<'_>,
        _ocsp_response: &[u8],
        _now: rustls_pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &rustls_pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &rustls_pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[tokio::test]
async fn a_websocket_keeps_its_place_until_it_closes() {
    use axum::extract::ws::WebSocketUpgrade;
    let (control, _) = control_with(config());
    let app = Router::new().route("/healthz", get(crate::ops::root)).route(
        "/ws",
        get(async |upgrade: WebSocketUpgrade| {
            upgrade.on_upgrade(|mut socket| async move { while socket.recv().await.is_some() {} })
        }),
    );
    let addrs = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    let listen = ListenConfig { addrs, connections_max: 1, ..ListenConfig::default() };
    let server = Server::bind(listen).await.expect("loopback");
    let addr = server.addrs()[0];
    tokio::spawn(async move { server.run(&control, app, std::future::pending()).await });
    let mut socket = TcpStream::connect(addr).await.expect("listening");
    let upgrade = "GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    socket.write_all(upgrade.as_bytes()).await.expect("open");
    assert!(read(&mut socket).await.starts_with("HTTP/1.1 101"));
    let mut other = TcpStream::connect(addr).await.expect("in the kernel's queue");
    other.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("open");
    assert!(read(&mut other).await.is_empty());
    drop(socket);
    assert!(read(&mut other).await.starts_with("HTTP/1.1 200"));
}
