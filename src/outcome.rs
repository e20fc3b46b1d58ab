//! The one classifier: what an answer, or none, says about whether the call happened (docs/protocol.md, "Errors").

use crate::api::Response;
use crate::time;

/// The four upstream calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Create a relay: free, anonymous.
    Create,
    /// Get a challenge, by claim type or by relay: free, anonymous.
    Challenge,
    /// Buy a pass: costs money each time it succeeds, under the API key.
    Purchase,
    /// Spend a pass and read the claim: once, anonymous.
    Redemption,
}

impl Call {
    /// The call's name in error texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "creating the relay",
            Self::Challenge => "getting a challenge",
            Self::Purchase => "buying the pass",
            Self::Redemption => "redeeming the pass",
        }
    }
}

/// What an outcome means for a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Done, if the answer parses; [`Class::Ambiguous`] if not.
    Success,
    /// It may have happened: same idempotency key, same bytes, nothing else.
    Ambiguous,
    /// It did not happen: same key, not before `Retry-After`.
    Later,
    /// 403 on redemption: the verification has not completed. Same key for now.
    NotReady,
    /// A setting is wrong: the API key, the base URL. No retry helps.
    Configuration,
    /// It did not happen and will not: surface it.
    Rejected,
    /// 409 on redemption: this pass was spent before.
    Conflict,
}

impl Class {
    /// Whether the same request may be sent again by itself.
    pub fn may_retry(self) -> bool {
        matches!(self, Self::Ambiguous | Self::Later | Self::NotReady)
    }
}

/// Classifies an answer by its status. No answer at all, in whatever way, is [`Class::Ambiguous`].
pub fn classify(call: Call, status: u16) -> Class {
    match (status, call) {
        (200..=299, _) => Class::Success,
        (429 | 425, _) => Class::Later,
        (403, Call::Redemption) => Class::NotReady,
        // [assumed] The documentation does not say which status a double spend has.
        (409, Call::Redemption) => Class::Conflict,
        // 0 is what a browser shows of a redirect that it was told not to follow.
        (0 | 300..=399 | 401, _) | (403, Call::Purchase) => Class::Configuration,
        (400..=499, _) if status != 408 => Class::Rejected,
        _ => Class::Ambiguous,
    }
}

/// How long the upstream asks us to wait, in seconds: `Retry-After` as a number or a date (RFC 9110 section 10.2.3), or,
/// on a 429 without it, `RateLimit-Reset`.
///
/// `now` is in Unix seconds. A date in the past is 0; what is neither number nor date is `None`.
pub fn retry_after_seconds(response: &Response, now: i64) -> Option<u64> {
    let seconds = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    if let Some(text) = response.retry_after.as_deref().map(str::trim) {
        let date = || time::from_http_date(text).map(|at| u64::try_from(at.saturating_sub(now)).unwrap_or(0));
        return seconds(text).or_else(date);
    }
    let reset = response.rate_limit_reset.as_deref().filter(|_| response.status == 429)?;
    seconds(reset.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::test;

    #[test]
    fn every_status_has_one_meaning_per_call() {
        use Class::*;
        for call in [Call::Create, Call::Challenge, Call::Purchase, Call::Redemption] {
            for (status, class) in [
                (200, Success),
                (201, Success),
                (204, Success),
                (302, Configuration),
                (307, Configuration),
                (400, Rejected),
                (401, Configuration),
                (404, Rejected),
                (408, Ambiguous),
                (422, Rejected),
                (425, Later),
                (429, Later),
                (500, Ambiguous),
                (502, Ambiguous),
                (503, Ambiguous),
                (504, Ambiguous),
                (599, Ambiguous),
                (100, Ambiguous),
            ] {
                assert_eq!(classify(call, status), class, "{call:?} {status}");
            }
        }
        assert_eq!(classify(Call::Redemption, 403), NotReady);
        assert_eq!(classify(Call::Purchase, 403), Configuration);
        assert_eq!(classify(Call::Create, 403), Rejected);
        assert_eq!(classify(Call::Redemption, 409), Conflict);
        assert_eq!(classify(Call::Purchase, 409), Rejected);
    }

    #[test]
    fn retry_after_is_a_number_or_a_date() {
        let answer = |status, retry_after: Option<&str>, reset: Option<&str>| {
            let response = Response {
                status,
                retry_after: retry_after.map(Into::into),
                rate_limit_reset: reset.map(Into::into),
                ..Response::default()
            };
            retry_after_seconds(&response, 1_795_235_460)
        };
        assert_eq!(answer(503, Some("120"), None), Some(120));
        assert_eq!(answer(429, Some(" 7 "), Some("9")), Some(7));
        assert_eq!(answer(429, Some("Sat, 21 Nov 2026 04:31:30 GMT"), None), Some(30));
        assert_eq!(answer(429, Some("Fri, 20 Nov 2026 04:31:30 GMT"), None), Some(0));
        assert_eq!(answer(429, None, Some("9")), Some(9));
        assert_eq!(answer(500, None, Some("9")), None);
        assert_eq!(answer(429, Some("soon"), None), None);
        assert_eq!(answer(429, Some("-1"), None), None);
        assert_eq!(answer(429, Some("99999999999999999999999"), None), Some(u64::MAX));
    }
}
