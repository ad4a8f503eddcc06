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

/// Packets of a frame differ by a few bytes; up to this much padding makes them equal.
const MAX_EQUALISING_PADDING: usize = 16;

impl World {
    /// Offers a packet to each subscription of its track. Peers that got their first packet of the batch join `dirty`.
    pub fn fan_out(&mut self, arrived: &Arrived, dirty: &mut Vec<usize>) {
        let Some(track) = self.tracks.get(arrived.track) else { return };
        let Some(packet) = track
            .layers
            .get(usize::from(arrived.layer))
            .and_then(|layer| layer.ingress.as_ref())
            .and_then(|ingress| ingress.packet(arrived.sequence))
        else {
            return;
        };
        for &index in &track.subscriptions {
            let Some(subscription) = self.subscriptions.get_mut(index) else { continue };
            let Some(forward) = subscription.egress.offer(usize::from(arrived.layer), &packet, &track.clocks)
            else {
                continue;
            };
            let Some(peer) = self.peers.get_mut(subscription.peer) else { continue };
            if peer.queue.is_empty() {
                dirty.push(subscription.peer);
            }
            peer.queue.push(Queued {
                subscription: index,
                track: arrived.track,
                layer: arrived.layer,
                sequence: arrived.sequence,
                forward,
            });
        }
    }

    /// Writes and seals what waits for a peer.
    pub fn flush_peer<T: Transmit>(
        &mut self,
        index: usize,
        send_time: u32,
        out: &mut Outbound,
        counters: &mut Counters,
        tx: &mut T,
    ) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        let queue = std::mem::take(&mut peer.queue);
        seal_queue(peer, &queue, &self.tracks, &mut self.subscriptions, send_time, out, counters, tx);
        peer.queue = queue;
        peer.queue.clear();
    }
}

#[allow(clippy::too_many_arguments)] // The tables are borrowed one by one.
fn seal_queue<T: Transmit>(
    peer: &mut Peer,
    queue: &[Queued],
    tracks: &Slab<Track>,
    subscriptions: &mut Slab<Subscription>,
    send_time: u32,
    out: &mut Outbound,
    counters: &mut Counters,
    tx: &mut T,
) {
    let Some(path) = peer.transport.path() else { return };
    for (position, queued) in queue.iter().enumerate() {
        let Some(packet) = packet_of(tracks, queued) else { continue };
        let Some(subscription) = subscriptions.get_mut(queued.subscription) else { continue };
        if out.is_full() {
            hand_over(out, counters, tx);
        }
        let open = out.open_segment(path);
        let transport_cc = peer.media.transport_cc.then_some(peer.transport_sequence);
        let slot = out.slot();
        let Some(written) =
            subscription.egress.write(&packet, &queued.forward, transport_cc, send_time, slot)
        else {
            continue;
        };
        let Some(srtp) = peer.transport.srtp_out() else { return };
        let overhead = srtp.overhead();
        let mut len = written.len;
        let equal = match open {
            Some(segment) => segment.saturating_sub(overhead),
            None => len + longer_neighbours(tracks, queue, position, packet.payload.len()),
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
        out.commit(path, sealed);
        counters.media_forwarded += 1;
        peer.transport_sequence = peer.transport_sequence.wrapping_add(1);
    }
}

fn packet_of<'a>(tracks: &'a Slab<Track>, queued: &Queued) -> Option<StoredPacket<'a>> {
    let layer = tracks.get(queued.track)?.layers.get(usize::from(queued.layer))?;
    layer.ingress.as_ref()?.packet(queued.sequence)
}

/// How much longer than this packet the longest of those is that follow it and could share its run.
fn longer_neighbours(tracks: &Slab<Track>, queue: &[Queued], position: usize, len: usize) -> usize {
    let mut longest = len;
    for queued in queue.iter().skip(position + 1) {
        let Some(packet) = packet_of(tracks, queued) else { break };
        let next = packet.payload.len();
        if next.abs_diff(len) > MAX_EQUALISING_PADDING {
            break;
        }
        longest = longest.max(next);
    }
    longest - len
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
    tx.send(out);
    out.clear();
}
