//! RTP streams: what comes in ([`ingress`], [`twcc`]), what is kept for a second ([`ring`]), what goes out ([`egress`],
//! [`sent`]).
//!
//! A packet's way: `Ingress::on_packet` stores it in the encoding's ring; for each subscription `Egress::offer` says
//! whether and as what it goes out, and `Egress::write` writes it into the send slot, just before SRTP sealing. No part
//! of that allocates, once rings have grown to the size that their stream needs.

pub mod clock;
pub mod egress;
pub mod ingress;
pub mod nack;
pub mod ring;
pub mod sent;
pub mod statistics;
pub mod twcc;

pub use clock::{Clocks, SenderClock};
pub use egress::{Egress, ExtensionIds, Forward, ReceiverView, Resend, Written, pad};
pub use ingress::{Accepted, Ingress};
pub use ring::{PacketMeta, PacketRing, StoredPacket};
pub use sent::{Sent, SentLog};
pub use twcc::ArrivalRecorder;

pub use crate::api::MAX_LAYERS;
