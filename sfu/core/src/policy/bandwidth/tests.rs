use super::*;

const MS: u64 = 1000;
/// By how much the receiver's clock is behind ours.
const SKEW: i64 = -123_456_789;

/// A line with a queue in front of it, and a sender whose packets leave evenly.
struct Line {
    now: u64,
    free_at: u64,
    bits_per_second: u64,
    queue: u64,
    /// One of so many is lost by chance.
    one_in: u64,
    jitter: u64,
    count: u64,
    seed: u64,
    estimator: Estimator,
    /// Fates not told yet.
    told: Vec<Fate>,
    lowered: u32,
}

impl Line {
    fn new(bits_per_second: u64) -> Line {
        Line {
            now: 1_000 * MS,
            free_at: 0,
            bits_per_second,
            queue: 300 * MS,
            one_in: u64::MAX,
            jitter: 0,
            count: 0,
            seed: 7,
            estimator: Estimator::default(),
            told: Vec::new(),
            lowered: 0,
        }
    }

    fn draw(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.seed >> 33
    }

    fn packet(&mut self, bytes: u32) {
        self.count += 1;
        let begins = self.free_at.max(self.now);
        let chance = self.draw();
        let arrival = (begins - self.now <= self.queue && !chance.is_multiple_of(self.one_in)).then(|| {
            self.free_at = begins + u64::from(bytes) * 8_000_000 / self.bits_per_second;
            let late = if self.jitter > 0 { self.draw() % self.jitter } else { 0 };
            (self.free_at + 20 * MS + late) as i64 + SKEW
        });
        self.told.push(Fate { sent: self.now, bytes, arrival });
    }

    /// So many bits a second for so long, in packets of this size, with feedback every 100 ms.
    fn send(&mut self, bits_per_second: u64, bytes: u32, length: u64) -> &mut Line {
        let step = u64::from(bytes) * 8_000_000 / bits_per_second;
        let end = self.now + length;
        let mut feedback = self.now + 100 * MS;
        while self.now < end {
            self.packet(bytes);
            self.now += step;
            if self.now >= feedback {
                self.feedback();
                feedback += 100 * MS;
            }
        }
        self
    }

    fn feedback(&mut self) {
        for fate in self.told.drain(..) {
            self.estimator.on_packet(fate, false);
        }
        self.lowered += u32::from(self.estimator.conclude(self.now));
    }

    fn kbits(&self) -> Option<u64> {
        self.estimator.estimate().map(|estimate| estimate / 1000)
    }
}

#[test]
fn a_line_that_carries_everything_has_no_limit() {
    let mut line = Line::new(10_000_000);
    line.send(2_000_000, 1000, 20_000 * MS);
    assert_eq!((line.kbits(), line.estimator.state()), (None, LineState::Open));
    let measured = line.estimator.acknowledged();
    assert!((1_900_000..2_100_000).contains(&measured), "{measured}");
}

#[test]
fn what_arrives_on_a_full_line_is_what_it_carries() {
    for (kbits, sent) in [(150, 1_500_000), (600, 1_500_000), (600, 700_000), (3000, 4_000_000)] {
        let mut line = Line::new(kbits * 1000);
        line.send(sent, 1000, 2_500 * MS);
        assert!(line.lowered >= 1, "{kbits}");
        let estimate = line.kbits().expect("a limit");
        assert!((kbits * 3 / 4..=kbits).contains(&estimate), "{estimate} of {kbits} kbit/s");
    }
}

#[test]
fn a_full_line_is_seen_within_a_second_also_where_the_queue_is_short() {
    for queue in [0, 30, 60, 100, 300, 1000] {
        let mut line = Line::new(150_000);
        line.queue = queue * MS;
        line.send(1_500_000, 1000, 1_000 * MS);
        assert!(line.lowered >= 1, "{queue} ms");
    }
}

#[test]
fn a_queue_that_drains_is_not_lowered_for_again() {
    let mut line = Line::new(600_000);
    line.send(1_500_000, 1000, 1_000 * MS);
    let before = line.kbits();
    line.lowered = 0;
    line.send(450_000, 500, 3_000 * MS);
    assert_eq!(line.lowered, 0);
    assert!(line.kbits() >= before);
    assert_eq!(line.estimator.state(), LineState::Calm);
}

#[test]
fn chance_loses_packets_and_is_no_congestion() {
    for one_in in [20, 12] {
        let mut line = Line::new(10_000_000);
        line.one_in = one_in;
        line.send(1_500_000, 1000, 60_000 * MS);
        line.send(60_000, 150, 60_000 * MS);
        assert_eq!(line.lowered, 0, "one in {one_in}");
    }
}

#[test]
fn jitter_is_no_queue() {
    for jitter in [30, 80] {
        let mut line = Line::new(10_000_000);
        line.jitter = jitter * MS;
        line.send(1_500_000, 1000, 60_000 * MS);
        line.send(60_000, 150, 60_000 * MS);
        assert_eq!(line.lowered, 0, "{jitter} ms");
    }
}

#[test]
fn a_receiver_that_has_to_wait_for_its_processor_is_no_queue() {
    let mut line = Line::new(100_000_000);
    for round in 0..300 {
        line.send(1_500_000, 1000, 150 * MS);
        // It sleeps, then reads all that has come at once.
        let sleeps = [40, 90, 200, 500][round % 4] * MS;
        let woken = (line.now + sleeps + 20 * MS) as i64 + SKEW;
        let begins = line.told.len();
        let end = line.now + sleeps;
        while line.now < end {
            line.packet(1000);
            line.now += 5_333;
        }
        for fate in line.told.iter_mut().skip(begins) {
            fate.arrival = fate.arrival.map(|arrival| arrival.max(woken));
        }
        line.feedback();
    }
    assert_eq!(line.lowered, 0);
}

#[test]
fn a_burst_waits_and_is_no_congestion_as_long_as_it_drains() {
    let mut line = Line::new(600_000);
    for _ in 0..20 {
        line.send(190_000, 600, 3_000 * MS);
        // A key frame of 10 kB: 130 ms on this line.
        for _ in 0..10 {
            line.packet(1000);
        }
    }
    assert!(line.kbits().is_none_or(|kbits| kbits > 300), "{:?}", line.kbits());
}

#[test]
fn a_way_that_becomes_longer_costs_one_mistake_at_most() {
    let mut line = Line::new(10_000_000);
    line.send(500_000, 1000, 5_000 * MS);
    for _ in 0..200 {
        line.send(500_000, 1000, 90 * MS);
        for fate in &mut line.told {
            fate.arrival = fate.arrival.map(|arrival| arrival + 80_000);
        }
        line.feedback();
    }
    assert!(line.lowered <= 1, "{}", line.lowered);
    line.lowered = 0;
    line.send(500_000, 1000, 20_000 * MS);
    assert_eq!(line.lowered, 0);
}

#[test]
fn without_congestion_the_estimate_grows_to_half_more_than_what_arrives() {
    let mut line = Line::new(600_000);
    line.send(1_500_000, 1000, 1_000 * MS);
    line.bits_per_second = 10_000_000;
    line.now += 500 * MS;
    line.send(500_000, 1000, 30_000 * MS);
    let estimate = line.kbits().expect("a limit");
    assert!((700..=760).contains(&estimate), "{estimate}");
    // More arrives: that is a proof.
    line.send(2_000_000, 1000, 2_000 * MS);
    assert!(line.kbits().expect("a limit") >= 1_900);
}

#[test]
fn a_calm_line_on_which_nothing_is_held_back_has_no_limit_again() {
    let mut line = Line::new(600_000);
    line.send(1_500_000, 1000, 1_000 * MS);
    line.bits_per_second = 10_000_000;
    for content in [false, true] {
        for _ in 0..250 {
            line.send(200_000, 1000, 100 * MS);
            line.estimator.look(line.now, 0, content);
        }
        assert_eq!(line.kbits().is_none(), content);
    }
}

#[test]
fn a_line_that_says_nothing_any_more_is_trusted_less_and_less() {
    let mut line = Line::new(10_000_000);
    line.send(1_500_000, 1000, 5_000 * MS);
    let looks =
        |line: &mut Line, count: u32| (0..count).filter(|_| line.estimator.look(line.now, 100, true)).count();
    assert_eq!(looks(&mut line, 14), 0);
    assert_eq!(line.kbits(), None);
    assert_eq!(looks(&mut line, 1), 1);
    assert!(line.kbits().is_some_and(|kbits| (700..800).contains(&kbits)), "{:?}", line.kbits());
    assert_eq!(looks(&mut line, 30), 2);
    assert_eq!(line.estimator.state(), LineState::Silent);
    // Who never said anything is left alone.
    let mut mute = Estimator::default();
    assert!((0..100).all(|_| !mute.look(5_000 * MS, 1000, false)));
    assert_eq!(mute.estimate(), None);
}

#[test]
fn a_receivers_own_estimate_is_a_bound_until_it_tells_of_packets() {
    let mut estimator = Estimator::default();
    estimator.on_remb(1_000 * MS, 400_000);
    assert_eq!((estimator.estimate(), estimator.state()), (Some(400_000), LineState::Told));
    estimator.look(12_000 * MS, 0, false);
    assert_eq!(estimator.estimate(), None);
    estimator.on_remb(12_000 * MS, 400_000);
    estimator.conclude(12_100 * MS);
    estimator.on_remb(12_200 * MS, 400_000);
    assert_eq!(estimator.estimate(), None);
}
