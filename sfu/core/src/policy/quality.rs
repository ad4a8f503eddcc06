//! How good a member's connection is, as a mean opinion score.

use crate::api::{Grade, QualityReason, QualityVerdict};

/// What was seen of a member's streams, in both directions, over the last period.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Observation {
    /// Packets that should have passed, and those that did not after repair.
    pub expected: u64,
    pub lost: u64,
    /// The worst over the streams, in ms.
    pub jitter_ms: f32,
    pub round_trip_ms: Option<f32>,
    /// The transport itself has been silent (consent lost).
    pub silent: bool,
}

impl Observation {
    /// Adds what a stream's totals have grown by since they were last judged.
    pub fn add(&mut self, (expected, lost): (u64, u64), judged: &mut (u64, u64)) {
        self.expected += expected.saturating_sub(judged.0);
        self.lost += lost.saturating_sub(judged.1);
        *judged = (expected, lost);
    }
}

/// The verdict on a period. `Lost` is said only when the transport is silent: clients answer a lasting `Lost` with a
/// full reconnect, so it must never be a guess.
pub fn verdict(seen: &Observation) -> QualityVerdict {
    if seen.silent {
        return QualityVerdict { grade: Grade::Lost, score: 1.0, reason: QualityReason::Silence };
    }
    let loss_percent =
        if seen.expected == 0 { 0.0 } else { 100.0 * seen.lost as f32 / seen.expected.max(seen.lost) as f32 };
    let round_trip = seen.round_trip_ms.unwrap_or(0.0);
    // The E-model (ITU-T G.107) reduced to delay and loss, with the loss term of a concealing codec: 2.5 points of R
    // per percent lost; one-way delay counts half the round trip plus a jitter buffer of twice the jitter.
    let delay = round_trip / 2.0 + 2.0 * seen.jitter_ms;
    let delay_cost = if delay < 160.0 { delay / 40.0 } else { (delay - 120.0) / 10.0 };
    let loss_cost = 2.5 * loss_percent;
    let r = (93.2 - delay_cost - loss_cost).clamp(0.0, 93.2);
    let score = (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7.0e-6).clamp(1.0, 5.0);
    let grade = if score >= 4.1 {
        Grade::Excellent
    } else if score >= 3.3 {
        Grade::Good
    } else {
        Grade::Poor
    };
    let reason = if grade == Grade::Excellent {
        QualityReason::Nothing
    } else if loss_cost >= delay_cost {
        QualityReason::Loss
    } else if seen.jitter_ms * 2.0 >= round_trip / 2.0 {
        QualityReason::Jitter
    } else {
        QualityReason::RoundTrip
    };
    QualityVerdict { grade, score, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_call_is_excellent() {
        let seen =
            Observation { expected: 5000, jitter_ms: 3.0, round_trip_ms: Some(40.0), ..Default::default() };
        assert_eq!(verdict(&seen).grade, Grade::Excellent);
        assert_eq!(verdict(&Observation::default()).grade, Grade::Excellent);
    }

    #[test]
    fn loss_delay_and_jitter_each_lower_the_grade_and_are_named() {
        let lossy = Observation { expected: 1000, lost: 80, ..Default::default() };
        assert_eq!((verdict(&lossy).grade, verdict(&lossy).reason), (Grade::Good, QualityReason::Loss));
        let lossier = Observation { lost: 200, ..lossy };
        assert_eq!(verdict(&lossier).grade, Grade::Poor);
        let far = Observation { expected: 1000, round_trip_ms: Some(800.0), ..Default::default() };
        assert_eq!(verdict(&far).reason, QualityReason::RoundTrip);
        let shaky = Observation { expected: 1000, jitter_ms: 200.0, ..Default::default() };
        assert_eq!(verdict(&shaky).reason, QualityReason::Jitter);
    }

    #[test]
    fn only_silence_is_called_lost() {
        let awful = Observation {
            expected: 1000,
            lost: 1000,
            jitter_ms: 1e6,
            round_trip_ms: Some(1e6),
            ..Default::default()
        };
        assert_eq!(verdict(&awful).grade, Grade::Poor);
        assert_eq!(verdict(&Observation { silent: true, ..Default::default() }).grade, Grade::Lost);
    }
}
