//! The two spellings of a time that the protocol meets, read into Unix seconds.
//!
//! Hand-written because a date library would be a tenth of the whole binary; `tests/time.rs` compares every result with
//! the `time` crate's.

/// Reads an RFC 3339 time such as `2026-11-21T04:31:00.5+01:00`, fractions cut off. `None` when it is no such time.
pub fn from_rfc3339(text: &str) -> Option<i64> {
    let mut rest = text.as_bytes();
    let date = (number(&mut rest, 4)?, one_of(&mut rest, b"-")?, number(&mut rest, 2)?, one_of(&mut rest, b"-")?);
    let day = number(&mut rest, 2)?;
    one_of(&mut rest, b"Tt ")?;
    let local = clock(&mut rest)?;
    if let Some(tail) = rest.strip_prefix(b".") {
        let digits = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        rest = tail.get(digits..)?;
    }
    let offset = match one_of(&mut rest, b"Zz+-")? {
        b'Z' | b'z' => 0,
        sign => {
            let (hours, _, minutes) = (number(&mut rest, 2)?, one_of(&mut rest, b":")?, number(&mut rest, 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 3600 + minutes * 60) * if sign == b'-' { -1 } else { 1 }
        }
    };
    (rest.is_empty()).then_some(days(date.0, date.2, day)? * 86_400 + local - offset)
}

/// Reads an HTTP date in its preferred form, `Sat, 21 Nov 2026 04:31:00 GMT` (RFC 9110 section 5.6.7). The two obsolete
/// forms are not read: nothing that speaks HTTPS sends them.
pub fn from_http_date(text: &str) -> Option<i64> {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let (_weekday, rest) = text.split_once(',')?;
    let mut rest = rest.strip_prefix(' ')?.as_bytes();
    let day = number(&mut rest, 2)?;
    one_of(&mut rest, b" ")?;
    let (name, tail) = rest.split_at_checked(3)?;
    let month = MONTHS.chunks_exact(3).position(|month| month == name)?;
    rest = tail;
    one_of(&mut rest, b" ")?;
    let year = number(&mut rest, 4)?;
    one_of(&mut rest, b" ")?;
    let seconds = clock(&mut rest)?;
    (rest == b" GMT").then_some(days(year, i64::try_from(month).ok()? + 1, day)? * 86_400 + seconds)
}

/// `HH:MM:SS` in seconds; a leap second counts as the next minute's first.
fn clock(rest: &mut &[u8]) -> Option<i64> {
    let hours = number(rest, 2)?;
    one_of(rest, b":")?;
    let minutes = number(rest, 2)?;
    one_of(rest, b":")?;
    let seconds = number(rest, 2)?;
    (hours < 24 && minutes < 60 && seconds <= 60).then_some(hours * 3600 + minutes * 60 + seconds)
}

fn number(rest: &mut &[u8], digits: usize) -> Option<i64> {
    let (head, tail) = rest.split_at_checked(digits)?;
    *rest = tail;
    head.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

fn one_of(rest: &mut &[u8], wanted: &[u8]) -> Option<u8> {
    let (first, tail) = rest.split_first()?;
    *rest = tail;
    wanted.contains(first).then_some(*first)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; `None` when there is no such day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Count years from 1 March, so that the leap day is the last; 146097 days are 400 years.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}
