//! Two drivers over one store with a compare-and-set, and everything that may happen next.

use std::fmt::Debug;
use std::hash::Hash;

use crate::world::{Call, Fate, Reply, Upstream, World, FAULTS};

/// What a machine is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Input {
    Called,
    Again,
    Prepared { attempt: u8, body: u8 },
    Answer { key: u8, reply: Reply },
    Allowed { attempt: u8 },
}

/// What a machine wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Do {
    Prepare { attempt: u8 },
    Send { key: u8, body: u8, after_ms: u32 },
    Unsettled,
    Done(Verdict),
}

/// A settled answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    Value(u8),
    Rejected,
    Configuration,
    Unknown,
    Unusable,
    Lost,
    Internal,
}

/// A machine under test, or a deliberately broken one.
pub(crate) trait Machine {
    type Record: Clone + Eq + Hash + Debug;
    fn start(&self) -> Self::Record;
    fn advance(&self, record: &Self::Record, input: Input, now: u32) -> (Self::Record, Do);
    /// The attempt that an operator who looks now could allow to buy again.
    fn allowable(&self, record: &Self::Record) -> Option<u8>;
    /// Whether the record is one that gives up (lost, rejected).
    fn given_up(&self, record: &Self::Record) -> bool;
    /// Whether what the upstream remembers can still be had, so late.
    fn repeatable(&self, record: &Self::Record, now: u32) -> bool;
    /// How the driver is broken on purpose.
    fn broken_driver(&self) -> BrokenDriver {
        BrokenDriver::No
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BrokenDriver {
    No,
    /// Performs before it persists.
    SendsFirst,
    /// Writes without comparing.
    NoCompare,
    /// Sends however long ago it advanced.
    SendsLate,
    /// Tells an old event to a newer record, and takes its own time for the event's.
    ForgetsTheTime,
}

/// A driver must send within this time of its `advance`, or advance again with `Again`.
pub(crate) const SEND_WITHIN: u32 = relay_edge::purchase::SEND_WITHIN_SECONDS as u32;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Phase<R> {
    Idle,
    Take { input: Input, at: u32 },
    Persist { input: Input, at: u32, record: R, effect: Do, stale: bool },
    Perform { effect: Do, at: u32, durable: bool },
    Waiting { key: u8 },
}

/// A message on its way to the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Message {
    pub key: u8,
    pub body: u8,
    /// The driver that still waits for the answer.
    pub owner: Option<u8>,
}

/// What may still happen: each kind of event so many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    pub calls: u8,
    pub faults: u8,
    /// Answers lost, time-outs, drops, crashes.
    pub losses: u8,
    /// Steps of 1 s, 61 s, 12 h and 24 h.
    pub ticks: [u8; 4],
    pub allows: u8,
    pub rotations: u8,
    pub outages: u8,
}

pub(crate) const TICKS: [u32; 4] = [1, 61, 12 * 3600, 24 * 3600];

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State<R> {
    pub record: R,
    pub drivers: [Phase<R>; 2],
    pub messages: Vec<Message>,
    pub upstream: Upstream,
    pub budget: Budget,
    pub now: u32,
    pub bodies: u8,
    /// The value that a caller was given.
    pub delivered: Option<u8>,
    /// Bit n: an operator allowed to buy again after attempt n.
    pub allowed: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Call(u8),
    Again(u8),
    Allow(u8),
    LoadAndAdvance(u8),
    Persist(u8),
    Perform(u8),
    TimeOut(u8),
    Crash(u8),
    Process { message: u8, fate: Fate, answer_arrives: bool },
    Drop(u8),
    Tick(u8),
    BecomeReady,
    Rotate,
    GoDown,
    Recover,
}

impl<R: Clone + Eq + Hash + Debug> State<R> {
    pub(crate) fn new(record: R, world: World, budget: Budget) -> Self {
        let upstream = Upstream { ready: world.call == Call::Purchase, ..Upstream::default() };
        let drivers = [Phase::Idle, Phase::Idle];
        let (messages, bodies) = (Vec::new(), 0);
        Self { record, drivers, messages, upstream, budget, now: 0, bodies, delivered: None, allowed: 0 }
    }

    /// Whatever may happen next.
    pub(crate) fn actions<M: Machine<Record = R>>(&self, machine: &M, world: World, to: &mut Vec<Action>) {
        to.clear();
        let Budget { calls, faults, losses, ticks, allows, rotations, outages } = self.budget;
        for (at, phase) in (0u8..).zip(&self.drivers) {
            match phase {
                Phase::Idle => {
                    // Two idle drivers are one and the same.
                    if at == 1 && self.drivers[0] == Phase::Idle {
                        continue;
                    }
                    if calls > 0 {
                        to.push(Action::Call(at));
                        to.push(Action::Again(at));
                    }
                    if allows > 0 && machine.allowable(&self.record).is_some() {
                        to.push(Action::Allow(at));
                    }
                    continue;
                }
                Phase::Take { .. } => to.push(Action::LoadAndAdvance(at)),
                Phase::Persist { .. } => to.push(Action::Persist(at)),
                Phase::Perform { effect: Do::Send { after_ms, .. }, at: since, .. } => {
                    if self.now >= since + after_ms.div_ceil(1000) {
                        to.push(Action::Perform(at));
                    }
                }
                Phase::Perform { .. } => to.push(Action::Perform(at)),
                Phase::Waiting { .. } => {
                    if losses > 0 {
                        to.push(Action::TimeOut(at));
                    }
                }
            }
            if losses > 0 {
                to.push(Action::Crash(at));
            }
        }
        for (at, message) in (0u8..).zip(&self.messages) {
            if at > 0 && self.messages[usize::from(at) - 1] == *message {
                continue;
            }
            let fates = FAULTS.iter().copied().filter(|_| faults > 0);
            for fate in
                fates.chain([Fate::Normal]).filter(|fate| self.upstream.can(world, message.key, *fate, self.now))
            {
                to.push(Action::Process { message: at, fate, answer_arrives: true });
                if message.owner.is_some() && losses > 0 {
                    to.push(Action::Process { message: at, fate, answer_arrives: false });
                }
            }
            if losses > 0 {
                to.push(Action::Drop(at));
            }
        }
        to.extend((0u8..).zip(ticks).filter(|(_, left)| *left > 0).map(|(at, _)| Action::Tick(at)));
        if !self.upstream.ready {
            to.push(Action::BecomeReady);
        }
        if rotations > 0 {
            to.push(Action::Rotate);
        }
        if self.upstream.down {
            to.push(Action::Recover);
        } else if outages > 0 {
            to.push(Action::GoDown);
        }
    }
}
