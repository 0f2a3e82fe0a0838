//! The dates of HTTP headers (RFC 9110, section 5.6.7), for telling how far one is from another.

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads a date of any of the three forms: `Sun, 06 Nov 1994 08:49:37 GMT`,
/// `Sunday, 06-Nov-94 08:49:37 GMT`, `Sun Nov  6 08:49:37 1994`; returns its seconds since 1970.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let words: Vec<&str> = text.split([' ', ',', '-']).filter(|word| !word.is_empty()).collect();
    let (day, month, year, time) = match words[..] {
        [_, day, month, year, time, "GMT"] | [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let month = MONTHS.iter().position(|known| known.eq_ignore_ascii_case(month))? as u64;
    // Two digits are of this century: nothing that is dialled is older.
    let year = number(year, 9_999)?;
    let year = if year < 100 { 2_000 + year } else { year };
    Some((days(year, month)? + number(day, 31)?.checked_sub(1)?) * 86_400 + of_day(time)?)
}

fn number(text: &str, most: u64) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number <= most)
}

fn of_day(time: &str) -> Option<u64> {
    let parts: Vec<&str> = time.split(':').collect();
    let [hours, minutes, seconds] = parts[..] else { return None };
    // The 60th is a leap second.
    Some(number(hours, 23)? * 3_600 + number(minutes, 59)? * 60 + number(seconds, 60)?)
}

/// Returns the days between 1970 and the first of a month, which counts from 0.
fn days(year: u64, month: u64) -> Option<u64> {
    // Years begin in March here, so that the leap day is a year's last.
    let (year, month) = if month < 2 { (year.checked_sub(1)?, month + 10) } else { (year, month - 2) };
    let leap_days = year / 4 - year / 100 + year / 400;
    // From March on, months of 31, 30, 31, 30, 31 days repeat. The rest are the days before March 1970.
    (year * 365 + leap_days + (month * 153 + 2) / 5).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_forms_are_read() {
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(seconds("Sun Nov  6 08:49:37 1994"), Some(784_111_777));
        assert_eq!(seconds("Tuesday, 29-Feb-28 23:59:60 GMT"), Some(1_835_481_600));
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds("Fri, 31 Dec 9999 23:59:59 GMT"), Some(253_402_300_799));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "soon",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
            "Sun, 06 Now 1994 08:49:37 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[A-Za-z0-9:, -]{0,40}") {
            let _ = seconds(&text);
        }
    }
}
