//! From any state, with everything volatile gone: does a live upstream bring it to its end, and to the right one?

use std::fmt::Debug;
use std::hash::{Hash, Hasher};

use crate::driver::{Do, Input, Machine, State, Verdict};
use crate::step::{hasher, Checked};
use crate::world::{Fate, World};

/// So many calls bring every state to its end.
const CALLS: u32 = 80;

/// The wait before a call: a minute at first, then an hour, then a day.
fn wait(call: u32) -> u32 {
    match call {
        0 => 0,
        1..=20 => 61,
        21..=44 => 3600,
        _ => 24 * 3600,
    }
}

impl<R: Clone + Eq + Hash + Debug> State<R> {
    /// What the check depends on.
    pub(crate) fn durable(&self) -> u64 {
        let mut hasher = hasher();
        let messages: Vec<_> = self.messages.iter().map(|message| (message.key, message.body)).collect();
        (&self.record, &self.upstream, self.now, self.bodies, messages).hash(&mut hasher);
        (self.delivered, self.allowed).hash(&mut hasher);
        hasher.finish()
    }

    /// Checks it, with what is on its way arriving, and with it being lost.
    pub(crate) fn ends_well<M: Machine<Record = R>>(&self, machine: &M, world: World) -> Checked {
        self.continued(machine, world, false).map_err(|error| format!("all on its way lost, then: {error}"))?;
        if self.messages.is_empty() {
            return Ok(());
        }
        self.continued(machine, world, true).map_err(|error| format!("all on its way processed, then: {error}"))
    }

    fn continued<M: Machine<Record = R>>(&self, machine: &M, world: World, arrive: bool) -> Checked {
        let mut state = self.clone();
        (state.upstream.ready, state.upstream.down) = (true, false);
        for message in std::mem::take(&mut state.messages).into_iter().filter(|_| arrive) {
            state.upstream.process(world, (message.key, message.body), Fate::Normal, state.now);
        }
        state.holds(machine, world)?;
        let owed = if machine.repeatable(&state.record, state.now) { state.owed() } else { Vec::new() };
        let mut told = Vec::new();
        for call in 0..CALLS {
            state.now += wait(call);
            state.upstream.forget(state.now);
            let Some(verdict) = state.call(machine, world, &mut told)? else { continue };
            let delivers = matches!(verdict, Verdict::Value(_));
            if !delivers && !owed.is_empty() {
                return Err(format!("{owed:?} is remembered, and the answer is {verdict:?}: {told:?}"));
            }
            if !delivers && world.must_succeed(&state.upstream) {
                return Err(format!("nothing stands in the way, and the answer is {verdict:?}: {told:?}"));
            }
            let Verdict::Value(value) = verdict else { return Ok(()) };
            if self.delivered.is_some_and(|before| before != value) {
                return Err(format!("{:?} was delivered before {value}", self.delivered));
            }
            let again = state.call(machine, world, &mut told)?;
            return if again == Some(verdict) { Ok(()) } else { Err(format!("{verdict:?}, then {again:?}")) };
        }
        Err(format!("no end after {CALLS} calls: {told:?} {:?}", state.record))
    }

    /// One call of one driver, alone, until it is settled or to be called again.
    pub(crate) fn call<M: Machine<Record = R>>(
        &mut self,
        machine: &M,
        world: World,
        told: &mut Vec<(u32, Input, Do)>,
    ) -> Result<Option<Verdict>, String> {
        let mut input = Input::Called;
        for _ in 0..600 {
            let (record, effect) = machine.advance(&self.record, input, self.now);
            self.record = record;
            told.push((self.now, input, effect));
            input = match effect {
                Do::Prepare { attempt } => {
                    self.bodies += 1;
                    Input::Prepared { attempt, body: self.bodies - 1 }
                }
                Do::Send { key, body, after_ms } => {
                    self.now += after_ms.div_ceil(1000);
                    let first = *self.upstream.key(key).body.get_or_insert(body);
                    if first != body {
                        return Err(format!("bodies {first} and {body} under key {key}: {told:?}"));
                    }
                    let reply = self.upstream.process(world, (key, body), Fate::Normal, self.now);
                    Input::Answer { key, reply }
                }
                Do::Unsettled => return Ok(None),
                Do::Done(Verdict::Internal) => return Err(format!("a fault of ours: {told:?}")),
                Do::Done(verdict) => return Ok(Some(verdict)),
            };
            self.holds(machine, world)?;
        }
        Err(format!("one call without an end: {told:?}"))
    }
}
