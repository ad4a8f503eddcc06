//! How a payment goes from state to state: one pure function, [`step`].
//!
//! What a provider tells comes late, twice and in any order: it never is an error, and what is known for certain (the money
//! came) is never taken back by what came before it. What people ask for is refused when it makes no sense.

use serde::Serialize;
use utoipa::ToSchema;

use super::PaymentState;

/// What may move a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentTrigger {
    /// The patient's side opens the hosted page; after a failure this is another try.
    Open,
    /// By the professional: what failed may be paid again.
    Retry,
    /// By the professional.
    Cancel,
    /// Timer: a day after the end.
    Expire,
    /// Provider: under way.
    Process,
    /// Provider: the amount that was asked for has come.
    Succeed,
    /// Provider: refused. Ours: another amount or currency came.
    Fail,
    /// Provider: a part went back, or all of it.
    RefundPart,
    RefundAll,
}

impl PaymentTrigger {
    pub const ALL: [PaymentTrigger; 9] = [
        PaymentTrigger::Open,
        PaymentTrigger::Retry,
        PaymentTrigger::Cancel,
        PaymentTrigger::Expire,
        PaymentTrigger::Process,
        PaymentTrigger::Succeed,
        PaymentTrigger::Fail,
        PaymentTrigger::RefundPart,
        PaymentTrigger::RefundAll,
    ];

    /// Told by the provider or the clock: what does not fit is ignored.
    fn is_told(self) -> bool {
        !matches!(self, PaymentTrigger::Open | PaymentTrigger::Retry | PaymentTrigger::Cancel)
    }
}

impl PaymentState {
    pub const ALL: [PaymentState; 9] = [
        PaymentState::Requested,
        PaymentState::Opened,
        PaymentState::Processing,
        PaymentState::Paid,
        PaymentState::PartiallyRefunded,
        PaymentState::Refunded,
        PaymentState::Failed,
        PaymentState::Cancelled,
        PaymentState::Expired,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            PaymentState::Requested => "requested",
            PaymentState::Opened => "opened",
            PaymentState::Processing => "processing",
            PaymentState::Paid => "paid",
            PaymentState::PartiallyRefunded => "partially_refunded",
            PaymentState::Refunded => "refunded",
            PaymentState::Failed => "failed",
            PaymentState::Cancelled => "cancelled",
            PaymentState::Expired => "expired",
        }
    }

    /// Money came, whatever went back since.
    pub fn was_paid(self) -> bool {
        matches!(self, PaymentState::Paid | PaymentState::PartiallyRefunded | PaymentState::Refunded)
    }

    /// Money may still come of itself.
    pub fn is_open(self) -> bool {
        matches!(self, PaymentState::Requested | PaymentState::Opened | PaymentState::Processing)
    }
}

/// The state after `trigger`; the same state where nothing changes. `None`: what somebody asked for is not possible.
pub fn step(state: PaymentState, trigger: PaymentTrigger) -> Option<PaymentState> {
    use PaymentState as S;
    use PaymentTrigger as T;
    let next = match (state, trigger) {
        (S::Requested | S::Opened | S::Failed, T::Open) => S::Opened,
        (S::Failed, T::Retry) => S::Requested,
        // Once it is under way the provider has the word: a cancelled payment that comes all the same confuses everybody.
        (S::Requested | S::Opened | S::Failed, T::Cancel) => S::Cancelled,
        (S::Requested | S::Opened | S::Failed, T::Expire) => S::Expired,
        (S::Requested | S::Opened | S::Failed, T::Process) => S::Processing,
        // Money that comes to a payment that was given up is there all the same: it shows, and can go back.
        (S::Requested | S::Opened | S::Processing | S::Failed | S::Cancelled | S::Expired, T::Succeed) => {
            S::Paid
        }
        (S::Requested | S::Opened | S::Processing, T::Fail) => S::Failed,
        // A refund that is told before the payment proves the payment.
        (S::Refunded, T::RefundPart) => S::Refunded,
        (_, T::RefundPart) => S::PartiallyRefunded,
        (_, T::RefundAll) => S::Refunded,
        (same, trigger) if trigger.is_told() => same,
        _ => return None,
    };
    Some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: triggers as in [`PaymentTrigger::ALL`]; columns: states as in [`PaymentState::ALL`], by their letters below.
    /// `=` stays, `-` is refused.
    const TABLE: [(PaymentTrigger, &str); 9] = [
        // requested, opened, processing, Paid, partially refunded, refunded, failed, cancelled, expired
        (PaymentTrigger::Open, "oo----o--"),
        (PaymentTrigger::Retry, "------q--"),
        (PaymentTrigger::Cancel, "cc----c--"),
        (PaymentTrigger::Expire, "ee====e=="),
        (PaymentTrigger::Process, "pp====p=="),
        (PaymentTrigger::Succeed, "PPP===PPP"),
        (PaymentTrigger::Fail, "fff======"),
        (PaymentTrigger::RefundPart, "hhhhh=hhh"),
        (PaymentTrigger::RefundAll, "rrrrrrrrr"),
    ];

    fn letter(state: PaymentState) -> char {
        match state {
            PaymentState::Requested => 'q',
            PaymentState::Opened => 'o',
            PaymentState::Processing => 'p',
            PaymentState::Paid => 'P',
            PaymentState::PartiallyRefunded => 'h',
            PaymentState::Refunded => 'r',
            PaymentState::Failed => 'f',
            PaymentState::Cancelled => 'c',
            PaymentState::Expired => 'e',
        }
    }

    #[test]
    fn every_state_answers_every_trigger_as_drawn() {
        for (trigger, row) in TABLE {
            for (state, cell) in PaymentState::ALL.into_iter().zip(row.chars()) {
                let next = step(state, trigger);
                match cell {
                    '-' => assert_eq!(next, None, "{state:?} {trigger:?}"),
                    '=' => assert_eq!(next, Some(state), "{state:?} {trigger:?}"),
                    cell => assert_eq!(next.map(letter), Some(cell), "{state:?} {trigger:?}"),
                }
            }
        }
        assert_eq!(TABLE.map(|row| row.0), PaymentTrigger::ALL);
        assert!(TABLE.iter().all(|(_, row)| row.chars().count() == PaymentState::ALL.len()));
    }

    #[test]
    fn what_was_told_once_changes_nothing_when_it_is_told_again() {
        for trigger in PaymentTrigger::ALL.into_iter().filter(|trigger| trigger.is_told()) {
            for state in PaymentState::ALL {
                let once = step(state, trigger).unwrap();
                assert_eq!(step(once, trigger), Some(once), "{state:?} {trigger:?}");
            }
        }
    }

    #[test]
    fn a_refusal_that_comes_after_the_money_takes_nothing_back() {
        for first in [PaymentTrigger::Fail, PaymentTrigger::Process, PaymentTrigger::Expire] {
            let paid = step(PaymentState::Opened, PaymentTrigger::Succeed).unwrap();
            assert_eq!(step(paid, first), Some(PaymentState::Paid), "{first:?}");
            let other = step(step(PaymentState::Opened, first).unwrap(), PaymentTrigger::Succeed);
            assert_eq!(other, Some(PaymentState::Paid), "{first:?}");
        }
    }
}
