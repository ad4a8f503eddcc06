//! How what a line carries is divided: sound first and always, then the pictures.

/// Encodings of one track that are told apart here, lowest first.
pub const ENCODINGS: usize = crate::api::MAX_LAYERS;

/// One voice with its headers, in bits per second: kept free also while everybody is silent.
pub const VOICE: u64 = 40_000;
/// Share of the estimate left to data and signalling, which feedback does not see; so much at most.
const DATA_SHARE: u64 = 20;
const DATA_MAX: u64 = 50_000;
/// What is more than now has to fit with so much to spare, in percent: bit rates vary.
const UPGRADE_MARGIN: u64 = 110;

/// What one picture could be, and what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Bits per second of each encoding up to the one that is asked for; None for one that does not arrive.
    pub rates: [Option<u64>; ENCODINGS],
    /// The encoding that the subscriber has now.
    pub now: Option<usize>,
    /// It is new: it takes its place without a margin.
    pub new: bool,
    /// Lines of the place where it is shown: larger ones come first. Of equal ones the first.
    pub size: u32,
    /// Up to this encoding it comes before all that have no such floor.
    pub floor: Option<usize>,
    /// The answer: the encoding that it may have. None: nothing, not even the lowest fits.
    pub given: Option<usize>,
}

impl Wish {
    /// The best encoding that is asked for and arrives.
    pub fn best(&self) -> Option<usize> {
        self.rates.iter().rposition(Option::is_some)
    }

    pub fn held_back(&self) -> bool {
        self.given != self.best()
    }

    fn is_below_floor(&self) -> bool {
        self.floor > self.given
    }

    fn rate(&self, encoding: usize) -> Option<u64> {
        self.rates.get(encoding).copied().flatten()
    }

    fn next_above(&self, encoding: Option<usize>) -> Option<usize> {
        (encoding.map_or(0, |encoding| encoding + 1)..ENCODINGS).find(|&above| self.rate(above).is_some())
    }

    /// What this encoding takes out of the budget. More than now costs a margin; it is given back by being checked only.
    fn cost(&self, encoding: usize) -> u64 {
        let rate = self.rate(encoding).unwrap_or(0);
        let more = self.now.is_none_or(|now| encoding > now) && !self.new;
        if more { rate.saturating_mul(UPGRADE_MARGIN) / 100 } else { rate }
    }
}

/// What is left for pictures, in bits per second. `sound`: what sound takes, over all voices; 0 when there is none to send.
pub fn for_pictures(estimate: u64, sound: u64, voices: bool) -> u64 {
    let data = (estimate / DATA_SHARE).min(DATA_MAX);
    let sound = if voices { sound.max(VOICE) } else { sound };
    estimate.saturating_sub(sound).saturating_sub(data)
}

/// The estimate with which pictures get this much.
pub fn estimate_for(pictures: u64, sound: u64, voices: bool) -> u64 {
    let sound = if voices { sound.max(VOICE) } else { sound };
    let sum = pictures.saturating_add(sound);
    sum.saturating_add((sum / (DATA_SHARE - 1)).min(DATA_MAX)).saturating_add(1)
}

/// Divides the budget: the lowest encoding of each picture, the largest picture first; then one step more for each in
/// the same order, for as long as something fits. Before that, those with a floor come to it in the same way.
/// `more`: a picture may become larger than it is. Gives what is spent, margins included.
pub fn divide(budget: u64, more: bool, wishes: &mut [Wish]) -> u64 {
    for wish in wishes.iter_mut() {
        wish.given = None;
    }
    let floors = share(budget, more, wishes, |wish, step| wish.floor.is_some_and(|floor| step <= floor));
    floors + share(budget - floors, more, wishes, |_, _| true)
}

/// Steps that `may` be taken, for as long as they fit. Gives what they cost.
fn share(budget: u64, more: bool, wishes: &mut [Wish], may: impl Fn(&Wish, usize) -> bool) -> u64 {
    let mut left = budget;
    // A handful: the order is found by looking for the next one each time, without memory.
    loop {
        let mut stepped = false;
        let mut after: Option<(std::cmp::Reverse<u32>, usize)> = None;
        loop {
            let next = wishes
                .iter()
                .enumerate()
                .map(|(place, wish)| (std::cmp::Reverse(wish.size), place))
                .filter(|key| after.is_none_or(|after| *key > after))
                .min();
            let Some(key) = next else { break };
            after = Some(key);
            let Some(wish) = wishes.get_mut(key.1) else { break };
            let Some(step) = wish.next_above(wish.given).filter(|&step| may(wish, step)) else { continue };
            if !more && !wish.new && wish.now.is_none_or(|now| step > now) {
                continue;
            }
            let spent = wish.given.map_or(0, |given| wish.cost(given));
            let extra = wish.cost(step).saturating_sub(spent);
            if extra <= left {
                left -= extra;
                wish.given = Some(step);
                stepped = true;
            }
        }
        if !stepped {
            return budget - left;
        }
    }
}

/// What pictures would need for the next step of the first one that is held back; None when none is.
pub fn next_step(wishes: &[Wish]) -> Option<u64> {
    let spent: u64 =
        wishes.iter().filter_map(|wish| wish.given.map(|given| wish.rate(given).unwrap_or(0))).sum();
    let held = || wishes.iter().filter(|wish| wish.held_back());
    // Those below their floor come first, then those without any picture.
    let below = held().filter(|wish| wish.is_below_floor());
    let first = below.chain(held().filter(|wish| wish.given.is_none())).chain(held()).next()?;
    let step = first.next_above(first.given)?;
    let has = first.given.map_or(0, |given| first.rate(given).unwrap_or(0));
    let needs = first.rate(step)?.saturating_mul(UPGRADE_MARGIN) / 100;
    Some(spent.saturating_sub(has).saturating_add(needs))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn simulcast(now: Option<usize>) -> Wish {
        let rates = [Some(150_000), Some(500_000), Some(1_500_000), None];
        Wish { rates, now, ..Wish::default() }
    }

    fn given(budget: u64, more: bool, wishes: &mut [Wish]) -> Vec<Option<usize>> {
        divide(budget, more, wishes);
        wishes.iter().map(|wish| wish.given).collect()
    }

    #[test]
    fn everybody_gets_the_lowest_before_anybody_gets_more() {
        let mut wishes = [simulcast(Some(2)), simulcast(Some(2))];
        assert_eq!(given(300_000, true, &mut wishes), [Some(0), Some(0)]);
        assert_eq!(given(700_000, true, &mut wishes), [Some(1), Some(0)]);
        assert_eq!(given(3_000_000, true, &mut wishes), [Some(2), Some(2)]);
    }

    #[test]
    fn the_larger_picture_comes_first_and_the_one_that_does_not_fit_gets_nothing() {
        let mut wishes = [simulcast(Some(0)), Wish { size: 720, ..simulcast(Some(0)) }];
        assert_eq!(given(160_000, true, &mut wishes), [None, Some(0)]);
        assert_eq!(given(100_000, true, &mut wishes), [None, None]);
    }

    #[test]
    fn a_picture_that_signs_are_read_from_comes_to_its_floor_before_others_get_anything() {
        let signs = Wish { floor: Some(1), size: 180, ..simulcast(Some(2)) };
        let other = || Wish { size: 720, ..simulcast(Some(2)) };
        let mut wishes = [other(), signs];
        assert_eq!(given(160_000, true, &mut wishes), [None, Some(0)]);
        assert_eq!(given(600_000, true, &mut wishes), [None, Some(1)]);
        assert_eq!(given(650_000, true, &mut wishes), [Some(0), Some(1)]);
        // Above the floor both take their turns.
        assert_eq!(given(2_100_000, true, &mut wishes), [Some(1), Some(2)]);
        assert_eq!(given(3_000_000, true, &mut wishes), [Some(2), Some(2)]);
        // Its step up is asked for before the picture of somebody who has none.
        let mut wishes = [Wish { now: None, ..other() }, Wish { now: Some(0), ..signs }];
        divide(200_000, true, &mut wishes);
        assert_eq!(next_step(&wishes), Some(550_000));
    }

    #[test]
    fn more_than_now_needs_a_margin_and_the_permission() {
        let mut wishes = [simulcast(Some(0))];
        assert_eq!(given(520_000, true, &mut wishes), [Some(0)]);
        assert_eq!(given(560_000, true, &mut wishes), [Some(1)]);
        assert_eq!(given(560_000, false, &mut wishes), [Some(0)]);
        // Who had it may keep it.
        assert_eq!(given(520_000, false, &mut [simulcast(Some(1))]), [Some(1)]);
        // Who is new may begin.
        let mut new = [Wish { new: true, ..simulcast(None) }];
        assert_eq!(given(150_000, false, &mut new), [Some(0)]);
        assert_eq!(given(150_000, false, &mut [simulcast(None)]), [None]);
    }

    #[test]
    fn an_encoding_that_does_not_arrive_is_stepped_over() {
        let rates = [None, Some(500_000), None, Some(900_000)];
        let mut wishes = [Wish { rates, now: Some(3), ..Wish::default() }];
        assert_eq!(given(600_000, true, &mut wishes), [Some(1)]);
        assert_eq!(given(900_000, true, &mut wishes), [Some(3)]);
        assert!(!wishes[0].held_back());
    }

    #[test]
    fn the_next_step_is_that_of_whoever_has_nothing() {
        let mut wishes = [simulcast(Some(0)), simulcast(None)];
        divide(200_000, true, &mut wishes);
        assert_eq!(next_step(&wishes), Some(150_000 + 165_000));
        divide(u64::MAX, true, &mut wishes);
        assert_eq!(next_step(&wishes), None);
        let estimate = estimate_for(315_000, 58_000, true);
        assert!((315_000..=315_100).contains(&for_pictures(estimate, 58_000, true)), "{estimate}");
    }

    proptest! {
        #[test]
        fn no_more_than_the_budget_is_spent_and_sound_is_never_touched(
            estimate in 0u64..20_000_000,
            sound in 0u64..2_000_000,
            more: bool,
            tracks in prop::collection::vec(
                (
                    prop::array::uniform4(prop::option::of(0u64..3_000_000)),
                    prop::option::of(0usize..4),
                    any::<bool>(),
                    0u32..2000,
                    prop::option::of(0usize..4),
                ),
                0..12,
            ),
        ) {
            let mut wishes: Vec<Wish> = tracks
                .into_iter()
                .map(|(rates, now, new, size, floor)| Wish { rates, now, new, size, floor, given: None })
                .collect();
            let budget = for_pictures(estimate, sound, true);
            prop_assert!(budget + sound <= estimate || budget == 0);
            let spent = divide(budget, more, &mut wishes);
            prop_assert!(spent <= budget);
            let rates: u64 = wishes.iter().filter_map(|wish| wish.rate(wish.given?)).sum();
            prop_assert!(rates <= spent);
            for wish in &wishes {
                prop_assert!(wish.given.is_none_or(|given| wish.rate(given).is_some()));
            }
            // Whoever got nothing would not have fitted into what is left.
            if more {
                let left = budget - spent;
                for wish in wishes.iter().filter(|wish| wish.given.is_none()) {
                    prop_assert!(wish.next_above(None).is_none_or(|lowest| wish.cost(lowest) > left));
                }
            }
        }
    }
}
