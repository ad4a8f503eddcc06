//! What the emulators are told to do wrong.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Deserialize;

/// Used up from the front.
#[derive(Debug, Default)]
pub struct Script {
    /// For the next requests to send a short message.
    pub sms: VecDeque<Answer>,
    /// For the next recipients of mails: a reply of the relay, such as `550 5.1.1 No such user`.
    pub mail: VecDeque<String>,
    /// Of messages that are taken.
    pub receipts: ReceiptPlan,
}

/// An answer of a gateway.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Taken.
    Ok,
    /// Refused, with this status.
    Status(u16),
    /// The same with a body, such as one with Twilio's `code`.
    Body(u16, String),
    /// Refused with this status and Retry-After, in seconds.
    RetryAfter(u16, u32),
    /// Taken, but nobody hears it: the answer comes only after this time.
    Late(Duration),
    /// OVH: a receiver that it does not accept, in an answer of 200.
    Invalid,
}

/// Which receipt follows a message that was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptPlan {
    #[default]
    Delivered,
    Failed,
    None,
    /// With a signature that is not right.
    Forged,
    /// Each receipt three times, the wrong one last.
    Repeated,
}
