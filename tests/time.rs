//! The hand-written date readers against the `time` crate's.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use relay_edge::time::{from_http_date, from_rfc3339};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn every_time_is_read_as_the_time_crate_reads_it(seconds in -62_135_596_800i64..=253_402_300_799, offset in -1439i32..=1439) {
        let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        prop_assert_eq!(from_rfc3339(&at.format(&Rfc3339).unwrap()), Some(seconds));
        if let Some(there) = UtcOffset::from_whole_seconds(offset * 60).ok().and_then(|offset| at.checked_to_offset(offset)) {
            // The well-known format refuses years that the offset has pushed over the edge.
            if let Ok(text) = there.format(&Rfc3339) {
                prop_assert_eq!(from_rfc3339(&text), Some(seconds));
            }
        }
        let format = format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
        prop_assert_eq!(from_http_date(&at.format(&format).unwrap()), Some(seconds));
    }

    #[test]
    fn what_the_time_crate_refuses_is_refused(text in "[0-9]{4}-[0-9]{2}-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-5][0-9](\\.[0-9]{0,3})?(Z|[+-][0-2][0-9]:[0-6][0-9])") {
        let theirs = OffsetDateTime::parse(&text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp);
        prop_assert_eq!(from_rfc3339(&text), theirs);
    }
}

#[test]
fn near_misses_are_no_times() {
    for text in [
        "",
        "2026",
        "2026-11-21",
        "2026-11-21T04:31:00",
        "2026-11-21T04:31Z",
        "2026-11-21T24:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-21T04:31:00.Z",
        "2026-11-21T04:31:00Zx",
        "2026-11-21T04:31:00+0100",
        "+026-11-21T04:31:00Z",
    ] {
        assert_eq!(from_rfc3339(text), None, "{text:?}");
    }
    assert_eq!(from_rfc3339("2024-02-29t23:59:60.999z"), Some(1_709_251_200));
    for text in [
        "",
        "Sat, 21 Nov 2026 04:31:00",
        "Sat, 21 Nov 2026 04:31:00 UTC",
        "Sat, 21 nov 2026 04:31:00 GMT",
        "21 Nov 2026 04:31:00 GMT",
    ] {
        assert_eq!(from_http_date(text), None, "{text:?}");
    }
}
