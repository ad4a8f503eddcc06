//! The last reliable packets of one publisher, for receivers that resume.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::DataLimits;
use crate::api::MemberId;

pub struct Cached {
    pub at: Instant,
    pub sequence: u32,
    pub message: Bytes,
    pub to: Arc<[MemberId]>,
    pub stream: Option<Bytes>,
}

impl Cached {
    fn cost(&self) -> usize {
        let names = self.to.len().saturating_mul(size_of::<MemberId>());
        self.message.len().saturating_add(names).saturating_add(size_of::<Cached>())
    }
}

#[derive(Default)]
pub struct Cache {
    entries: VecDeque<Cached>,
    bytes: usize,
}

impl Cache {
    pub fn push(&mut self, limits: &DataLimits, cached: Cached) {
        self.expire(cached.at, limits);
        self.bytes = self.bytes.saturating_add(cached.cost());
        self.entries.push_back(cached);
        while self.bytes > limits.replay_bytes && self.drop_oldest() {}
    }

    pub fn expire(&mut self, now: Instant, limits: &DataLimits) {
        while let Some(oldest) = self.entries.front() {
            if now.saturating_duration_since(oldest.at) <= limits.replay_age {
                break;
            }
            self.drop_oldest();
        }
    }

    /// In the order of sending.
    pub fn after(&self, last: u32, member: MemberId) -> impl Iterator<Item = &Cached> {
        self.entries.iter().filter(move |cached| cached.sequence > last && cached.to.contains(&member))
    }

    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.entries.pop_front() else { return false };
        self.bytes = self.bytes.saturating_sub(oldest.cost());
        true
    }
}
