//! From one packet to its subscribers: the gate, then the queue of each subscriber's peer, then rewriting and sealing
//! peer by peer, so that neighbours of equal size become one run and a peer's keys stay in the cache.

use slab::Slab;

use crate::room::counters::Counters;
use crate::room::outbound::{Outbound, Transmit};
use crate::room::{Peer, Queued, Subscription, Track, World};
use crate::stream::{StoredPacket, pad};

/// A packet that its publisher's stream accepted in this batch.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    pub track: usize,
    pub layer: u8,
    /// Extended sequence number in the layer's ring.
    pub sequence: u64,
}

/// Where sealed packets go.
pub struct Exit<'a, T> {
    /// For the abs-send-time extension.
    pub send_time: u32,
    pub out: &'a mut Outbound,
    pub counters: &'a mut Counters,
    pub tx: &'a mut T,
}

/// Packets of a frame differ by a few bytes; up to this much padding makes them equal.
const MAX_EQUALISING_PADDING: usize = 16;
/// Packets that are looked up once for all subscribers; a longer batch goes in parts.
const PART: usize = 32;

impl World {
    /// Sends packets to the subscribers of their tracks. `dirty` is a buffer: the peers that something goes to.
    pub fn forward<T: Transmit>(
        &mut self,
        batch: &[Arrived],
        dirty: &mut Vec<usize>,
        exit: &mut Exit<'_, T>,
    ) {
        let World { tracks, subscriptions, peers, .. } = self;
        for part in batch.chunks(PART) {
            let mut packets = [None; PART];
            for (place, (arrived, packet)) in part.iter().zip(&mut packets).enumerate() {
                let Some(track) = tracks.get(arrived.track) else { continue };
                *packet = packet_of(track, arrived);
                if let Some(packet) = packet {
                    fan_out(place, packet, arrived.layer, track, subscriptions, peers, dirty);
                }
            }
            for index in dirty.drain(..) {
                if let Some(peer) = peers.get_mut(index) {
                    seal_queue(peer, &packets, subscriptions, exit);
                    peer.queue.clear();
                }
            }
        }
    }
}

fn packet_of<'a>(track: &'a Track, arrived: &Arrived) -> Option<StoredPacket<'a>> {
    track.layers.get(usize::from(arrived.layer))?.ingress.as_ref()?.packet(arrived.sequence)
}

/// Offers a packet to each subscription of its track. Peers that got their first packet of the batch join `dirty`.
fn fan_out(
    place: usize,
    packet: &StoredPacket<'_>,
    layer: u8,
    track: &Track,
    subscriptions: &mut Slab<Subscription>,
    peers: &mut Slab<Peer>,
    dirty: &mut Vec<usize>,
) {
    for &index in &track.subscriptions {
        let Some(subscription) = subscriptions.get_mut(index) else { continue };
        let Some(forward) = subscription.egress.offer(usize::from(layer), packet, &track.clocks) else {
            continue;
        };
        let Some(peer) = peers.get_mut(subscription.peer) else { continue };
        if peer.queue.is_empty() {
            dirty.push(subscription.peer);
        }
        peer.queue.push(Queued { subscription: index, place, forward });
    }
}

/// Writes and seals what waits for a peer.
fn seal_queue<T: Transmit>(
    peer: &mut Peer,
    packets: &[Option<StoredPacket<'_>>; PART],
    subscriptions: &mut Slab<Subscription>,
    exit: &mut Exit<'_, T>,
) {
    let Exit { send_time, out, counters, tx } = exit;
    let Some(path) = peer.transport.path() else { return };
    let Some(srtp) = peer.transport.srtp_out() else { return };
    let overhead = srtp.overhead();
    let packet_at = |queued: &Queued| packets.get(queued.place)?.as_ref();
    out.direct(path);
    for (position, queued) in peer.queue.iter().enumerate() {
        let Some(packet) = packet_at(queued) else { continue };
        let Some(subscription) = subscriptions.get_mut(queued.subscription) else { continue };
        if out.is_full() {
            hand_over(out, counters, *tx);
        }
        let open = out.open_segment();
        let slot = out.slot();
        let number = peer.transport_sequence;
        let Some(written) = subscription.egress.write(packet, &queued.forward, number, *send_time, slot)
        else {
            continue;
        };
        let mut len = written.len;
        let equal = match open {
            Some(segment) => segment.saturating_sub(overhead),
            None => {
                let following = peer.queue.iter().skip(position + 1).map_while(packet_at);
                len + longer_neighbours(following, packet.payload.len())
            }
        };
        if equal > len && equal - len <= MAX_EQUALISING_PADDING {
            let padded = pad(slot, len, equal - len).unwrap_or(len);
            counters.padding_bytes += (padded - len) as u64;
            len = padded;
        }
        let Some(sealed) =
            srtp.seal_rtp_in_place(slot, written.header_len, len, written.ssrc, written.sequence)
        else {
            continue;
        };
        out.commit(sealed);
        if let Some(downlink) = &mut peer.downlink {
            downlink.sent.note(number, out.handovers.number(), sealed);
        }
        counters.media_forwarded += 1;
        peer.transport_sequence = number.wrapping_add(1);
    }
}

/// How much longer than this packet the longest of those is that follow it and could share its run.
fn longer_neighbours<'a>(following: impl Iterator<Item = &'a StoredPacket<'a>>, len: usize) -> usize {
    following
        .map(|packet| packet.payload.len())
        .take_while(|next| next.abs_diff(len) <= MAX_EQUALISING_PADDING)
        .fold(len, usize::max)
        - len
}

/// Gives what is packed to the sockets, and counts it.
pub fn hand_over<T: Transmit>(out: &mut Outbound, counters: &mut Counters, tx: &mut T) {
    if out.is_empty() {
        return;
    }
    for run in out.runs() {
        counters.runs_sent += 1;
        counters.datagrams_sent += run.len.div_ceil(run.segment.max(1)) as u64;
        counters.bytes_sent += run.len as u64;
    }
    let at = tx.send(out);
    out.clear(at);
}
