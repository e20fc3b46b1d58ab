//! What each action does, and what must hold after it.

use std::fmt::Debug;
use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::quality::FixedState;

use crate::driver::{Action, BrokenDriver, Do, Input, Machine, Message, Phase, State, Verdict, SEND_WITHIN, TICKS};
use crate::world::{Call, Fate, Reply, World};

/// What was violated.
pub(crate) type Checked = Result<(), String>;

impl<R: Clone + Eq + Hash + Debug> State<R> {
    /// Does one action.
    pub(crate) fn apply<M: Machine<Record = R>>(&mut self, machine: &M, world: World, action: Action) -> Checked {
        match action {
            Action::Call(driver) => {
                self.budget.calls -= 1;
                self.take(machine, driver, Input::Called, self.now)?;
            }
            // In the same run after a wait, or by an alarm.
            Action::Again(driver) => {
                self.budget.calls -= 1;
                self.take(machine, driver, Input::Again, self.now)?;
            }
            Action::Allow(driver) => {
                self.budget.allows -= 1;
                let attempt = machine.allowable(&self.record).unwrap_or(0);
                self.allowed |= 1 << attempt;
                *self.phase(driver) = Phase::Take { input: Input::Allowed { attempt }, at: self.now };
            }
            Action::LoadAndAdvance(driver) => {
                if let Phase::Take { input, at } = *self.phase(driver) {
                    self.take(machine, driver, input, at)?;
                }
            }
            Action::Persist(driver) => self.persist(machine, driver),
            Action::Perform(driver) => self.perform(machine, world, driver)?,
            Action::TimeOut(driver) => {
                self.budget.losses -= 1;
                self.disown(driver);
                if let Phase::Waiting { key } = *self.phase(driver) {
                    let input = Input::Answer { key, reply: Reply::Nothing };
                    *self.phase(driver) = Phase::Take { input, at: self.now };
                }
            }
            Action::Crash(driver) => {
                self.budget.losses -= 1;
                self.disown(driver);
                *self.phase(driver) = Phase::Idle;
            }
            Action::Process { message, fate, answer_arrives } => {
                self.budget.losses -= u8::from(!answer_arrives);
                self.budget.faults -= u8::from(fate != Fate::Normal);
                let Message { key, body, owner } = self.messages.remove(usize::from(message));
                let reply = self.upstream.process(world, (key, body), fate, self.now);
                if let Some(driver) = owner.filter(|_| answer_arrives) {
                    let input = Input::Answer { key, reply };
                    *self.phase(driver) = Phase::Take { input, at: self.now };
                }
            }
            Action::Drop(message) => {
                self.budget.losses -= 1;
                self.messages.remove(usize::from(message));
            }
            Action::Tick(step) => {
                self.budget.ticks[usize::from(step)] -= 1;
                let seconds = TICKS[usize::from(step)];
                self.now += seconds;
                self.upstream.forget(self.now);
                if seconds >= TICKS[2] {
                    self.messages.clear();
                }
            }
            Action::BecomeReady => self.upstream.ready = true,
            Action::Rotate => {
                self.budget.rotations -= 1;
                self.upstream.refused_below = if world.call == Call::Purchase { self.bodies } else { 1 };
            }
            Action::GoDown => {
                self.budget.outages -= 1;
                self.upstream.down = true;
            }
            Action::Recover => self.upstream.down = false,
        }
        self.holds(machine, world)
    }

    fn phase(&mut self, driver: u8) -> &mut Phase<R> {
        &mut self.drivers[usize::from(driver)]
    }

    fn disown(&mut self, driver: u8) {
        for message in &mut self.messages {
            message.owner = message.owner.filter(|owner| *owner != driver);
        }
        self.messages.sort();
    }

    /// Loads the record and advances it. The event keeps its time, also when it is told again to a newer record.
    fn take<M: Machine<Record = R>>(&mut self, machine: &M, driver: u8, input: Input, at: u32) -> Checked {
        let (record, effect) = machine.advance(&self.record, input, at);
        if effect == Do::Done(Verdict::Internal) {
            return Err(format!("a fault of ours is the answer to {input:?}"));
        }
        if let Some(value) = self.delivered {
            let (same, _) = machine.advance(&record, Input::Called, at);
            let settled = effect == Do::Done(Verdict::Value(value)) || matches!(input, Input::Allowed { .. });
            if same != record || !settled || matches!(effect, Do::Send { .. } | Do::Prepare { .. }) {
                return Err(format!("{value} was delivered, and {input:?} gives {effect:?}"));
            }
        }
        let perform_at = if machine.broken_driver() == BrokenDriver::ForgetsTheTime { self.now } else { at };
        let sends_first = machine.broken_driver() == BrokenDriver::SendsFirst && matches!(effect, Do::Send { .. });
        *self.phase(driver) = if record == self.record || sends_first {
            Phase::Perform { effect, at: perform_at, durable: !sends_first }
        } else {
            Phase::Persist { input, at, record, effect, stale: false }
        };
        Ok(())
    }

    fn persist<M: Machine<Record = R>>(&mut self, machine: &M, driver: u8) {
        let Phase::Persist { input, at, record, effect, stale } = self.phase(driver).clone() else { return };
        if stale && machine.broken_driver() != BrokenDriver::NoCompare {
            *self.phase(driver) = Phase::Take { input, at };
            return;
        }
        self.record = record;
        let at = if machine.broken_driver() == BrokenDriver::ForgetsTheTime { self.now } else { at };
        *self.phase(driver) = Phase::Perform { effect, at, durable: true };
        for phase in &mut self.drivers {
            if let Phase::Persist { stale, .. } = phase {
                *stale = true;
            }
        }
    }

    fn perform<M: Machine<Record = R>>(&mut self, machine: &M, _: World, driver: u8) -> Checked {
        let Phase::Perform { effect, at, durable } = *self.phase(driver) else { return Ok(()) };
        match effect {
            Do::Send { .. } if self.now > at + SEND_WITHIN && machine.broken_driver() != BrokenDriver::SendsLate => {
                *self.phase(driver) = Phase::Take { input: Input::Again, at: self.now };
            }
            Do::Send { key, body, .. } => {
                if !durable {
                    return Err(format!("sent under key {key} what is not durable"));
                }
                let first = *self.upstream.key(key).body.get_or_insert(body);
                if first != body {
                    return Err(format!("bodies {first} and {body} under key {key}"));
                }
                self.messages.push(Message { key, body, owner: Some(driver) });
                self.messages.sort();
                *self.phase(driver) = Phase::Waiting { key };
            }
            Do::Prepare { attempt } => {
                let body = self.bodies;
                self.bodies += 1;
                *self.phase(driver) = Phase::Take { input: Input::Prepared { attempt, body }, at: self.now };
            }
            Do::Unsettled => *self.phase(driver) = Phase::Idle,
            Do::Done(verdict) => {
                if let Verdict::Value(value) = verdict {
                    self.delivered = Some(value);
                }
                *self.phase(driver) = Phase::Idle;
            }
        }
        Ok(())
    }

    /// What a caller must still get: the values that the upstream remembers under keys that nobody has given up.
    pub(crate) fn owed(&self) -> Vec<u8> {
        let given_up = |key: u8| self.allowed >> key & 1 == 1;
        self.upstream.remembered().filter(|(key, _)| !given_up(*key)).map(|(_, value)| value).collect()
    }

    /// The invariants of every state.
    pub(crate) fn holds<M: Machine<Record = R>>(&self, machine: &M, world: World) -> Checked {
        if let Some(key) = self.upstream.keys.iter().position(|key| key.billed > 1) {
            return Err(format!("billed twice under key {key}"));
        }
        let allowed = u32::from(self.upstream.billed()) <= 1 + self.allowed.count_ones();
        if !allowed {
            return Err(format!("billed {} times, allowed {:b}", self.upstream.billed(), self.allowed));
        }
        if machine.given_up(&self.record) && !self.owed().is_empty() {
            return Err(format!("given up, and the upstream still has {:?} ({world:?})", self.owed()));
        }
        Ok(())
    }

    /// A number that two states share when they are the same but for the drivers' names.
    pub(crate) fn fingerprint(&self) -> u64 {
        let [first, second] = &self.drivers;
        let [straight, crossed] = [(first, second, 0), (second, first, 1)].map(|(first, second, other)| {
            let mut hasher = hasher();
            (first, second, &self.record, &self.upstream, &self.budget, self.now, self.bodies).hash(&mut hasher);
            (self.delivered, self.allowed).hash(&mut hasher);
            let renamed = |message: &Message| (message.key, message.body, message.owner.map(|owner| owner ^ other));
            let mut messages: Vec<_> = self.messages.iter().map(renamed).collect();
            messages.sort_unstable();
            messages.hash(&mut hasher);
            hasher.finish()
        });
        straight.min(crossed)
    }
}

/// For fingerprints: the same number in every run. With SipHash the checker takes 1.4 times as long.
pub(crate) fn hasher() -> impl Hasher {
    FixedState::with_seed(0).build_hasher()
}
