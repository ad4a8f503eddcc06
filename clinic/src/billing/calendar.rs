//! Night, Sunday and public holiday at the place of the act: hints for surcharges, never a price.

use jiff::civil::{Date, DateTime, Weekday};

/// Between 20:00 and 08:00.
pub fn is_night(local: DateTime) -> bool {
    local.hour() >= 20 || local.hour() < 8
}

pub fn is_sunday(local: DateTime) -> bool {
    local.date().weekday() == Weekday::Sunday
}

/// The eleven public holidays of the labour code (art. L3133-1); those of Alsace-Moselle and overseas are not known here.
pub fn is_holiday(date: Date) -> bool {
    let fixed = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];
    if fixed.contains(&(date.month(), date.day())) {
        return true;
    }
    let Some(easter) = easter(date.year()) else { return false };
    // Easter Monday, Ascension, Whit Monday.
    let days = date.day_of_year() - easter.day_of_year();
    [1, 39, 50].contains(&days)
}

/// Easter Sunday of the Gregorian calendar (Meeus, "Astronomical Algorithms", chapter 8).
fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (b - (b + 8) / 25 + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    let month = i8::try_from(n / 31).ok()?;
    let day = i8::try_from(n % 31 + 1).ok()?;
    Date::new(year, month, day).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn moving_holidays_follow_easter() {
        for holiday in [
            date(2026, 4, 6),
            date(2026, 5, 14),
            date(2026, 5, 25),
            date(2024, 4, 1),
            date(2024, 5, 9),
            date(2024, 5, 20),
            date(2026, 12, 25),
        ] {
            assert!(is_holiday(holiday), "{holiday}");
        }
        assert!(!is_holiday(date(2026, 4, 5)) && !is_holiday(date(2026, 12, 3)));
        assert!(is_sunday(date(2026, 4, 5).at(12, 0, 0, 0)));
    }

    #[test]
    fn the_night_begins_at_eight_and_ends_at_eight() {
        let at = |hour, minute| is_night(date(2026, 12, 3).at(hour, minute, 0, 0));
        assert!(at(20, 0) && at(23, 59) && at(0, 0) && at(7, 59));
        assert!(!at(8, 0) && !at(19, 59));
    }
}
