//! Long troubles that end: polls by the thousand, outages of hours. Nothing is lost, nothing is bought twice, and it ends soon
//! after the trouble does.

use crate::driver::{Do, Input, Machine, State, Verdict};
use crate::purchase::{self, Buying};
use crate::redemption::{self, Redeeming};
use crate::world::{Call, Fate, Reply, Upstream, World};
use crate::{budget, worlds};

const NOTHING: crate::driver::Budget = budget(0, 0, 0, [0; 4], [0; 3]);

/// One call whose every send meets `fate`.
fn troubled<M: Machine>(state: &mut State<M::Record>, machine: &M, world: World, fate: Fate, mut input: Input) {
    for _ in 0..600 {
        let (record, effect) = machine.advance(&state.record, input, state.now);
        state.record = record;
        input = match effect {
            Do::Prepare { attempt } => {
                state.bodies += 1;
                Input::Prepared { attempt, body: state.bodies - 1 }
            }
            Do::Send { key, body, .. } => {
                assert_eq!(*state.upstream.key(key).body.get_or_insert(body), body);
                let known = state.upstream.keys[usize::from(key)].memory.is_some();
                let fate = if known && matches!(fate, Fate::Before | Fate::After) { Fate::Normal } else { fate };
                Input::Answer { key, reply: state.upstream.process(world, (key, body), fate, state.now) }
            }
            Do::Unsettled | Do::Done(_) => return,
        };
        assert!(!matches!(input, Input::Answer { reply: Reply::Value(_), .. }), "no success in a trouble");
    }
    panic!("one call without an end");
}

/// The calls after the trouble until the first that is settled, and what it says.
fn recovers<M: Machine>(state: &mut State<M::Record>, machine: &M, world: World, wait: u32) -> (u32, Verdict) {
    for call in 1..200 {
        if let Some(verdict) = state.call(machine, world, &mut Vec::new()).unwrap() {
            return (call, verdict);
        }
        state.now += wait;
        state.upstream.forget(state.now);
    }
    panic!("no end: {:?}", state.record);
}

#[test]
fn polling_for_a_day_does_not_spoil_a_redemption() {
    for world in worlds(Call::Redemption) {
        for fate in [Fate::Normal, Fate::Later] {
            let machine = Redeeming { broken: redemption::Broken::No, failing: world.failing };
            let mut state = State::new(machine.start(), world, NOTHING);
            state.upstream = Upstream { ready: fate == Fate::Later, ..Upstream::default() };
            for poll in 0..240 {
                if poll % 5 == 0 {
                    // A crash after the record was written.
                    state.record = machine.advance(&state.record, Input::Called, state.now).0;
                }
                let input = if poll % 3 == 0 { Input::Called } else { Input::Again };
                troubled(&mut state, &machine, world, fate, input);
                state.now += 61;
            }
            state.upstream.ready = true;
            let (calls, verdict) = recovers(&mut state, &machine, world, 61);
            println!("{world:?}: 240 polls of {fate:?}, then {verdict:?} at call {calls}");
            assert!(calls <= 2 && matches!(verdict, Verdict::Value(_)));
        }
    }
}

#[test]
fn an_outage_of_any_length_delays_a_redemption_by_no_more_than_itself() {
    for world in worlds(Call::Redemption) {
        for (minutes, fate) in [5, 60, 600, 3000].into_iter().flat_map(|m| [(m, Fate::Front), (m, Fate::Before)]) {
            let machine = Redeeming { broken: redemption::Broken::No, failing: world.failing };
            let mut state = State::new(machine.start(), world, NOTHING);
            state.upstream.ready = true;
            for _ in 0..minutes {
                state.upstream.down = true;
                troubled(&mut state, &machine, world, fate, Input::Called);
                state.now += 61;
                state.upstream.forget(state.now);
            }
            state.upstream.down = false;
            let from = state.now;
            let mut verdict = None;
            while verdict.is_none() {
                verdict = state.call(&machine, world, &mut Vec::new()).unwrap();
                state.now += 61;
                state.upstream.forget(state.now);
            }
            let (after, keys) = ((state.now - from) / 60, state.upstream.keys.len());
            println!("{world:?}: {minutes} min of {fate:?}, then {verdict:?} after {after} min, {keys} keys");
            assert!(matches!(verdict, Some(Verdict::Value(_))) && after <= minutes.min(64) + 3);
        }
    }
}

#[test]
fn a_claim_that_was_spent_in_an_outage_is_delivered_after_it() {
    for minutes in [2, 60, 1300] {
        let world = World { call: Call::Redemption, keeps_failures: false, failing: false };
        let machine = Redeeming { broken: redemption::Broken::No, failing: false };
        let mut state = State::new(machine.start(), world, NOTHING);
        state.upstream.ready = true;
        troubled(&mut state, &machine, world, Fate::After, Input::Called);
        for _ in 0..minutes {
            state.now += 61;
            troubled(&mut state, &machine, world, Fate::Front, Input::Called);
        }
        assert_eq!(recovers(&mut state, &machine, world, 61), (1, Verdict::Value(0)), "after {minutes} min");
    }
}

#[test]
fn an_unknown_purchase_heals_by_itself_while_its_key_is_remembered() {
    for (minutes, heals) in [(5, true), (60, true), (1300, true), (1500, false)] {
        for world in worlds(Call::Purchase) {
            for first in [Fate::Front, Fate::After] {
                let machine = Buying(purchase::Broken::No);
                let mut state = State::new(machine.start(), world, NOTHING);
                troubled(&mut state, &machine, world, first, Input::Called);
                for _ in 0..minutes {
                    state.now += 61;
                    state.upstream.forget(state.now);
                    troubled(&mut state, &machine, world, Fate::Front, Input::Again);
                }
                let kept = world.keeps_failures && first == Fate::After;
                let expected = if heals && !kept { Verdict::Value(0) } else { Verdict::Unknown };
                assert_eq!(recovers(&mut state, &machine, world, 61).1, expected, "{world:?} {minutes} min {first:?}");
                assert!(state.upstream.billed() <= 1);
            }
        }
    }
}
