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

#[test]
fn a_worker_forwards_without_allocating_for_each_packet() {
    // Everything but the worker's thread: the clients live on this one.
    counting::exempt(true);
    let worker = WorkerId(0);
    let config = SfuConfig {
        workers: 1,
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        udp_port: 0,
        tcp_port: None,
        ..SfuConfig::default()
    };
    let (sfu, mut events) = Sfu::start(config).unwrap();
    let server = sfu.candidates(worker)[0].addr;
    let identity = Identity::new();
    let mut swarm = Swarm::new();
    sfu.command(worker, open_room(RoomId(1))).unwrap();
    for number in 1..=SUBSCRIBERS + 1 {
        let (client, commands) = join(Instant::now(), RoomId(1), number, &identity, server, worker, false);
        swarm.add(client);
        for command in commands {
            sfu.command(worker, command).unwrap();
        }
    }
    assert!(
        swarm.run_until(Duration::from_secs(20), |swarm| swarm.clients().all(|client| client.is_connected()))
    );
    let now = Instant::now();
    let publisher = swarm.client(0);
    publisher.sources = vec![
        Source::audio(now, "0", AUDIO_SSRC + 16, 30),
        Source::video(now, "1", None, VIDEO_SSRC + 16, 1_500_000, false),
    ];
    let commands =
        publish(1).into_iter().chain((2..=SUBSCRIBERS + 1).flat_map(|number| subscribe(1, number)));
    for command in commands {
        sfu.command(worker, command).unwrap();
    }
    // Rings and tables reach their full size.
    swarm.run_for(Duration::from_secs(6));
    let forwarded = |swarm: &mut Swarm| -> u64 {
        swarm.clients().flat_map(|client| client.received.values()).map(|received| received.packets).sum()
    };
    let (allocations_before, forwarded_before) = (counting::allocations(), forwarded(&mut swarm));
    swarm.run_for(Duration::from_secs(4));
    let allocations = counting::allocations() - allocations_before;
    let packets = forwarded(&mut swarm) - forwarded_before;
    while events.try_recv().is_ok() {}
    let [_, video, _] = subscribed_ssrcs(1);
    assert!(swarm.client(3).received.contains_key(&video));
    assert!(packets > 5000, "only {packets} packets");
    println!("{allocations} allocations while {packets} packets were forwarded");
    // Checks and reports of the clients may allocate; there are some 10 of them a second.
    assert!(allocations * 20 < packets, "{allocations} allocations for {packets} packets");
    drop(sfu);
}
