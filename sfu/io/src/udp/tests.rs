use std::collections::VecDeque;
use std::time::Instant;

use super::*;
use crate::sys::ReceiveBuffers;

/// Answers calls as told, then takes everything.
#[derive(Default)]
struct Script {
    answers: VecDeque<Result<usize, i32>>,
    /// (bytes, segment) of everything taken.
    taken: Vec<(Vec<u8>, usize)>,
    /// Fails every message of several datagrams with this code.
    refuses_offload: Option<i32>,
    waits: u32,
}

impl SendMessages for Script {
    fn send(&mut self, messages: &[Message<'_>]) -> io::Result<usize> {
        let limit = match self.answers.pop_front() {
            Some(Ok(limit)) => limit,
            Some(Err(code)) => return Err(io::Error::from_raw_os_error(code)),
            None => usize::MAX,
        };
        let mut count = 0;
        for message in messages.iter().take(limit) {
            if let Some(code) = self.refuses_offload
                && message.datagrams() > 1
            {
                if count == 0 {
                    return Err(io::Error::from_raw_os_error(code));
                }
                break;
            }
            self.taken.push((message.bytes.to_vec(), message.segment));
            count += 1;
        }
        Ok(count)
    }

    fn wait(&mut self, _timeout: Duration) -> bool {
        self.waits += 1;
        true
    }
}

fn somebody() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9))
}

fn run(bytes: &[u8], segment: usize) -> Message<'_> {
    Message { remote: somebody(), bytes, segment }
}

#[test]
fn a_run_is_split_where_the_kernel_would_refuse_it() {
    let mut script = Script::default();
    let mut counters = IoCounters::default();
    let small = vec![1; 100 * 130];
    let large = vec![2; 1400 * 60 + 7];
    let runs = [run(&small, 100), run(&large, 1400)];
    UdpSender::new(true).send(&mut script, runs.into_iter(), &mut counters);
    let lens: Vec<usize> = script.taken.iter().map(|(bytes, _)| bytes.len()).collect();
    assert_eq!(lens, [6400, 6400, 200, 1400 * 46, 1400 * 14 + 7]);
    assert_eq!(counters.udp_datagrams_out, 130 + 61);
    assert_eq!(counters.udp_send_messages, 5);
    assert_eq!(counters.udp_send_calls, 1);
}

#[test]
fn more_messages_than_one_call_takes_go_by_several() {
    let mut script = Script::default();
    let mut counters = IoCounters::default();
    let bytes = [0; 10];
    UdpSender::new(true).send(&mut script, (0..150).map(|_| run(&bytes, 10)), &mut counters);
    assert_eq!(script.taken.len(), 150);
    assert_eq!(counters.udp_send_calls, 3);
}

#[test]
fn a_device_without_offload_gets_single_datagrams_from_then_on() {
    let mut script = Script { refuses_offload: Some(libc::EIO), ..Script::default() };
    let mut counters = IoCounters::default();
    let mut sender = UdpSender::new(true);
    let bytes: Vec<u8> = (0..25).collect();
    sender.send(&mut script, [run(&bytes, 10), run(&bytes, 10)].into_iter(), &mut counters);
    assert!(!sender.offload());
    let got: Vec<u8> = script.taken.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
    assert_eq!(got, [bytes.clone(), bytes.clone()].concat());
    assert_eq!(counters.udp_datagrams_out, 6);
    let refused = counters.udp_offload_refused;
    sender.send(&mut script, [run(&bytes, 10)].into_iter(), &mut counters);
    assert_eq!(counters.udp_offload_refused, refused);
    assert_eq!(counters.udp_datagrams_out, 9);
}

#[test]
fn one_route_with_a_small_mtu_does_not_turn_offload_off() {
    let mut script = Script { answers: VecDeque::from([Err(libc::EMSGSIZE)]), ..Script::default() };
    let mut counters = IoCounters::default();
    let mut sender = UdpSender::new(true);
    let bytes = [0; 20];
    sender.send(&mut script, [run(&bytes, 10), run(&bytes, 10)].into_iter(), &mut counters);
    assert!(sender.offload());
    assert_eq!(counters.udp_datagrams_out, 4);
}

#[test]
fn a_failing_message_is_skipped_and_the_others_go() {
    let mut script = Script { answers: VecDeque::from([Ok(1), Err(libc::EPERM)]), ..Script::default() };
    let mut counters = IoCounters::default();
    let runs = [run(&[1], 1), run(&[2], 1), run(&[3], 1)];
    UdpSender::new(true).send(&mut script, runs.into_iter(), &mut counters);
    let got: Vec<u8> = script.taken.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
    assert_eq!(got, [1, 3]);
    assert_eq!(counters.udp_dropped_error, 1);
}

#[test]
fn an_old_refusal_by_a_closed_port_costs_nothing() {
    let mut script = Script { answers: VecDeque::from([Err(libc::ECONNREFUSED)]), ..Script::default() };
    let mut counters = IoCounters::default();
    UdpSender::new(true).send(&mut script, [run(&[1], 1)].into_iter(), &mut counters);
    assert_eq!(script.taken.len(), 1);
    assert_eq!(counters.udp_dropped_error, 0);
}

#[test]
fn a_socket_that_stays_full_loses_the_rest_after_a_short_wait() {
    let answers = VecDeque::from(vec![Err(libc::EAGAIN); 10]);
    let mut script = Script { answers, ..Script::default() };
    let mut counters = IoCounters::default();
    let bytes = [0; 30];
    UdpSender::new(true).send(&mut script, [run(&bytes, 10), run(&bytes, 30)].into_iter(), &mut counters);
    assert_eq!(script.waits, FULL_WAITS_MAX);
    assert_eq!(counters.udp_dropped_full, 4);
    assert!(script.taken.is_empty());
}

/// Sends runs over loopback and gives what arrived, in order.
fn over_loopback(bind: &str, offload: bool) -> (Vec<Vec<u8>>, IoCounters) {
    let sender_socket = open(bind.parse().unwrap()).unwrap();
    let receiver_socket = open("127.0.0.1:0".parse().unwrap()).unwrap();
    let remote = receiver_socket.local_addr().unwrap();
    let mut batch = MessageBatch::new(bind.starts_with('['));
    let mut kernel = Kernel { socket: sender_socket.as_fd(), batch: &mut batch };
    let mut counters = IoCounters::default();
    let bytes: Vec<u8> = (0..20_500usize).map(|index| (index / 1000) as u8).collect();
    let runs = [
        Message { remote, bytes: &bytes, segment: 1000 },
        Message { remote, bytes: &bytes[..77], segment: 77 },
        Message { remote, bytes: &bytes[..300], segment: 100 },
    ];
    UdpSender::new(offload).send(&mut kernel, runs.into_iter(), &mut counters);
    let mut buffers = ReceiveBuffers::new();
    let mut got = Vec::new();
    let start = Instant::now();
    while got.len() < 25 && start.elapsed() < Duration::from_secs(5) {
        if buffers.receive(receiver_socket.as_fd()).is_ok() {
            for (from, datagram) in buffers.datagrams() {
                assert_eq!(from.port(), sender_socket.local_addr().unwrap().port());
                assert!(from.is_ipv4());
                got.push(datagram.to_vec());
            }
        }
    }
    (got, counters)
}

fn check_loopback(got: &[Vec<u8>]) {
    let lens: Vec<usize> = got.iter().map(Vec::len).collect();
    let mut wanted = vec![1000; 20];
    wanted.extend([500, 77, 100, 100, 100]);
    assert_eq!(lens, wanted);
    for (index, datagram) in got.iter().take(21).enumerate() {
        assert!(datagram.iter().all(|byte| usize::from(*byte) == index));
    }
}

#[test]
fn runs_arrive_as_single_datagrams_with_offload() {
    let (got, counters) = over_loopback("127.0.0.1:0", true);
    check_loopback(&got);
    assert_eq!(counters.udp_datagrams_out, 25);
    if counters.udp_offload_refused == 0 {
        assert_eq!(counters.udp_send_messages, 3);
    }
}

#[test]
fn runs_arrive_as_single_datagrams_without_offload() {
    let (got, counters) = over_loopback("127.0.0.1:0", false);
    check_loopback(&got);
    assert_eq!(counters.udp_send_messages, 25);
}

#[test]
fn an_ipv6_socket_serves_ipv4_peers() {
    if open("[::]:0".parse().unwrap()).is_err() {
        // No IPv6 on this machine.
        return;
    }
    let (got, _) = over_loopback("[::]:0", true);
    check_loopback(&got);
}

#[test]
fn an_empty_socket_gives_nothing_and_does_not_wait() {
    let socket = open("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut buffers = ReceiveBuffers::new();
    let error = buffers.receive(socket.as_fd()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    assert_eq!(buffers.datagrams().count(), 0);
}
