//! What one worker costs: one publisher (1.5 Mbit/s VP8 and Opus) to many subscribers over loopback sockets, with real ICE,
//! DTLS and SRTP on both sides.
//!
//!     cargo run --release -p chevet-sfu-io --example speed -- [subscribers] [seconds] [spread|burst] [transport-cc]
//!
//! Each run prints the CPU time of the worker's thread for each packet that a subscriber received. On loopback this
//! includes the delivery into the receiver's socket. The clients need a core of their own; a machine busy with other things
//! gives useless figures.

#[path = "../tests/common/mod.rs"]
mod common;

use std::net::{IpAddr, Ipv4Addr};
use std::thread;
use std::time::{Duration, Instant};

use chevet_sfu_core::api::RoomId;
use chevet_sfu_io::{Sfu, SfuConfig, WorkerId, WorkerLoad};

use common::client::Identity;
use common::counting::{self, Counting, LIVE_BYTES};
use common::loopback::Swarm;
use common::media::Source;
use common::script::{AUDIO_SSRC, VIDEO_SSRC, join, open_room, publish, subscribe};
use std::sync::atomic::Ordering;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Options {
    subscribers: u64,
    seconds: u64,
    spread: bool,
    transport_cc: bool,
    offload: bool,
}

fn main() {
    counting::exempt(true);
    let mut arguments = std::env::args().skip(1);
    let subscribers = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(100);
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(10);
    let rest: Vec<String> = arguments.collect();
    let has = |word: &str| rest.iter().any(|text| text == word);
    println!(
        "{:>6} {:>7} {:>4} {:>4} {:>10} {:>9} {:>7} {:>9} {:>9} {:>9} {:>8} {:>8} {:>6}",
        "subs",
        "frames",
        "gso",
        "twcc",
        "packets/s",
        "us/packet",
        "busy %",
        "per msg",
        "per recv",
        "wakeups/s",
        "alloc/s",
        "KiB/sub",
        "lost"
    );
    for spread in [false, true] {
        if has("spread") && !spread || has("burst") && spread {
            continue;
        }
        for offload in [true, false] {
            if has("gso") && !offload {
                continue;
            }
            run(&Options { subscribers, seconds, spread, transport_cc: has("transport-cc"), offload });
        }
    }
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
    for number in 1..=options.subscribers + 1 {
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
    let now = Instant::now();
    let mut video = Source::video(now, "1", None, VIDEO_SSRC + 16, 1_500_000, options.spread);
    if options.transport_cc {
        video.number_from(0);
    }
    swarm.client(0).sources = vec![Source::audio(now, "0", AUDIO_SSRC + 16, 30), video];
    for command in publish(1) {
        sfu.command(worker, command).unwrap();
    }
    for number in 2..=options.subscribers + 1 {
        for command in subscribe(1, number) {
            sfu.command(worker, command).unwrap();
        }
        swarm.turn();
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
    let per = |one: u64, other: u64| one as f64 / other.max(1) as f64;
    println!(
        "{:>6} {:>7} {:>4} {:>4} {:>10.0} {:>9.2} {:>7.1} {:>9.2} {:>9.2} {:>9.0} {:>8.0} {:>8.1} {:>6}",
        options.subscribers,
        if options.spread { "spread" } else { "burst" },
        if options.offload { "on" } else { "off" },
        if options.transport_cc { "on" } else { "off" },
        packets / wall,
        cpu * 1e6 / sent,
        after.busy * 100.0,
        per(
            after.io.udp_datagrams_out - before.io.udp_datagrams_out,
            after.io.udp_send_messages - before.io.udp_send_messages
        ),
        per(
            after.io.udp_datagrams_in - before.io.udp_datagrams_in,
            after.io.udp_receive_calls - before.io.udp_receive_calls
        ),
        (after.io.wakeups - before.io.wakeups) as f64 / wall,
        allocations as f64 / wall,
        live as f64 / 1024.0 / options.subscribers as f64,
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
