//! The data streams (files, long texts) that one sender has under way, and who gets no more of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::api::MemberId;

/// Streams of one sender at a time. The one that has been quiet the longest is forgotten first; its packets pass then
/// as any other.
const MAX_STREAMS: usize = 256;
/// A stream without a packet for so long has been given up by its sender.
const QUIET: Duration = Duration::from_secs(120);

struct Stream {
    last: Instant,
    /// Who was sent the header.
    told: Vec<MemberId>,
    cut: Vec<MemberId>,
}

#[derive(Default)]
pub struct Streams {
    streams: BTreeMap<Bytes, Stream>,
}

impl Streams {
    pub fn begin(&mut self, now: Instant, id: &[u8]) {
        if self.streams.len() >= MAX_STREAMS && !self.streams.contains_key(id) {
            let quietest =
                self.streams.iter().min_by_key(|(_, stream)| stream.last).map(|(id, _)| id.clone());
            if let Some(quietest) = quietest {
                self.streams.remove(&quietest);
            }
        }
        let stream = Stream { last: now, told: Vec::new(), cut: Vec::new() };
        self.streams.entry(Bytes::copy_from_slice(id)).or_insert(stream).last = now;
    }

    pub fn touch(&mut self, now: Instant, id: &[u8]) {
        if let Some(stream) = self.streams.get_mut(id) {
            stream.last = now;
        }
    }

    pub fn end(&mut self, id: &[u8]) {
        self.streams.remove(id);
    }

    pub fn tell(&mut self, id: &[u8], member: MemberId) {
        if let Some(stream) = self.streams.get_mut(id)
            && !stream.told.contains(&member)
        {
            stream.told.push(member);
        }
    }

    pub fn is_cut(&self, id: &[u8], member: MemberId) -> bool {
        self.streams.get(id).is_some_and(|stream| stream.cut.contains(&member))
    }

    /// True when the member has begun to receive the stream and has to be told of its end.
    pub fn cut(&mut self, id: &[u8], member: MemberId) -> bool {
        let Some(stream) = self.streams.get_mut(id) else { return false };
        if stream.cut.contains(&member) {
            return false;
        }
        stream.cut.push(member);
        stream.told.contains(&member)
    }

    /// The streams that the member has begun to receive.
    pub fn cut_all(&mut self, member: MemberId) -> Vec<Bytes> {
        let mut begun = Vec::new();
        for (id, stream) in &mut self.streams {
            if stream.told.contains(&member) && !stream.cut.contains(&member) {
                stream.cut.push(member);
                begun.push(id.clone());
            }
        }
        begun
    }

    pub fn forget_receiver(&mut self, member: MemberId) {
        for stream in self.streams.values_mut() {
            stream.told.retain(|told| *told != member);
            stream.cut.retain(|cut| *cut != member);
        }
    }

    pub fn expire(&mut self, now: Instant) {
        self.streams.retain(|_, stream| now.saturating_duration_since(stream.last) < QUIET);
    }
}
