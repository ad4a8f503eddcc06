//! Data tracks: small packets with a header of 12 bytes, of which only the track's handle is ours to change.
//!
//! ```text
//! version (3 bits, 0), start, final, extensions (1 bit each), reserved (10) | handle (16)
//! sequence number (16)                                                      | frame number (16)
//! timestamp (32)
//! ```

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use super::{DataCounters, DataLimits, DataPeers, count};
use crate::api::{DataTrackId, MemberId};
use crate::transport::Channel;

const HEADER: usize = 12;
const HANDLE: std::ops::Range<usize> = 2..4;

struct DataTrack {
    publisher: MemberId,
    handle: u16,
    /// With the handle that each of them knows the track by.
    subscribers: Vec<(MemberId, u16)>,
}

#[derive(Default)]
pub struct DataTracks {
    tracks: BTreeMap<DataTrackId, DataTrack>,
    by_handle: BTreeMap<(MemberId, u16), DataTrackId>,
}

impl DataTracks {
    pub fn publish(&mut self, id: DataTrackId, publisher: MemberId, handle: u16) {
        self.by_handle.insert((publisher, handle), id);
        self.tracks.insert(id, DataTrack { publisher, handle, subscribers: Vec::new() });
    }

    pub fn unpublish(&mut self, id: DataTrackId) {
        if let Some(track) = self.tracks.remove(&id) {
            let key = (track.publisher, track.handle);
            // The handle may already name another track.
            if self.by_handle.get(&key) == Some(&id) {
                self.by_handle.remove(&key);
            }
        }
    }

    pub fn subscribe(&mut self, id: DataTrackId, member: MemberId, handle: u16) {
        if let Some(track) = self.tracks.get_mut(&id) {
            track.subscribers.retain(|(subscriber, _)| *subscriber != member);
            track.subscribers.push((member, handle));
        }
    }

    pub fn unsubscribe(&mut self, id: DataTrackId, member: MemberId) {
        if let Some(track) = self.tracks.get_mut(&id) {
            track.subscribers.retain(|(subscriber, _)| *subscriber != member);
        }
    }

    pub fn forget_member(&mut self, member: MemberId) {
        self.tracks.retain(|_, track| track.publisher != member);
        self.by_handle.retain(|(publisher, _), _| *publisher != member);
        for track in self.tracks.values_mut() {
            track.subscribers.retain(|(subscriber, _)| *subscriber != member);
        }
    }

    pub fn forward(
        &self,
        limits: &DataLimits,
        from: MemberId,
        packet: &Bytes,
        members: &mut impl DataPeers,
        counters: &mut DataCounters,
    ) {
        let Some(handle) = handle_of(packet) else {
            count(&mut counters.malformed);
            return;
        };
        let track = self.by_handle.get(&(from, handle)).and_then(|id| self.tracks.get(id));
        let Some(track) = track else {
            count(&mut counters.unknown_data_track);
            return;
        };
        // Subscribers tend to know a track by the same handle; then they share the bytes.
        let mut written = (handle, packet.clone());
        for &(member, handle) in &track.subscribers {
            let waiting = members.buffered(member, Channel::DataTrack);
            if !members.is_open(member, Channel::DataTrack) || waiting > limits.data_track {
                count(&mut counters.dropped_data_track);
                continue;
            }
            if written.0 != handle {
                written = (handle, with_handle(packet, handle));
            }
            match members.send(member, Channel::DataTrack, &written.1) {
                Ok(()) => count(&mut counters.forwarded),
                Err(_) => count(&mut counters.dropped_data_track),
            }
        }
    }
}

fn handle_of(packet: &[u8]) -> Option<u16> {
    let header = packet.first_chunk::<HEADER>()?;
    let &[first, _, high, low, ..] = header;
    (first >> 5 == 0).then_some(u16::from_be_bytes([high, low])).filter(|handle| *handle != 0)
}

fn with_handle(packet: &[u8], handle: u16) -> Bytes {
    let mut copy = BytesMut::from(packet);
    if let Some(place) = copy.get_mut(HANDLE) {
        place.copy_from_slice(&handle.to_be_bytes());
    }
    copy.freeze()
}
