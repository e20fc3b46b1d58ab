//! How often and how long: the waits between the tries of one call.

use crate::outcome::Class;

/// Limits of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Time for one try, its answer read to the end, in milliseconds.
    pub timeout_ms: u32,
    /// Tries after the first.
    pub max_retries: u32,
    /// Time for all tries and the waits between them, in milliseconds.
    pub deadline_ms: u32,
}

impl Default for RetryPolicy {
    /// 10 s per try, 3 retries, 60 s for all.
    fn default() -> Self {
        Self { timeout_ms: 10_000, max_retries: 3, deadline_ms: 60_000 }
    }
}

/// The first wait; each later one is twice as long.
const FIRST_WAIT_MS: u64 = 100;
/// A longer `Retry-After` is the caller's to wait for.
const LONGEST_RETRY_AFTER_MS: u64 = 30_000;

impl RetryPolicy {
    /// The wait before the next try, in milliseconds, or `None` when there is to be none.
    ///
    /// `tries` counts the tries made, `elapsed_ms` the time since the first began, `random` is any number. The wait is
    /// between half of and the whole of 100 ms doubled per try, never less than `retry_after_seconds`; a `Retry-After`
    /// over 30 s, or one that passes the deadline, ends the tries.
    pub fn wait_ms(
        &self,
        class: Class,
        tries: u32,
        retry_after_seconds: Option<u64>,
        elapsed_ms: u64,
        random: u32,
    ) -> Option<u32> {
        if !class.may_retry() || tries > self.max_retries {
            return None;
        }
        let asked = retry_after_seconds.unwrap_or(0).saturating_mul(1000);
        if asked > LONGEST_RETRY_AFTER_MS {
            return None;
        }
        let whole = FIRST_WAIT_MS << tries.saturating_sub(1).min(16);
        let jittered = whole / 2 + u64::from(random) % (whole / 2 + 1);
        let wait = jittered.max(asked);
        if elapsed_ms.saturating_add(wait) >= u64::from(self.deadline_ms) {
            return None;
        }
        u32::try_from(wait).ok()
    }

    /// The time that the next try may take, in milliseconds: [`timeout_ms`](Self::timeout_ms), or what is left until the
    /// deadline if that is less; `None` when nothing is left.
    pub fn try_timeout_ms(&self, elapsed_ms: u64) -> Option<u32> {
        let left = u64::from(self.deadline_ms).checked_sub(elapsed_ms).filter(|&left| left > 0)?;
        Some(u32::try_from(left).map_or(self.timeout_ms, |left| left.min(self.timeout_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::test;

    #[test]
    fn waits_double_with_jitter_between_half_and_whole() {
        let policy = RetryPolicy::default();
        for (tries, whole) in [(1, 100), (2, 200), (3, 400)] {
            let wait = |random| policy.wait_ms(Class::Ambiguous, tries, None, 0, random);
            assert_eq!(wait(0), Some(whole / 2));
            assert_eq!(wait(whole / 2), Some(whole));
            assert_eq!(wait(whole / 2 + 1), Some(whole / 2));
        }
        assert_eq!(policy.wait_ms(Class::Ambiguous, 4, None, 0, 0), None);
    }

    #[test]
    fn only_what_may_be_repeated_is_repeated() {
        let wait = |class| RetryPolicy::default().wait_ms(class, 1, None, 0, 0);
        assert!([Class::Ambiguous, Class::Later, Class::NotReady].into_iter().all(|class| wait(class).is_some()));
        let ends = [Class::Success, Class::Configuration, Class::Rejected, Class::Conflict];
        assert!(ends.into_iter().all(|class| wait(class).is_none()));
    }

    #[test]
    fn retry_after_is_honoured_up_to_30_s_and_the_deadline() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.wait_ms(Class::Later, 1, Some(30), 0, 0), Some(30_000));
        assert_eq!(policy.wait_ms(Class::Later, 1, Some(31), 0, 0), None);
        assert_eq!(policy.wait_ms(Class::Later, 1, Some(u64::MAX), 0, 0), None);
        assert_eq!(policy.wait_ms(Class::Later, 1, Some(30), 30_000, 0), None);
        assert_eq!(policy.wait_ms(Class::Later, 1, Some(0), 0, 0), Some(50));
        assert_eq!(policy.try_timeout_ms(0), Some(10_000));
        assert_eq!(policy.try_timeout_ms(55_000), Some(5_000));
        assert_eq!(policy.try_timeout_ms(60_000), None);
    }
}
