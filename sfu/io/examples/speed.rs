//! What one worker costs, over loopback sockets, with real ICE, DTLS and SRTP on both sides. A publisher sends 1.5 Mbit/s of
//! VP8 and Opus.
//!
//!     cargo run --release -p chevet-sfu-io --example speed                    one publisher to 100 subscribers
//!     cargo run --release -p chevet-sfu-io --example speed -- subscribers 300 seconds 20 spread transport-cc
//!     cargo run --release -p chevet-sfu-io --example speed -- meeting 8       everybody sees everybody
//!
//! Each line has the CPU time of the worker's thread for each packet sent. On loopback this includes the delivery into the
//! receiver's socket; the floor is the same for `send_to` alone. The clients need a core of their own, and a machine that is
//! busy with other things gives useless figures.

#[path = "../tests/common/mod.rs"]
mod common;

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use chevet_sfu_core::api::RoomId;
use chevet_sfu_io::{Sfu, SfuConfig, WorkerId, WorkerLoad};

use common::client::Identity;
use common::counting::{self, Counting, LIVE_BYTES};
use common::loopback::Swarm;
use common::media::Source;
use common::script::{AUDIO_SSRC, VIDEO_SSRC, join, open_room, publish, subscribe};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Options {
    clients: u64,
    /// The first ones of the clients.
    publishers: u64,
    seconds: u64,
    spread: bool,
    transport_cc: bool,
    offload: bool,
}

fn main() {
    counting::exempt(true);
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|text| text == word);
    let number = |word: &str| -> Option<u64> {
        let at = words.iter().position(|text| text == word)?;
        words.get(at + 1)?.parse().ok()
    };
    let (clients, publishers) = match number("meeting") {
        Some(people) => (people, people),
        None => (number("subscribers").unwrap_or(100) + 1, 1),
    };
    println!("floor: {:.2} us to send 1,100 bytes to one of 100 sockets", floor());
    println!(
        "clients publishers  frames gso twcc  packets/s us/packet busy%  per message per receive wakeups/s alloc/s KiB/client lost"
    );
    for spread in [false, true] {
        if has("spread") && !spread || has("burst") && spread {
            continue;
        }
        for offload in [true, false] {
            if has("gso") && !offload {
                continue;
            }
            let seconds = number("seconds").unwrap_or(10);
            let transport_cc = has("transport-cc");
            run(&Options { clients, publishers, seconds, spread, transport_cc, offload });
        }
    }
}

/// What the system alone takes for a datagram, in microseconds of CPU.
fn floor() -> f64 {
    let receivers: Vec<UdpSocket> = (0..100).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut bytes = [0; 1100];
    let mut spent = 0;
    let rounds = 200;
    for _ in 0..rounds {
        let before = cpu_nanos();
        for receiver in &receivers {
            sender.send_to(&bytes, receiver.local_addr().unwrap()).unwrap();
        }
        spent += cpu_nanos() - before;
        for receiver in &receivers {
            receiver.recv(&mut bytes).unwrap();
        }
    }
    spent as f64 / 1000.0 / f64::from(rounds) / receivers.len() as f64
}

/// CPU time of this thread.
fn cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn run(options: &Options) {
    let worker = WorkerId(0);
    let config = SfuConfig {
        workers: 1,
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        udp_port: 0,
        tcp_port: None,
        segmentation_offload: options.offload,
        ..SfuConfig::default()
    };
    let (sfu, mut events) = Sfu::start(config).expect("the media server starts");
    let server = sfu.candidates(worker)[0].addr;
    let identity = Identity::new();
    let mut swarm = Swarm::new();
    sfu.command(worker, open_room(RoomId(1))).unwrap();
    let mut live_before = 0;
    for number in 1..=options.clients {
        let (client, commands) =
            join(Instant::now(), RoomId(1), number, &identity, server, worker, options.transport_cc);
        let index = swarm.add(client);
        for command in commands {
            sfu.command(worker, command).unwrap();
        }
        let connected = swarm.run_until(Duration::from_secs(10), |swarm| swarm.client(index).is_connected());
        assert!(connected, "client {number} did not connect");
        if number == 1 {
            swarm.run_for(Duration::from_millis(100));
            live_before = LIVE_BYTES.load(Ordering::SeqCst);
        }
    }
    for number in 1..=options.publishers {
        for command in publish(number) {
            sfu.command(worker, command).unwrap();
        }
        // Not all at the same moment.
        swarm.run_for(Duration::from_millis(7));
        let now = Instant::now();
        let ssrc = 16 * number as u32;
        let mut video = Source::video(now, "1", None, VIDEO_SSRC + ssrc, 1_500_000, options.spread);
        if options.transport_cc {
            video.number_from(0);
        }
        let audio = Source::audio(now, "0", AUDIO_SSRC + ssrc, 30);
        swarm.client(number as usize - 1).sources = vec![audio, video];
    }
    for publisher in 1..=options.publishers {
        for subscriber in (1..=options.clients).filter(|number| *number != publisher) {
            for command in subscribe(publisher, subscriber) {
                sfu.command(worker, command).unwrap();
            }
            swarm.turn();
        }
    }
    swarm.run_for(Duration::from_secs(4));
    let live = LIVE_BYTES.load(Ordering::SeqCst) - live_before;
    let before = second(&sfu, &mut swarm);
    let (received_before, allocations_before) = (received(&mut swarm), counting::allocations());
    let start = Instant::now();
    swarm.run_for(Duration::from_secs(options.seconds));
    let wall = start.elapsed().as_secs_f64();
    let packets = (received(&mut swarm) - received_before) as f64;
    let allocations = counting::allocations() - allocations_before;
    let after = second(&sfu, &mut swarm);
    while events.try_recv().is_ok() {}
    let lost: u64 = swarm.clients().flat_map(|client| client.received.values()).map(|got| got.lost()).sum();
    // The worker's own window, which is a little longer than ours, has its own packet count.
    let sent = (after.io.udp_datagrams_out - before.io.udp_datagrams_out) as f64;
    let cpu = after.cpu_seconds - before.cpu_seconds;
    println!(
        "{:>7} {:>10}  {:>6} {:>3} {:>4} {:>10.0} {:>9.2} {:>5.1} {:>12.2} {:>11.2} {:>9.0} {:>7.0} {:>10.1} {:>4}",
        options.clients,
        options.publishers,
        if options.spread { "spread" } else { "burst" },
        if options.offload { "on" } else { "off" },
        if options.transport_cc { "on" } else { "off" },
        packets / wall,
        cpu * 1e6 / sent,
        after.busy * 100.0,
        sent / (after.io.udp_send_messages - before.io.udp_send_messages).max(1) as f64,
        (after.io.udp_datagrams_in - before.io.udp_datagrams_in) as f64
            / (after.io.udp_receive_calls - before.io.udp_receive_calls).max(1) as f64,
        (after.io.wakeups - before.io.wakeups) as f64 / wall,
        allocations as f64 / wall,
        live as f64 / 1024.0 / options.clients as f64,
        lost
    );
    drop(sfu);
    thread::sleep(Duration::from_millis(100));
}

/// The worker's figures right after it published them.
fn second(sfu: &Sfu, swarm: &mut Swarm) -> WorkerLoad {
    let before = sfu.load()[0].cpu_seconds;
    let published =
        swarm.run_until(Duration::from_secs(3), |_| sfu.load()[0].cpu_seconds.to_bits() != before.to_bits());
    assert!(published, "the worker is stuck");
    sfu.load()[0].clone()
}

fn received(swarm: &mut Swarm) -> u64 {
    swarm.clients().flat_map(|client| client.received.values()).map(|got| got.packets).sum()
}
