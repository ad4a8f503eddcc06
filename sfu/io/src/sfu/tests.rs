use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream, UdpSocket};
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use chevet_sfu_core::api::{DataChannels, IceCredentials};
use chevet_sfu_core::api::{
    MemberConfig, MemberId, MemberPermissions, Path, RoomId, TransportConfig, TransportFailure, TransportId,
};
use chevet_sfu_core::engine::{Counters, Datagram, Outbound, Transmit};

use super::*;
use crate::ufrag::ufrag_for;

/// An engine that answers every datagram with itself, a check with success, and tells of its rooms.
#[derive(Default)]
struct Echo {
    events: Vec<Event>,
    deadline: Option<Instant>,
}

/// What `OpenRoom` with these numbers does to [`Echo`].
const PANIC: u64 = 1_000_001;
const SLEEP: u64 = 1_000_002;
const DEADLINE: u64 = 1_000_003;
const DEADLINE_AFTER: Duration = Duration::from_micros(2500);

fn told(member: u64, sequence: u32) -> Event {
    Event::Resumed { member: MemberId(member), last_sequence: sequence }
}

impl Machine for Echo {
    fn on_datagrams<'a, T: Transmit>(
        &mut self,
        _now: Instant,
        batch: impl Iterator<Item = Datagram<'a>>,
        tx: &mut T,
    ) {
        for datagram in batch {
            match &*datagram.bytes {
                b"panic" => panic!("as told"),
                b"flood" => {
                    for _ in 0..2000 {
                        let mut out = Outbound::default();
                        out.push(datagram.path, &[7; 1400]);
                        tx.send(&out);
                    }
                }
                _ => {
                    let mut out = Outbound::default();
                    if datagram.bytes.starts_with(&[0, 1]) {
                        datagram.bytes[0] = 1;
                    }
                    out.push(datagram.path, datagram.bytes);
                    tx.send(&out);
                }
            }
        }
    }

    fn on_command<T: Transmit>(&mut self, now: Instant, command: Command, _tx: &mut T) {
        match command {
            Command::OpenRoom { room: RoomId(PANIC) } => panic!("as told"),
            Command::OpenRoom { room: RoomId(SLEEP) } => thread::sleep(Duration::from_millis(300)),
            Command::OpenRoom { room: RoomId(DEADLINE) } => self.deadline = Some(now + DEADLINE_AFTER),
            Command::OpenRoom { room } => self.events.push(told(room.0, 1)),
            Command::CloseRoom { room } => self.events.push(told(room.0, 0)),
            _ => {}
        }
    }

    fn on_deadline<T: Transmit>(&mut self, now: Instant, _tx: &mut T) {
        let late = now.saturating_duration_since(self.deadline.take().unwrap());
        self.events.push(told(DEADLINE, late.as_micros() as u32));
    }

    fn on_path_closed(&mut self, path: Path) {
        self.events.push(told(u64::from(path.tcp), 9));
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn poll_event(&mut self) -> Option<Event> {
        if self.events.is_empty() { None } else { Some(self.events.remove(0)) }
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }
}

fn config(workers: usize) -> SfuConfig {
    SfuConfig {
        workers,
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        udp_port: 0,
        tcp_port: Some(0),
        commands_max: 16,
        ..SfuConfig::default()
    }
}

fn start(config: SfuConfig) -> (Sfu, Events) {
    Sfu::start_with(config, Fingerprint([0; 32]), |_| Echo::default()).unwrap()
}

fn udp_of(sfu: &Sfu, worker: u16) -> SocketAddr {
    sfu.candidates(WorkerId(worker))[0].addr
}

fn tcp_of(sfu: &Sfu) -> TcpStream {
    let candidates = sfu.candidates(WorkerId(0));
    let tcp =
        candidates.iter().find(|candidate| candidate.protocol == CandidateProtocol::TcpPassive).unwrap();
    let stream = TcpStream::connect(tcp.addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

fn client() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

async fn next(events: &mut Events) -> Event {
    tokio::time::timeout(Duration::from_secs(5), events.recv()).await.unwrap().unwrap()
}

async fn next_told(events: &mut Events) -> (u64, u32) {
    match next(events).await {
        Event::Resumed { member, last_sequence } => (member.0, last_sequence),
        other => panic!("{other:?}"),
    }
}

/// A framed binding request with this user name and nothing else.
fn check(username: &str) -> Vec<u8> {
    let mut attribute = vec![0, 6];
    attribute.extend((username.len() as u16).to_be_bytes());
    attribute.extend(username.as_bytes());
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    let mut message = vec![0, 1];
    message.extend((attribute.len() as u16).to_be_bytes());
    message.extend([0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    message.extend(attribute);
    frame(&message)
}

fn frame(datagram: &[u8]) -> Vec<u8> {
    [&(datagram.len() as u16).to_be_bytes()[..], datagram].concat()
}

fn read_frame(stream: &mut TcpStream) -> Vec<u8> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).unwrap();
    let mut bytes = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

fn open_room(room: u64) -> Command {
    Command::OpenRoom { room: RoomId(room) }
}

#[tokio::test]
async fn datagrams_come_in_and_go_out_by_each_workers_own_port() {
    let (sfu, _events) = start(config(2));
    assert_ne!(udp_of(&sfu, 0), udp_of(&sfu, 1));
    for worker in 0..2 {
        let client = client();
        client.send_to(b"hello", udp_of(&sfu, worker)).unwrap();
        let mut bytes = [0; 100];
        let (len, from) = client.recv_from(&mut bytes).unwrap();
        assert_eq!(&bytes[..len], b"hello");
        assert_eq!(from, udp_of(&sfu, worker));
    }
    sfu.stop().await;
}

#[tokio::test]
async fn a_burst_larger_than_one_batch_is_read_to_its_end() {
    // As many as a socket buffer of the usual size holds, and five batches' worth.
    const BURST: u32 = 160;
    let (sfu, _events) = start(config(1));
    let client = client();
    for number in 0..BURST {
        client.send_to(&number.to_be_bytes(), udp_of(&sfu, 0)).unwrap();
    }
    let mut numbers: Vec<u32> = (0..BURST)
        .map(|_| {
            let mut bytes = [0; 4];
            assert_eq!(client.recv(&mut bytes).unwrap(), 4);
            u32::from_be_bytes(bytes)
        })
        .collect();
    // Two processors may exchange neighbours on the way.
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..BURST));
    sfu.stop().await;
}

#[tokio::test]
async fn a_tcp_connection_reaches_the_worker_its_first_check_names() {
    let (sfu, mut events) = start(config(3));
    for worker in 0..3 {
        let mut stream = tcp_of(&sfu);
        let username = format!("{}:peer", ufrag_for(WorkerId(worker), 77));
        let check = check(&username);
        // In two pieces, so that the lobby has to wait for the rest.
        stream.write_all(&check[..7]).unwrap();
        thread::sleep(Duration::from_millis(20));
        stream.write_all(&check[7..]).unwrap();
        let answer = read_frame(&mut stream);
        assert_eq!(answer[..2], [1, 1]);
        assert_eq!(answer.len(), check.len() - 2);
        let mut two = frame(b"first");
        two.extend(frame(b"second"));
        for piece in two.chunks(3) {
            stream.write_all(piece).unwrap();
        }
        assert_eq!(read_frame(&mut stream), b"first");
        assert_eq!(read_frame(&mut stream), b"second");
        drop(stream);
        assert_eq!(next_told(&mut events).await, (1, 9));
    }
    sfu.stop().await;
}

#[tokio::test]
async fn a_tcp_connection_without_a_valid_first_check_is_closed() {
    let (sfu, _events) = start(config(1));
    let elsewhere = check(&format!("{}:peer", ufrag_for(WorkerId(9), 77)));
    for bytes in [frame(b"GET / HTTP/1.1"), vec![0xff, 0xff, 0], check("?"), check(""), elsewhere] {
        let mut stream = tcp_of(&sfu);
        stream.write_all(&bytes).unwrap();
        match stream.read(&mut [0; 10]) {
            Ok(count) => assert_eq!(count, 0),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
    sfu.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tcp_peer_that_does_not_read_loses_datagrams_and_holds_up_nobody() {
    let (sfu, _events) = start(config(1));
    let mut stream = tcp_of(&sfu);
    stream.write_all(&check(&format!("{}:peer", ufrag_for(WorkerId(0), 77)))).unwrap();
    read_frame(&mut stream);
    stream.write_all(&frame(b"flood")).unwrap();
    let client = client();
    client.send_to(b"still there?", udp_of(&sfu, 0)).unwrap();
    assert!(client.recv(&mut [0; 100]).is_ok());
    let waiting = async {
        while sfu.load()[0].io.tcp_dropped_full == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap();
    // What arrives is still whole frames.
    for _ in 0..100 {
        assert_eq!(read_frame(&mut stream), vec![7; 1400]);
    }
    sfu.stop().await;
}

#[tokio::test]
async fn a_panic_costs_the_participants_their_transports_but_not_the_rooms() {
    let (sfu, mut events) = start(config(1));
    let worker = WorkerId(0);
    let permissions = MemberPermissions { can_publish_data: true, hidden: false };
    let config = MemberConfig { room: RoomId(5), identity: "a".into(), sid: "b".into(), permissions };
    let ice = IceCredentials { ufrag: ufrag_for(worker, 1), pwd: "p".repeat(22) };
    let transport =
        TransportConfig { member: MemberId(6), ice, data: DataChannels::Accept, data_downstream: true };
    sfu.command(worker, open_room(5)).unwrap();
    sfu.command(worker, Command::AddMember { member: MemberId(6), config }).unwrap();
    sfu.command(worker, Command::OpenTransport { transport: TransportId(7), config: transport }).unwrap();
    assert_eq!(next_told(&mut events).await, (5, 1));
    client().send_to(b"panic", udp_of(&sfu, 0)).unwrap();
    let lost = next(&mut events).await;
    assert!(matches!(
        lost,
        Event::TransportFailed {
            transport: TransportId(7),
            member: MemberId(6),
            why: TransportFailure::WorkerReset
        }
    ));
    assert_eq!(next_told(&mut events).await, (5, 1));
    assert!(sfu.healthy());
    sfu.stop().await;
}

#[tokio::test]
async fn a_worker_that_panics_again_and_again_gives_up_and_says_so() {
    let (sfu, _events) = start(config(2));
    let client = client();
    let waiting = async {
        while sfu.healthy() {
            client.send_to(b"panic", udp_of(&sfu, 0)).unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap();
    assert_eq!(sfu.command(WorkerId(0), open_room(1)), Err(Overloaded));
    assert_eq!(sfu.place_room(), WorkerId(1));
    sfu.stop().await;
}

#[tokio::test]
async fn stopping_takes_what_was_commanded_and_closes_every_room() {
    let (sfu, mut events) = start(config(1));
    let other = sfu.clone();
    for room in 0..10 {
        sfu.command(WorkerId(0), open_room(room)).unwrap();
    }
    sfu.stop().await;
    assert_eq!(other.command(WorkerId(0), open_room(11)), Err(Overloaded));
    let mut opened = 0;
    let mut closed = 0;
    while let Ok(event) = events.try_recv() {
        match event {
            Event::Resumed { last_sequence: 1, .. } => opened += 1,
            _ => closed += 1,
        }
    }
    assert_eq!((opened, closed), (10, 10));
    assert!(!other.load()[0].healthy);
}

#[tokio::test]
async fn the_last_handle_ends_the_workers() {
    let (sfu, mut events) = start(config(1));
    drop(sfu);
    assert!(tokio::time::timeout(Duration::from_secs(5), events.recv()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_flood_of_commands_is_refused_but_what_ends_something_is_taken() {
    let (sfu, mut events) = start(config(1));
    let worker = WorkerId(0);
    sfu.command(worker, open_room(SLEEP)).unwrap();
    thread::sleep(Duration::from_millis(50));
    let taken = (0..100).filter(|room| sfu.command(worker, open_room(*room)).is_ok()).count();
    assert_eq!(taken, 16);
    for room in 0..16 {
        sfu.command(worker, Command::CloseRoom { room: RoomId(room) }).unwrap();
    }
    assert_eq!(sfu.command(worker, Command::CloseRoom { room: RoomId(99) }), Err(Overloaded));
    for room in 0..16 {
        assert_eq!(next_told(&mut events).await, (room, 1));
    }
    for room in 0..16 {
        assert_eq!(next_told(&mut events).await, (room, 0));
    }
    sfu.command(worker, open_room(100)).unwrap();
    assert_eq!(next_told(&mut events).await, (100, 1));
    sfu.stop().await;
}

#[tokio::test]
async fn a_deadline_between_two_milliseconds_is_kept() {
    let (sfu, mut events) = start(config(1));
    sfu.command(WorkerId(0), open_room(DEADLINE)).unwrap();
    let (room, late_micros) = next_told(&mut events).await;
    assert_eq!(room, DEADLINE);
    // Generous: the machine may be busy. On an idle one it is some 60 us.
    assert!(late_micros < 50_000, "{late_micros} us late");
    sfu.stop().await;
}

#[tokio::test]
async fn rooms_go_to_the_worker_with_the_fewest() {
    let (sfu, _events) = start(config(3));
    for room in 0..6 {
        let worker = sfu.place_room();
        assert_eq!(usize::from(worker.0), room as usize % 3);
        sfu.command(worker, open_room(room)).unwrap();
    }
    sfu.command(WorkerId(1), Command::CloseRoom { room: RoomId(1) }).unwrap();
    assert_eq!(sfu.place_room(), WorkerId(1));
    sfu.stop().await;
}

#[test]
fn each_worker_makes_its_engine_on_its_own_thread() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let (sfu, _events) = Sfu::start_with(config(2), Fingerprint([0; 32]), |_| {
        assert!(thread::current().name().unwrap_or_default().starts_with("media-"));
        MADE.fetch_add(1, Ordering::Relaxed);
        Echo::default()
    })
    .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(sfu.stop());
    assert_eq!(MADE.load(Ordering::Relaxed), 2);
}

#[test]
fn ports_that_do_not_fit_are_refused() {
    let config = SfuConfig { udp_port: 65_530, workers: 7, ..config(1) };
    assert!(matches!(
        Sfu::start_with(config, Fingerprint([0; 32]), |_| Echo::default()),
        Err(SfuError::Workers { .. })
    ));
}
