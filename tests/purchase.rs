//! Single steps of the purchase machine that the model checker has no clock or no limit for.
#![allow(clippy::unwrap_used, clippy::panic)]

use relay_edge::purchase::{advance, Effect, Event, Purchase, State, REPEATABLE_SECONDS};
use relay_edge::Error;

const NOW: i64 = 1_800_000_000;

/// A purchase whose send has no answer, made when this machine's clock said `at`.
fn sent(at: i64) -> Purchase {
    let (pending_pass, idempotency_key) = ("p".into(), "k".into());
    advance(Purchase::default(), Event::Prepared { attempt: 0, pending_pass, idempotency_key, now: at }).0
}

#[test]
fn a_first_send_in_the_future_was_at_nobody_knows_what_time() {
    for (ahead, may_send) in [(-REPEATABLE_SECONDS, false), (1 - REPEATABLE_SECONDS, true), (600, true), (601, false)] {
        let (stands, effect) = advance(sent(NOW + ahead), Event::Called { now: NOW });
        assert_eq!(matches!(effect, Effect::Send(_)), may_send, "{ahead}");
        if may_send {
            continue;
        }
        assert_eq!(effect, Effect::Done(Err(Error::PurchaseUnknown { since: NOW })));
        // Nor is it sent when the clock has come as far as the wrong one was.
        let (_, effect) = advance(stands, Event::Called { now: NOW + ahead.abs() });
        assert_eq!(effect, Effect::Done(Err(Error::PurchaseUnknown { since: NOW })), "{ahead}");
    }
}

#[test]
fn one_that_is_unknown_is_not_sent_again_when_a_wrong_clock_is_caught_up_with() {
    let ahead = 2 * 24 * 3600;
    let (mut stands, _) = advance(sent(NOW + ahead), Event::Called { now: NOW + ahead });
    for since in [0, 61] {
        let now = NOW + ahead + since;
        let answer = Err(Error::Timeout);
        stands = advance(stands, Event::Answered { attempt: 0, answer, now }).0;
    }
    let State::Sent(sent) = stands.state else { panic!("it is {stands:?}") };
    let unknown = Purchase { state: State::Unknown { sent, since: NOW + ahead }, ..Purchase::default() };
    let (stands, effect) = advance(unknown, Event::Again { now: NOW });
    assert!(matches!(effect, Effect::Done(Err(Error::PurchaseUnknown { .. }))));
    let (_, effect) = advance(stands, Event::Called { now: NOW + ahead + 1 });
    assert!(matches!(effect, Effect::Done(Err(Error::PurchaseUnknown { .. }))));
}
