//! Forwarding must not touch the heap once everything is warm.

mod common;

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use chevet_sfu_core::api::RoomId;
use chevet_sfu_io::{Sfu, SfuConfig, WorkerId};

use common::client::Identity;
use common::counting::{self, Counting};
use common::loopback::Swarm;
use common::media::Source;
use common::script::{AUDIO_SSRC, VIDEO_SSRC, join, open_room, publish, subscribe, subscribed_ssrcs};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SUBSCRIBERS: u64 = 10;
const WINDOW: Duration = Duration::from_secs(4);

#[test]
fn workers_forward_and_relay_without_allocating_for_each_packet() {
    forwards_without_allocating(1);
    forwards_without_allocating(2);
}

fn forwards_without_allocating(workers: usize) {
    // Everything but the worker's thread: the clients live on this one.
    counting::exempt(true);
    let home = WorkerId(0);
    let config = SfuConfig {
        workers,
        // Members in turn: half of the subscribers are not where the publisher is.
        room_spread: 1,
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        udp_port: 0,
        tcp_port: None,
        ..SfuConfig::default()
    };
    let (sfu, mut events) = Sfu::start(config).unwrap();
    let identity = Identity::new();
    let mut swarm = Swarm::new();
    sfu.command(home, open_room(RoomId(1))).unwrap();
    let mut places = Vec::new();
    for number in 1..=SUBSCRIBERS + 1 {
        let worker = sfu.place_member(RoomId(1), home);
        let server = sfu.candidates(worker)[0].addr;
        places.push(worker);
        let (client, commands) = join(Instant::now(), RoomId(1), number, &identity, server, worker, false);
        swarm.add(client);
        for command in commands {
            sfu.command(worker, command).unwrap();
        }
    }
    assert!(
        swarm.run_until(Duration::from_secs(20), |swarm| swarm.clients().all(|client| client.is_connected()))
    );
    // What checks, reports and ticks allocate without any media.
    swarm.run_for(Duration::from_secs(2));
    let start = counting::allocations();
    swarm.run_for(WINDOW);
    let idle = counting::allocations() - start;

    let now = Instant::now();
    swarm.client(0).sources = vec![
        Source::audio(now, "0", AUDIO_SSRC + 16, 30),
        Source::video(now, "1", None, VIDEO_SSRC + 16, 1_500_000, false),
    ];
    publish(1).into_iter().for_each(|command| sfu.command(places[0], command).unwrap());
    for number in 2..=SUBSCRIBERS + 1 {
        for command in subscribe(1, number) {
            sfu.command(places[number as usize - 1], command).unwrap();
        }
    }
    // Rings and tables reach their full size.
    swarm.run_for(Duration::from_secs(6));
    let forwarded = |swarm: &mut Swarm| -> u64 {
        swarm.clients().flat_map(|client| client.received.values()).map(|received| received.packets).sum()
    };
    let (start, forwarded_before) = (counting::allocations(), forwarded(&mut swarm));
    swarm.run_for(WINDOW);
    let busy = counting::allocations() - start;
    let packets = forwarded(&mut swarm) - forwarded_before;
    while events.try_recv().is_ok() {}
    let [_, video, _] = subscribed_ssrcs(1);
    assert!(swarm.client(3).received.contains_key(&video));
    assert!(packets > 5000, "only {packets} packets");
    println!("{idle} allocations without media, {busy} while {packets} packets were forwarded");
    // The clients' reports, one a second from each, may take a handful each.
    assert!(busy < idle + packets / 20, "{busy} allocations for {packets} packets, {idle} without");
    let relayed: u64 =
        sfu.load().iter().map(|load| load.counters().find(|it| it.0 == "relayed_in").unwrap().1).sum();
    assert_eq!(relayed > 1000, workers > 1, "{relayed} relayed");
    drop(sfu);
}
