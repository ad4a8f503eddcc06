//! Finding out whether a line carries more: a short stream of padding on top of what is sent.
//!
//! A forwarder cannot send a better picture "a little": the next encoding is twice to four times as large, begins with a
//! key frame that the publisher has to make for it, and when the line does not carry it, sound and picture are disturbed
//! for a second. Padding is as large as we like, ends the moment that a queue shows up, and nobody else notices. So the
//! line is asked before the picture is changed.

/// Of one probe, in us. Long enough for a queue to show, and for the rate of what arrives to be measured.
const LENGTH_US: u64 = 700_000;
/// A probe sends so much of the estimate in all at most, in percent; and so much after one that found nothing wrong.
const ABOVE: u64 = 150;
const ABOVE_AGAIN: u64 = 200;
/// Between a probe that found nothing wrong and the next, and before the first; in us.
const PAUSE_US: u64 = 700_000;
/// After one that filled the line: twice as long each time, up to this.
const PAUSE_MAX_US: u64 = 32_000_000;
/// A line is calm when nothing was congested for so long.
const CALM_US: u64 = 1_500_000;
/// Congestion so soon after a probe is of its making: packets and feedback take their time.
const ECHO_US: u64 = 1_000_000;
/// No single burst is longer, whatever the timer did.
const BURST_BYTES: u64 = 10_000;

#[derive(Clone, Copy, Debug)]
struct Running {
    /// Bits per second on top of what is sent.
    extra: u64,
    ends: u64,
    /// Padding was computed up to here.
    paid_to: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct Prober {
    running: Option<Running>,
    /// When the last one ended.
    ended: Option<u64>,
    next: u64,
    pause: u64,
}

impl Default for Prober {
    fn default() -> Self {
        Prober { running: None, ended: None, next: 0, pause: PAUSE_US }
    }
}

impl Prober {
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Begins a probe if the time has come. `estimate` and `wanted` in bits per second: what is known to fit, and what
    /// the next better picture takes; `sent`: what is sent anyway. True when it began.
    pub fn begin(&mut self, now: u64, calm_since: u64, estimate: u64, wanted: u64, sent: u64) -> bool {
        if self.running.is_some() || now < self.next || now.saturating_sub(calm_since) < CALM_US {
            return false;
        }
        // A little more than wanted: the last bit of it may not be measured.
        let above = if self.ended.is_some() { ABOVE_AGAIN } else { ABOVE };
        if self.ended.is_some() {
            // The last one went well: what was found out before it counts less and less.
            self.pause = (self.pause / 4).max(PAUSE_US);
        }
        let goal = (wanted + wanted / 10).min(estimate.saturating_mul(above) / 100);
        self.running =
            Some(Running { extra: goal.saturating_sub(sent), ends: now + LENGTH_US, paid_to: now });
        true
    }

    /// The bytes of padding to send now. Ends the probe when its time is over.
    pub fn padding(&mut self, now: u64) -> u64 {
        let Some(running) = &mut self.running else { return 0 };
        let elapsed = now.min(running.ends).saturating_sub(running.paid_to);
        running.paid_to = now;
        let bytes = running.extra.saturating_mul(elapsed) / 8_000_000;
        if now >= running.ends {
            self.stop(now);
            self.next = now + self.pause;
        }
        bytes.min(BURST_BYTES)
    }

    /// The estimate was lowered. If a probe did that, the next one waits longer.
    pub fn on_congestion(&mut self, now: u64) {
        let ours = self.running.is_some() || self.ended.is_some_and(|at| now.saturating_sub(at) < ECHO_US);
        self.stop(now);
        self.ended = None;
        if ours {
            self.pause = (self.pause * 2).min(PAUSE_MAX_US);
        }
        self.next = self.next.max(now + self.pause);
    }

    /// A better picture was given and went well: the line is another one now.
    pub fn on_success(&mut self) {
        self.pause = PAUSE_US;
        self.ended = None;
    }

    /// Nothing is held back any more.
    pub fn stop(&mut self, now: u64) {
        if self.running.take().is_some() {
            self.ended = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1000;

    /// Bytes of padding of the probe that runs, looked after every 20 ms.
    fn run(prober: &mut Prober, from: u64) -> (u64, u64) {
        let (mut bytes, mut now) = (0, from);
        while prober.is_running() {
            now += 20 * MS;
            bytes += prober.padding(now);
        }
        (bytes, now)
    }

    #[test]
    fn a_probe_is_short_and_never_far_above_what_is_known() {
        let mut prober = Prober::default();
        assert!(prober.begin(10_000 * MS, 0, 200_000, 1_000_000, 100_000));
        let (bytes, end) = run(&mut prober, 10_000 * MS);
        assert_eq!(end, 10_700 * MS);
        // 300 kbit/s in all.
        assert_eq!(bytes, 200_000 / 8 * 7 / 10);
        // The next one not at once.
        assert!(!prober.begin(end + 100 * MS, 0, 300_000, 1_000_000, 0));
        assert!(prober.begin(end + 700 * MS, 0, 300_000, 320_000, 0));
        let (bytes, _) = run(&mut prober, end + 700 * MS);
        assert_eq!(bytes, 352_000 / 8 * 7 / 10, "no more than wanted");
    }

    #[test]
    fn a_probe_that_fills_the_line_ends_at_once_and_the_next_ones_come_later_and_later() {
        let mut prober = Prober::default();
        let mut now = 10_000 * MS;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let asked = now;
            while !prober.begin(now, 0, 200_000, 1_000_000, 0) {
                now += 100 * MS;
            }
            pauses.push((now - asked) / MS);
            now += 200 * MS;
            prober.on_congestion(now);
            assert!(!prober.is_running());
        }
        assert_eq!(pauses, [0, 1400, 2800, 5600, 11_200, 22_400, 32_000, 32_000]);
        // Congestion of another making does not add to that.
        prober.on_success();
        prober.on_congestion(now + 60_000 * MS);
        assert!(prober.begin(now + 60_700 * MS, 0, 200_000, 1_000_000, 0));
    }

    #[test]
    fn nothing_is_tried_while_the_line_is_not_calm_and_a_late_timer_makes_no_flood() {
        let mut prober = Prober::default();
        assert!(!prober.begin(10_000 * MS, 9_000 * MS, 200_000, 1_000_000, 0));
        assert!(prober.begin(10_000 * MS, 0, 100_000_000, 100_000_000, 0));
        assert_eq!(prober.padding(10_400 * MS), BURST_BYTES);
    }
}
