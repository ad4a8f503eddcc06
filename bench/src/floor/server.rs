//! The floor's loop: recvmmsg, open, seal, sendmmsg.

use std::collections::HashMap;
use std::io::{BufRead, IoSlice, IoSliceMut, Write};
use std::net::{IpAddr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

use anyhow::{Context, anyhow};
use chevet_sfu_core::api::MediaSettings;
use chevet_sfu_core::transport::srtp::{SrtpIn, SrtpOut, SrtpProfile};
use chevet_sfu_core::wire::rtp::{ExtensionMap, RtpHeader};
use crossbeam_channel::{Receiver, unbounded};
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, setsockopt, sockopt,
};

use super::{Member, Mode, Order};

/// Datagrams received in one call.
const RECEIVE: usize = 64;
/// Messages sent in one call. What they carry should stay in the second cache level.
const SEND: usize = 128;
const DATAGRAM_MAX: usize = 1500;
/// The kernel's limits for one UDP_SEGMENT message.
const SEGMENTS_MAX: usize = 64;
const MESSAGE_MAX: usize = 60_000;
/// Packets of a frame differ by a byte or two: up to this much is padded away.
const PADDING_MAX: usize = 24;
const TAG: usize = 16;
/// Asked of the kernel for both directions, bytes.
const BUFFERS: usize = 8 << 20;

struct Peer {
    id: u64,
    room: usize,
    subscribes: bool,
    addr: SockaddrIn,
    from: SrtpIn,
    to: SrtpOut,
}

/// A packet in the clear.
struct Packet {
    peer: usize,
    room: usize,
    slot: usize,
    header_len: usize,
    len: usize,
    ssrc: u32,
    /// With the rollover counter.
    index: u64,
    padded_already: bool,
}

/// Consecutive packets of one room that leave as one message for each receiver, without those that it sent itself.
struct Run {
    first: usize,
    count: usize,
    /// Length of every packet but the last, in the clear.
    segment: usize,
}

/// Serves until standard input ends. The first line of standard output is the address.
pub fn serve(mode: Mode, address: IpAddr) -> anyhow::Result<()> {
    let socket = UdpSocket::bind((address, 0)).context("no socket")?;
    // More than the system allows is cut to what it allows; root is allowed all.
    if setsockopt(&socket, sockopt::RcvBufForce, &BUFFERS).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &BUFFERS)?;
    }
    if setsockopt(&socket, sockopt::SndBufForce, &BUFFERS).is_err() {
        setsockopt(&socket, sockopt::SndBuf, &BUFFERS)?;
    }
    println!("{}", socket.local_addr()?);
    std::io::stdout().flush()?;
    let (orders, incoming) = unbounded();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            match serde_json::from_str::<Order>(&line) {
                Ok(order) => {
                    if orders.send(order).is_err() {
                        return;
                    }
                }
                Err(error) => eprintln!("floor: {error}: {line}"),
            }
        }
        std::process::exit(0);
    });
    Floor::new(socket, mode, incoming).run()
}

struct Floor {
    socket: UdpSocket,
    mode: Mode,
    orders: Receiver<Order>,
    peers: Vec<Peer>,
    by_addr: HashMap<SocketAddr, usize>,
    rooms: HashMap<String, usize>,
    /// Peers that receive, for each room.
    receivers: Vec<Vec<usize>>,
    /// Bytes that wait to be sent, one stretch for each message.
    out: Vec<u8>,
    used: usize,
    /// Where each waiting message begins and ends, and where it goes.
    waiting: Vec<(usize, usize)>,
    targets: Vec<Option<SockaddrIn>>,
    plain: MultiHeaders<SockaddrIn>,
    segmented: MultiHeaders<SockaddrIn>,
}

impl Floor {
    fn new(socket: UdpSocket, mode: Mode, orders: Receiver<Order>) -> Floor {
        Floor {
            socket,
            mode,
            orders,
            peers: Vec::new(),
            by_addr: HashMap::new(),
            rooms: HashMap::new(),
            receivers: Vec::new(),
            out: vec![0; MESSAGE_MAX.max(SEND * DATAGRAM_MAX) + DATAGRAM_MAX],
            used: 0,
            waiting: Vec::with_capacity(SEND),
            targets: Vec::with_capacity(SEND),
            plain: MultiHeaders::preallocate(SEND, None),
            segmented: MultiHeaders::preallocate(SEND, Some(nix::cmsg_space!(u16))),
        }
    }

    fn run(mut self) -> anyhow::Result<()> {
        let mut buffers = vec![[0_u8; DATAGRAM_MAX]; RECEIVE];
        let mut headers = MultiHeaders::<SockaddrIn>::preallocate(RECEIVE, None);
        let extensions = ExtensionMap::new(&MediaSettings::default());
        let mut arrived: Vec<(usize, SocketAddr)> = Vec::with_capacity(RECEIVE);
        let mut packets: Vec<Packet> = Vec::with_capacity(RECEIVE);
        let mut runs: Vec<Run> = Vec::with_capacity(RECEIVE);
        loop {
            let mut slices: Vec<[IoSliceMut<'_>; 1]> =
                buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
            arrived.clear();
            // Waits for the first datagram and takes what else is there.
            match recvmmsg(
                self.socket.as_raw_fd(),
                &mut headers,
                slices.iter_mut(),
                MsgFlags::MSG_WAITFORONE,
                None,
            ) {
                Ok(messages) => arrived.extend(messages.map(|message| {
                    let from = message.address.unwrap_or(SockaddrIn::new(0, 0, 0, 0, 0));
                    (message.bytes, SocketAddr::V4(SocketAddrV4::from(from)))
                })),
                // ECONNREFUSED of a peer that has gone surfaces on whatever call comes next.
                Err(Errno::EINTR | Errno::ECONNREFUSED) => continue,
                Err(error) => return Err(anyhow!("recvmmsg: {error}")),
            }
            while let Ok(order) = self.orders.try_recv() {
                self.obey(order)?;
            }
            packets.clear();
            for (slot, (len, from)) in arrived.iter().enumerate() {
                let Some(&peer) = self.by_addr.get(from) else { continue };
                let Some(bytes) = buffers.get_mut(slot).and_then(|buffer| buffer.get_mut(..*len)) else {
                    continue;
                };
                // RTCP (RFC 5761 4) and what is not RTP at all is none of the floor's business.
                if bytes.first().is_none_or(|byte| byte >> 6 != 2)
                    || bytes.get(1).is_some_and(|byte| (192..224).contains(byte))
                {
                    continue;
                }
                let Ok(header) = RtpHeader::parse(bytes, &extensions) else { continue };
                let padded_already = bytes.first().is_some_and(|byte| byte & 0x20 != 0);
                let Some(sender) = self.peers.get_mut(peer) else { continue };
                let Ok((index, len)) = sender.from.open_rtp(bytes, &header) else { continue };
                packets.push(Packet {
                    peer,
                    room: sender.room,
                    slot,
                    header_len: header.header_len,
                    len,
                    ssrc: header.ssrc,
                    index,
                    padded_already,
                });
            }
            match self.mode {
                Mode::One => {
                    runs.clear();
                    runs.extend(packets.iter().enumerate().map(|(first, packet)| Run {
                        first,
                        count: 1,
                        segment: packet.len,
                    }));
                }
                Mode::Gso => form_runs(&packets, &mut runs),
            }
            for run in &runs {
                self.fan_out(&packets, run, &buffers);
            }
            if self.mode == Mode::One {
                self.send(None);
            }
        }
    }

    fn obey(&mut self, order: Order) -> anyhow::Result<()> {
        match order {
            Order::Add(Member { id, room, addr, subscribes, from, to }) => {
                let SocketAddr::V4(v4) = addr else { return Err(anyhow!("IPv4 only: {addr}")) };
                let next = self.rooms.len();
                let room = *self.rooms.entry(room).or_insert(next);
                self.peers.push(Peer {
                    id,
                    room,
                    subscribes,
                    addr: SockaddrIn::from(v4),
                    from: SrtpIn::new(SrtpProfile::AeadAes128Gcm, &from.key, &from.salt)?,
                    to: SrtpOut::new(SrtpProfile::AeadAes128Gcm, &to.key, &to.salt)?,
                });
            }
            Order::Remove(id) => self.peers.retain(|peer| peer.id != id),
        }
        self.by_addr.clear();
        self.receivers = vec![Vec::new(); self.rooms.len()];
        for (index, peer) in self.peers.iter().enumerate() {
            self.by_addr.insert(SocketAddr::V4(SocketAddrV4::from(peer.addr)), index);
            if peer.subscribes
                && let Some(receivers) = self.receivers.get_mut(peer.room)
            {
                receivers.push(index);
            }
        }
        Ok(())
    }

    /// Seals a run for everybody in its room.
    fn fan_out(&mut self, packets: &[Packet], run: &Run, buffers: &[[u8; DATAGRAM_MAX]]) {
        let Some(packets) = packets.get(run.first..run.first + run.count) else { return };
        let Some(room) = packets.first().map(|packet| packet.room) else { return };
        let most = run.count * (run.segment + TAG);
        let size = (self.mode == Mode::Gso).then_some(run.segment + TAG);
        for position in 0..self.receivers.get(room).map_or(0, Vec::len) {
            let Some(&receiver) = self.receivers.get(room).and_then(|list| list.get(position)) else { break };
            if self.waiting.len() == SEND || self.used + most + DATAGRAM_MAX > self.out.len() {
                self.send(size);
            }
            let Some(peer) = self.peers.get(receiver) else { continue };
            let start = self.used;
            for (number, packet) in packets.iter().enumerate() {
                if packet.peer == receiver {
                    continue;
                }
                let Some(clear) = buffers.get(packet.slot).and_then(|bytes| bytes.get(..packet.len)) else {
                    continue;
                };
                let (header, payload) = clear.split_at(packet.header_len);
                let missing = if number + 1 < run.count { run.segment - packet.len } else { 0 };
                let mut padding = [0; PADDING_MAX + 1];
                let Some(out) = self.out.get_mut(self.used..) else { break };
                let Some(place) = out.get_mut(..header.len()) else { break };
                place.copy_from_slice(header);
                let padding = padding.get_mut(..missing).unwrap_or_default();
                if let Some(last) = padding.last_mut() {
                    *last = missing as u8;
                    if let Some(first) = place.first_mut() {
                        *first |= 0x20;
                    }
                }
                let sealed =
                    peer.to.seal_rtp_scatter(out, header.len(), payload, padding, packet.ssrc, packet.index);
                self.used += sealed.unwrap_or(0);
            }
            if self.used > start {
                self.waiting.push((start, self.used));
                self.targets.push(Some(peer.addr));
            }
        }
        // The segment length is common to all messages of a call.
        if self.mode == Mode::Gso {
            self.send(size);
        }
    }

    /// Hands what waits to the kernel. A message it refuses is left out.
    fn send(&mut self, segment: Option<usize>) {
        let slices: Vec<[IoSlice<'_>; 1]> = self
            .waiting
            .iter()
            .map(|&(start, end)| [IoSlice::new(self.out.get(start..end).unwrap_or_default())])
            .collect();
        let size = segment.unwrap_or(0) as u16;
        let option = [ControlMessage::UdpGsoSegments(&size)];
        let mut done = 0;
        while let (Some(slices), Some(targets)) = (slices.get(done..), self.targets.get(done..))
            && !slices.is_empty()
        {
            let fd = self.socket.as_raw_fd();
            let flags = MsgFlags::empty();
            let sent = match segment {
                Some(_) => sendmmsg(fd, &mut self.segmented, slices, targets, option, flags),
                None => sendmmsg(fd, &mut self.plain, slices, targets, [], flags),
            };
            done += match sent {
                Ok(results) => results.count().max(1),
                Err(Errno::EINTR) => 0,
                Err(_) => 1,
            };
        }
        self.used = 0;
        self.waiting.clear();
        self.targets.clear();
    }
}

/// Neighbours of one room whose lengths padding can make equal; the last of a run may be shorter.
fn form_runs(packets: &[Packet], runs: &mut Vec<Run>) {
    runs.clear();
    let mut shortest = usize::MAX;
    let mut open = false;
    for (position, packet) in packets.iter().enumerate() {
        if open
            && let Some(run) = runs.last_mut()
            && let Some(first) = packets.get(run.first)
            && first.room == packet.room
            && !first.padded_already
            && !packet.padded_already
            && run.count < SEGMENTS_MAX
            && (run.count + 1) * (run.segment.max(packet.len) + TAG) <= MESSAGE_MAX
            && packet.len.max(run.segment) - shortest <= PADDING_MAX
        {
            run.count += 1;
            open = packet.len + PADDING_MAX >= run.segment;
            run.segment = run.segment.max(packet.len);
            shortest = shortest.min(packet.len);
            continue;
        }
        runs.push(Run { first: position, count: 1, segment: packet.len });
        shortest = packet.len;
        open = true;
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::Keys;
    use super::*;

    fn packets(lengths: &[(usize, usize)]) -> Vec<Packet> {
        let packet = |(slot, &(peer, len)): (usize, &(usize, usize))| Packet {
            peer,
            room: peer,
            slot,
            header_len: 12,
            len,
            ssrc: 1,
            index: slot as u64,
            padded_already: false,
        };
        lengths.iter().enumerate().map(packet).collect()
    }

    fn runs(lengths: &[(usize, usize)]) -> Vec<(usize, usize)> {
        let mut runs = Vec::new();
        form_runs(&packets(lengths), &mut runs);
        runs.iter().map(|run| (run.count, run.segment)).collect()
    }

    fn random() -> Keys {
        Keys { key: rand::random(), salt: rand::random() }
    }

    /// A server in a thread, somebody who sends, and two who receive; then what the receivers opened.
    fn forwarded(mode: Mode, lengths: &[usize]) -> Vec<Vec<(u64, Vec<u8>)>> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = socket.local_addr().unwrap();
        let (orders, incoming) = unbounded();
        let people: Vec<UdpSocket> =
            (0..3).map(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
        let keys: Vec<(Keys, Keys)> = people.iter().map(|_| (random(), random())).collect();
        for (id, (person, (from, to))) in people.iter().zip(&keys).enumerate() {
            let order = Order::Add(Member {
                id: id as u64,
                room: "room".into(),
                addr: person.local_addr().unwrap(),
                subscribes: id > 0,
                from: from.clone(),
                to: to.clone(),
            });
            orders.send(order).unwrap();
        }
        // Packets wait in the socket, so that they are one batch.
        let seal = SrtpOut::new(SrtpProfile::AeadAes128Gcm, &keys[0].0.key, &keys[0].0.salt).unwrap();
        for (number, len) in lengths.iter().enumerate() {
            let mut packet = vec![number as u8; len + TAG];
            packet[..12].copy_from_slice(&[0x80, 96, 0, number as u8, 0, 0, 0, 2, 0, 0, 0, 3]);
            let sealed = seal.seal_rtp_in_place(&mut packet, 12, *len, 3, number as u64).unwrap();
            people[0].send_to(&packet[..sealed], server).unwrap();
        }
        std::thread::spawn(move || Floor::new(socket, mode, incoming).run());
        let map = ExtensionMap::new(&MediaSettings::default());
        let receive = |person: &UdpSocket, (_, to): &(Keys, Keys)| {
            person.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
            let mut open = SrtpIn::new(SrtpProfile::AeadAes128Gcm, &to.key, &to.salt).unwrap();
            lengths
                .iter()
                .map(|_| {
                    let mut packet = [0; DATAGRAM_MAX];
                    let len = person.recv(&mut packet).unwrap();
                    let header = RtpHeader::parse(&packet[..len], &map).unwrap();
                    let (index, len) = open.open_rtp(&mut packet[..len], &header).unwrap();
                    let padding = chevet_sfu_core::wire::rtp::padding_len(&packet[..len], &header).unwrap();
                    (index, packet[12..len - padding].to_vec())
                })
                .collect()
        };
        people.iter().zip(&keys).skip(1).map(|(person, keys)| receive(person, keys)).collect()
    }

    #[test]
    fn every_receiver_can_open_every_packet_as_it_was_in_both_modes() {
        let lengths = [1100, 1101, 1099, 300, 80];
        for mode in [Mode::One, Mode::Gso] {
            let received = forwarded(mode, &lengths);
            assert_eq!(received.len(), 2);
            for packets in received {
                for (number, (index, payload)) in packets.iter().enumerate() {
                    assert_eq!((*index, payload.len()), (number as u64, lengths[number] - 12), "{mode:?}");
                    assert!(payload.iter().all(|byte| *byte == number as u8), "{mode:?}");
                }
            }
        }
    }

    #[test]
    fn the_packets_of_a_frame_leave_as_one_run_with_its_short_last_one() {
        assert_eq!(runs(&[(0, 1100), (0, 1101), (0, 1100), (0, 400)]), [(4, 1101)]);
    }

    #[test]
    fn a_run_ends_where_padding_would_be_long_and_where_another_room_begins() {
        assert_eq!(
            runs(&[(0, 400), (0, 1100), (1, 1100), (1, 90), (1, 90)]),
            [(1, 400), (1, 1100), (2, 1100), (1, 90)]
        );
    }

    #[test]
    fn a_run_stays_within_what_the_kernel_takes() {
        let many = vec![(0, 1200); 130];
        for (count, segment) in runs(&many) {
            assert!(count <= SEGMENTS_MAX && count * (segment + TAG) <= MESSAGE_MAX);
        }
        assert_eq!(runs(&many).iter().map(|(count, _)| count).sum::<usize>(), 130);
    }
}
