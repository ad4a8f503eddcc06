//! Appointment slots: a civil time in a zone that a person chose, and the instants it means.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// Minutes.
pub const DURATION_MIN: u32 = 5;
pub const DURATION_MAX: u32 = 240;
/// How far ahead.
pub const DAYS_AHEAD_MAX: i64 = 400;
/// A start this long ago still counts as now.
pub const PAST_TOLERATED: SignedDuration = SignedDuration::from_mins(5);

/// Which of two readings of a time that the autumn change makes happen twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Summer time.
    Earlier,
    /// Winter time.
    Later,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    #[error("the time zone is unknown")]
    Zone,
    /// `slot-in-past`.
    #[error("the start is past")]
    Past,
    #[error("the start is too far ahead")]
    TooFar,
    #[error("the duration is not between 5 and 240 minutes")]
    Duration,
    /// `slot-nonexistent-local-time`: skipped by the spring change; the first time after it.
    #[error("this time does not exist on that day")]
    Nonexistent { next: DateTime },
    /// Happens twice: it has to be said which.
    #[error("this time happens twice on that day")]
    Ambiguous,
}

/// The instants of a slot. `fold` is needed only for the hour that happens twice.
pub fn resolve(
    now: Timestamp,
    start: DateTime,
    minutes: u32,
    zone: &str,
    fold: Option<Fold>,
) -> Result<(Timestamp, Timestamp), SlotError> {
    let zone = TimeZone::get(zone).map_err(|_| SlotError::Zone)?;
    if !(DURATION_MIN..=DURATION_MAX).contains(&minutes) {
        return Err(SlotError::Duration);
    }
    let ambiguous = zone.to_ambiguous_timestamp(start);
    let start = match (ambiguous.offset(), fold) {
        (AmbiguousOffset::Unambiguous { .. }, _) => ambiguous.unambiguous(),
        (AmbiguousOffset::Gap { before, after }, _) => {
            // The change happens where the old offset's time meets the new one: skip ahead by the hole.
            let hole = after.seconds().saturating_sub(before.seconds());
            let at = before.to_timestamp(start).map_err(|_| SlotError::TooFar)?;
            let change = zone.preceding(at.saturating_add(SignedDuration::from_secs(1)).unwrap_or(at)).next();
            let next = change.map_or(at, |change| change.timestamp());
            debug_assert!(hole > 0);
            return Err(SlotError::Nonexistent { next: zone.to_datetime(next) });
        }
        (AmbiguousOffset::Fold { .. }, None) => return Err(SlotError::Ambiguous),
        (AmbiguousOffset::Fold { .. }, Some(Fold::Earlier)) => ambiguous.earlier(),
        (AmbiguousOffset::Fold { .. }, Some(Fold::Later)) => ambiguous.later(),
    }
    .map_err(|_| SlotError::TooFar)?;
    check(now, start)?;
    let end =
        start.saturating_add(SignedDuration::from_mins(minutes.into())).map_err(|_| SlotError::TooFar)?;
    Ok((start, end))
}

fn check(now: Timestamp, start: Timestamp) -> Result<(), SlotError> {
    let ahead = start.duration_since(now);
    if ahead < -PAST_TOLERATED {
        return Err(SlotError::Past);
    }
    if ahead > SignedDuration::from_hours(24 * DAYS_AHEAD_MAX) {
        return Err(SlotError::TooFar);
    }
    Ok(())
}

/// Amounts in euro cents that may be asked for.
pub const AMOUNT_CENTS_MIN: u32 = 100;
pub const AMOUNT_CENTS_MAX: u32 = 100_000;

/// Reads `25`, `25,00` or `25.5` as cents. `None` for anything else, or out of bounds.
pub fn amount_cents(text: &str) -> Option<u32> {
    let text = text.trim().trim_end_matches('€').trim_end();
    let (euros, cents) = text.split_once([',', '.']).unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if euros.is_empty() || euros.len() > 5 || cents.len() > 2 || !digits(euros) || !digits(cents) {
        return None;
    }
    let amount = euros.parse::<u32>().ok()? * 100 + format!("{cents:0<2}").parse::<u32>().ok()?;
    (AMOUNT_CENTS_MIN..=AMOUNT_CENTS_MAX).contains(&amount).then_some(amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn paris(start: &str, fold: Option<Fold>) -> Result<(Timestamp, Timestamp), SlotError> {
        resolve(at("2026-03-01T12:00:00Z"), start.parse().unwrap(), 20, "Europe/Paris", fold)
    }

    #[test]
    fn a_civil_time_means_an_instant_of_its_zone() {
        let winter = paris("2026-03-03T14:30", None).unwrap();
        assert_eq!(winter, (at("2026-03-03T13:30:00Z"), at("2026-03-03T13:50:00Z")));
        assert_eq!(paris("2026-07-03T14:30", None).unwrap().0, at("2026-07-03T12:30:00Z"));
        let reunion = resolve(
            at("2026-03-01T12:00:00Z"),
            "2026-03-03T14:30".parse().unwrap(),
            20,
            "Indian/Reunion",
            None,
        );
        assert_eq!(reunion.unwrap().0, at("2026-03-03T10:30:00Z"));
    }

    #[test]
    fn the_hour_that_spring_skips_is_refused_with_the_first_time_after_it() {
        let refused = paris("2026-03-29T02:30", None);
        assert_eq!(refused, Err(SlotError::Nonexistent { next: "2026-03-29T03:00".parse().unwrap() }));
    }

    #[test]
    fn the_hour_that_autumn_repeats_asks_which_one() {
        assert_eq!(paris("2026-10-25T02:30", None), Err(SlotError::Ambiguous));
        assert_eq!(paris("2026-10-25T02:30", Some(Fold::Earlier)).unwrap().0, at("2026-10-25T00:30:00Z"));
        assert_eq!(paris("2026-10-25T02:30", Some(Fold::Later)).unwrap().0, at("2026-10-25T01:30:00Z"));
    }

    #[test]
    fn starts_and_durations_have_bounds() {
        let resolve = |start: &str, minutes, zone| {
            resolve(at("2026-03-01T12:00:00Z"), start.parse().unwrap(), minutes, zone, None).err()
        };
        assert_eq!(resolve("2026-03-01T12:55", 20, "Europe/Paris"), None);
        assert_eq!(resolve("2026-03-01T12:54", 20, "Europe/Paris"), Some(SlotError::Past));
        assert_eq!(resolve("2027-04-10T12:00", 20, "Europe/Paris"), Some(SlotError::TooFar));
        assert_eq!(resolve("2026-03-02T12:00", 4, "Europe/Paris"), Some(SlotError::Duration));
        assert_eq!(resolve("2026-03-02T12:00", 241, "Europe/Paris"), Some(SlotError::Duration));
        assert_eq!(resolve("2026-03-02T12:00", 20, "Europe/Parys"), Some(SlotError::Zone));
    }

    #[test]
    fn amounts_are_read_with_comma_or_point_and_stay_in_bounds() {
        for (text, cents) in [("25", 2500), ("25,00", 2500), ("26.5 €", 2650), ("1", 100), ("1000", 100_000)]
        {
            assert_eq!(amount_cents(text), Some(cents), "{text}");
        }
        for text in ["", "0,99", "1000,01", "-5", "25,001", "25,", "1e3", "vingt", "123456"] {
            let expected = (text == "25,").then_some(2500);
            assert_eq!(amount_cents(text), expected, "{text}");
        }
    }
}
