//! Every reachable state, breadth first, and random schedules; a violation comes with the schedule that leads to it.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Instant;

use crate::driver::{Action, Budget, Machine, State};
use crate::world::World;

/// A fingerprint is a hash already.
#[derive(Default)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

type Seen = HashSet<u64, BuildHasherDefault<Same>>;

/// What was explored.
#[derive(Debug, Default)]
pub(crate) struct Explored {
    pub states: u64,
    pub transitions: u64,
    pub depth: u32,
}

/// Visits every state that `budget` lets happen.
pub(crate) fn exhaustively<M: Machine>(machine: &M, world: World, budget: Budget) -> Result<Explored, String> {
    let started = Instant::now();
    let start = State::new(machine.start(), world, budget);
    let (mut seen, mut ended, mut came_by) = (Seen::default(), Seen::default(), vec![(0u32, None)]);
    seen.insert(start.fingerprint());
    let (mut frontier, mut explored, mut actions) = (vec![(start, 0u32)], Explored::default(), Vec::new());
    while !frontier.is_empty() {
        let mut next = Vec::new();
        for (state, number) in frontier.drain(..) {
            state.actions(machine, world, &mut actions);
            for action in actions.iter().copied() {
                let mut after = state.clone();
                explored.transitions += 1;
                let checked = after.apply(machine, world, action);
                let fresh = checked.is_err() || seen.insert(after.fingerprint());
                if !fresh {
                    continue;
                }
                let checked = checked.and_then(|()| {
                    let known = !ended.insert(after.durable());
                    if known {
                        Ok(())
                    } else {
                        after.ends_well(machine, world)
                    }
                });
                came_by.push((number, Some(action)));
                let reached = u32::try_from(came_by.len() - 1).map_err(|_| "too many states")?;
                if let Err(violation) = checked {
                    return Err(told(violation, &schedule(&came_by, reached), &after));
                }
                next.push((after, reached));
            }
        }
        explored.depth += u32::from(!next.is_empty());
        frontier = next;
    }
    explored.states = came_by.len() as u64;
    let Explored { states, transitions, depth } = explored;
    let (ends, seconds) = (ended.len(), started.elapsed().as_secs_f32());
    println!("{world:?}: explored {states} states, {transitions} transitions, depth {depth}; {ends} endings ({seconds:.1} s)");
    Ok(explored)
}

fn schedule(came_by: &[(u32, Option<Action>)], mut at: u32) -> Vec<Action> {
    let mut actions = Vec::new();
    while let Some((before, Some(action))) = came_by.get(at as usize) {
        actions.push(*action);
        at = *before;
    }
    actions.reverse();
    actions
}

fn told<R: Debug>(violation: String, schedule: &[Action], state: &State<R>) -> String {
    let lines: Vec<_> = schedule.iter().map(|action| format!("  {action:?}")).collect();
    format!("{violation}\nafter\n{}\nin {state:#?}", lines.join("\n"))
}

/// SplitMix64: a schedule is replayed by its seed.
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap_or(0)
    }
}

/// One schedule, of at most `steps` actions.
pub(crate) fn randomly<M: Machine>(
    machine: &M,
    world: World,
    budget: Budget,
    seed: u64,
    steps: u32,
) -> Result<u32, String> {
    let mut random = Random(seed);
    let mut state = State::new(machine.start(), world, budget);
    let (mut actions, mut done) = (Vec::new(), Vec::new());
    for _ in 0..steps {
        state.actions(machine, world, &mut actions);
        // What the environment does by itself is rarer than what the drivers do.
        let rare =
            |action: &Action| matches!(action, Action::Tick(_) | Action::Crash(_) | Action::GoDown | Action::Rotate);
        let Some(mut action) = (!actions.is_empty()).then(|| actions[random.below(actions.len())]) else { break };
        if rare(&action) && random.below(3) > 0 {
            action = actions[random.below(actions.len())];
        }
        done.push(action);
        state.apply(machine, world, action).map_err(|violation| told(violation, &done, &state))?;
    }
    state.ends_well(machine, world).map_err(|violation| told(violation, &done, &state))?;
    u32::try_from(done.len()).map_err(|error| error.to_string())
}
