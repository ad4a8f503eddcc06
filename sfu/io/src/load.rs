//! What a worker tells of itself, once a second.

use chevet_sfu_core::engine::Counters;
use serde::Serialize;

use crate::ufrag::WorkerId;

/// Declares a struct of counters that can list its fields by name.
macro_rules! counters {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: u64,)*
        }

        impl $name {
            /// Every counter with its name, for metrics. All only grow.
            pub fn list(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Counters of a worker's sockets and queues since its start.
    IoCounters {
        udp_datagrams_in,
        udp_bytes_in,
        udp_datagrams_out,
        udp_bytes_out,
        /// System calls that received something.
        udp_receive_calls,
        udp_send_calls,
        /// Messages handed to the kernel: fewer than datagrams when segmentation offload works.
        udp_send_messages,
        /// Datagrams longer than the receive buffer.
        udp_truncated_in,
        /// Datagrams lost because the socket's send buffer stayed full.
        udp_dropped_full,
        /// Datagrams that the kernel refused to send.
        udp_dropped_error,
        /// Messages sent again without segmentation offload.
        udp_offload_refused,
        tcp_accepted,
        /// Connections turned away: too many, bad framing, no valid check in time, or for a worker that is not there.
        tcp_refused,
        tcp_closed,
        tcp_frames_in,
        tcp_bytes_in,
        tcp_frames_out,
        tcp_bytes_out,
        /// Datagrams lost because the peer does not read its connection.
        tcp_dropped_full,
        /// Datagrams for a connection that is gone.
        tcp_dropped_gone,
        commands,
        events,
        /// Speaker and quality events dropped because nobody read.
        events_dropped,
        /// Other events lost: only when tens of thousands wait.
        events_lost,
        /// Rounds of the loop.
        wakeups,
        /// The engine panicked and was replaced by an empty one.
        resets,
    }
}

/// A worker at the last full second.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WorkerLoad {
    pub worker: WorkerId,
    /// False once the worker has given up after repeated panics, or has ended.
    pub healthy: bool,
    /// Rooms placed on it.
    pub rooms: u64,
    /// CPU time of the thread since its start, in seconds.
    pub cpu_seconds: f64,
    /// CPU time over wall time during the last second, 0 to 1.
    pub busy: f32,
    pub io: IoCounters,
    #[serde(skip)]
    pub engine: Counters,
}

impl WorkerLoad {
    /// Every counter with its name, for metrics. All only grow, but for a worker that was reset: its engine's begin anew.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let engine = &self.engine;
        let media = [
            ("media_received", engine.media_received),
            ("media_forwarded", engine.media_forwarded),
            ("retransmitted", engine.retransmitted),
            ("recovered", engine.recovered),
            ("padding_bytes", engine.padding_bytes),
            ("nacks_sent", engine.nacks_sent),
            ("nacks_received", engine.nacks_received),
            ("key_frame_requests_sent", engine.key_frame_requests_sent),
            ("key_frame_requests_received", engine.key_frame_requests_received),
            ("transport_feedback_sent", engine.transport_feedback_sent),
            ("transport_feedback_received", engine.transport_feedback_received),
            ("estimates_lowered", engine.estimates_lowered),
            ("suspensions", engine.suspensions),
            ("probe_packets", engine.probe_packets),
            ("relayed_out", engine.relayed_out),
            ("relayed_in", engine.relayed_in),
            ("data_messages_received", engine.data_messages_received),
            ("data_messages_sent", engine.data_messages_sent),
        ];
        self.io.list().chain(media)
    }

    /// Why something that arrived went no further: every cause with its number.
    pub fn drops(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.engine.drops.each()
    }

    /// What there is now, by name.
    pub fn gauges(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let engine = &self.engine;
        let [up_to_100k, up_to_250k, up_to_500k, up_to_1000k, up_to_2500k, above_2500k] = engine.estimates;
        [
            ("rooms", engine.rooms),
            ("members", engine.members),
            ("transports", engine.transports),
            ("tracks", engine.tracks),
            ("subscriptions", engine.subscriptions),
            ("videos_suspended", engine.videos_suspended),
            ("lines_up_to_100k", up_to_100k),
            ("lines_up_to_250k", up_to_250k),
            ("lines_up_to_500k", up_to_500k),
            ("lines_up_to_1000k", up_to_1000k),
            ("lines_up_to_2500k", up_to_2500k),
            ("lines_above_2500k", above_2500k),
        ]
        .into_iter()
    }
}
