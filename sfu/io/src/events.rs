//! Events on their way out of a worker. The worker never waits for the reader.

use std::collections::VecDeque;

use chevet_sfu_core::api::Event;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::load::IoCounters;

/// From this many waiting events on, those that a later one makes worthless are not kept.
const WAITING_BEFORE_DROPS: usize = 1024;

/// Waiting events of any kind. Reached only when the reader is gone for good: a transport or a track has a handful of
/// events in its life.
const WAITING_MAX: usize = 65_536;

pub(crate) struct EventQueue {
    sender: mpsc::Sender<Event>,
    waiting: VecDeque<Event>,
}

impl EventQueue {
    pub(crate) fn new(sender: mpsc::Sender<Event>) -> EventQueue {
        EventQueue { sender, waiting: VecDeque::new() }
    }

    pub(crate) fn push(&mut self, event: Event, counters: &mut IoCounters) {
        if !self.waiting.is_empty() {
            return self.keep(event, counters);
        }
        match self.sender.try_send(event) {
            Ok(()) => counters.events += 1,
            Err(TrySendError::Full(event)) => self.keep(event, counters),
            Err(TrySendError::Closed(_)) => {}
        }
    }

    fn keep(&mut self, event: Event, counters: &mut IoCounters) {
        let replaceable = matches!(event, Event::Speakers { .. } | Event::Quality { .. });
        if replaceable && self.waiting.len() >= WAITING_BEFORE_DROPS {
            counters.events_dropped += 1;
        } else if self.waiting.len() >= WAITING_MAX {
            counters.events_lost += 1;
        } else {
            self.waiting.push_back(event);
        }
    }

    /// Hands over what the channel takes. True when something still waits.
    pub(crate) fn flush(&mut self, counters: &mut IoCounters) -> bool {
        while let Some(event) = self.waiting.pop_front() {
            match self.sender.try_send(event) {
                Ok(()) => counters.events += 1,
                Err(TrySendError::Full(event)) => {
                    self.waiting.push_front(event);
                    return true;
                }
                Err(TrySendError::Closed(_)) => self.waiting.clear(),
            }
        }
        false
    }

    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use chevet_sfu_core::api::{MemberId, RoomId, TransportId};

    use super::*;

    fn connected(number: u64) -> Event {
        Event::TransportConnected { transport: TransportId(number), member: MemberId(0) }
    }

    #[test]
    fn a_slow_reader_gets_every_transport_event_in_order_and_loses_only_speakers() {
        let (sender, mut reader) = mpsc::channel(4);
        let mut queue = EventQueue::new(sender);
        let mut counters = IoCounters::default();
        let total = 5000;
        for number in 0..total {
            queue.push(connected(number), &mut counters);
            queue.push(Event::Speakers { room: RoomId(1), speakers: Vec::new() }, &mut counters);
        }
        let mut next = 0;
        while queue.flush(&mut counters) || !reader.is_empty() {
            while let Ok(event) = reader.try_recv() {
                if let Event::TransportConnected { transport, .. } = event {
                    assert_eq!(transport.0, next);
                    next += 1;
                }
            }
        }
        assert_eq!(next, total);
        assert!(counters.events_dropped > 0);
        assert_eq!(counters.events_lost, 0);
    }

    #[test]
    fn events_for_a_reader_that_is_gone_are_not_kept() {
        let (sender, reader) = mpsc::channel(1);
        drop(reader);
        let mut queue = EventQueue::new(sender);
        let mut counters = IoCounters::default();
        queue.push(connected(1), &mut counters);
        assert!(!queue.is_waiting());
    }
}
