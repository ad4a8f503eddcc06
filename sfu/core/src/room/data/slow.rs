//! Slow receivers: who waits for whom, and what those hear who are cut off.

use std::time::Instant;

use bytes::Bytes;

use super::{DataEvent, DataPeers, DataRouter, Outgoing, count, stamp_of, stream_of};
use crate::api::MemberId;
use crate::room::envelope::{self, Value};
use crate::transport::Channel;

/// What the readers of a cut-off stream are told.
const CUT_OFF_REASON: &str = "receiver too slow";

impl DataRouter {
    /// Looks at a receiver's queue. True when it is cut off.
    pub(super) fn observe(
        &mut self,
        now: Instant,
        member: MemberId,
        members: &mut impl DataPeers,
        events: &mut Vec<DataEvent>,
    ) -> bool {
        let buffered = members.buffered(member, Channel::Reliable);
        let Some(receiver) = self.receivers.get_mut(&member) else { return false };
        if !receiver.is_over() {
            return false;
        }
        if buffered < self.limits.reliable_low {
            receiver.note_drained();
            self.stop_waiting_for(member, members);
            return false;
        }
        if receiver.is_cut() {
            return true;
        }
        receiver.note_progress(now, members.taken(member), self.limits.progress);
        if receiver.over_for(now) >= self.limits.slow_after {
            self.cut_off(member, members, events);
            return true;
        }
        false
    }

    pub(super) fn cut_off(
        &mut self,
        member: MemberId,
        members: &mut impl DataPeers,
        events: &mut Vec<DataEvent>,
    ) {
        count(&mut self.counters.cut_off);
        self.receivers.entry(member).or_default().note_cut();
        let waiting: Vec<MemberId> = self
            .senders
            .iter()
            .filter(|(_, sender)| sender.waits_for.contains(&member))
            .map(|(id, _)| *id)
            .collect();
        for from in waiting {
            let streams = match self.senders.get_mut(&from) {
                Some(sender) => sender.streams.cut_all(member),
                None => continue,
            };
            for id in &streams {
                self.send_trailer(from, id, member, members);
            }
            events.push(DataEvent::SlowReceiver { member, sender: from, streams: streams.len() as u32 });
        }
        self.stop_waiting_for(member, members);
    }

    /// A packet of a stream does not reach a receiver: then nothing more of that stream does.
    pub(super) fn end_stream(
        &mut self,
        packet: &Outgoing<'_>,
        member: MemberId,
        members: &mut impl DataPeers,
        events: &mut Vec<DataEvent>,
    ) {
        let (Some(from), Some(id)) = (packet.from, stream_of(packet.value)) else { return };
        let Some(sender) = self.senders.get_mut(&from) else { return };
        let begun = sender.streams.cut(id, member);
        if begun {
            let id = Bytes::copy_from_slice(id);
            self.send_trailer(from, &id, member, members);
            events.push(DataEvent::SlowReceiver { member, sender: from, streams: 1 });
        }
    }

    pub(super) fn send_trailer(
        &mut self,
        from: MemberId,
        stream: &[u8],
        member: MemberId,
        members: &mut impl DataPeers,
    ) {
        let trailer = match members.find(from) {
            Some(view) => envelope::trailer(stream, CUT_OFF_REASON, &stamp_of(&view, false)),
            None => return,
        };
        self.hand_over(member, Channel::Reliable, &trailer, members);
    }

    pub(super) fn is_stream_cut(&self, packet: &Outgoing<'_>, member: MemberId) -> bool {
        let (Some(from), Some(id)) = (packet.from, stream_of(packet.value)) else { return false };
        self.senders.get(&from).is_some_and(|sender| sender.streams.is_cut(id, member))
    }

    pub(super) fn tell_header(&mut self, packet: &Outgoing<'_>, member: MemberId) {
        if let (Some(from), Value::StreamHeader { id, complete: false }) = (packet.from, packet.value)
            && let Some(sender) = self.senders.get_mut(&from)
        {
            sender.streams.tell(id, member);
        }
    }

    pub(super) fn wait_for(&mut self, from: MemberId, member: MemberId, members: &mut impl DataPeers) {
        let sender = self.senders.entry(from).or_default();
        if sender.waits_for.contains(&member) {
            return;
        }
        if sender.waits_for.is_empty() {
            count(&mut self.counters.held);
            members.hold(from, true);
        }
        sender.waits_for.push(member);
    }

    pub(super) fn stop_waiting_for(&mut self, member: MemberId, members: &mut impl DataPeers) {
        for (id, sender) in &mut self.senders {
            let before = sender.waits_for.len();
            sender.waits_for.retain(|waited| *waited != member);
            if before > 0 && sender.waits_for.is_empty() {
                members.hold(*id, false);
            }
        }
    }
}
