//! Model checking of the purchase and the redemption: every interleaving of two drivers over one store, every fate of a
//! message, crashes anywhere, up to a stated number of each; then random schedules with more of everything.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod benign;
mod broken;
mod driver;
mod errors;
mod explore;
mod long;
mod purchase;
mod redemption;
mod step;
mod world;

use driver::{Budget, Machine};
use purchase::Buying;
use redemption::Redeeming;
use world::{Call, World};

fn worlds(call: Call) -> Vec<World> {
    let failing: &[bool] = if call == Call::Purchase { &[false] } else { &[false, true] };
    let both = [false, true].into_iter();
    both.flat_map(|keeps_failures| failing.iter().map(move |&failing| World { call, keeps_failures, failing }))
        .collect()
}

const fn budget(calls: u8, faults: u8, losses: u8, ticks: [u8; 4], [allows, rotations, outages]: [u8; 3]) -> Budget {
    Budget { calls, faults, losses, ticks, allows, rotations, outages }
}

fn explored<M: Machine>(machine: &M, world: World, budgets: &[Budget]) {
    for budget in budgets {
        if let Err(violation) = explore::exhaustively(machine, world, *budget) {
            panic!("{world:?} {budget:?}: {violation}");
        }
    }
}

const PURCHASE: &[Budget] = &[
    budget(3, 2, 1, [0, 1, 0, 0], [0, 1, 0]),
    budget(3, 1, 2, [0, 0, 0, 1], [1, 0, 0]),
    budget(4, 1, 1, [0, 0, 0, 1], [2, 0, 0]),
    budget(3, 0, 1, [0, 2, 0, 0], [1, 0, 1]),
];

const REDEMPTION: &[Budget] = &[
    budget(3, 2, 2, [0, 1, 0, 0], [0, 0, 0]),
    budget(4, 3, 1, [0, 1, 0, 0], [0, 0, 0]),
    budget(3, 1, 2, [0, 0, 0, 1], [0, 1, 0]),
    budget(3, 5, 2, [2, 0, 0, 0], [0, 0, 0]),
    budget(3, 0, 1, [0, 2, 0, 0], [0, 0, 1]),
];

#[test]
fn every_schedule_of_a_purchase() {
    for world in worlds(Call::Purchase) {
        explored(&Buying(purchase::Broken::No), world, PURCHASE);
    }
}

#[test]
fn every_schedule_of_a_redemption() {
    for world in worlds(Call::Redemption).into_iter().filter(|world| !world.failing) {
        explored(&Redeeming { broken: redemption::Broken::No, failing: false }, world, REDEMPTION);
    }
}

#[test]
fn every_schedule_of_a_redemption_whose_claim_fails() {
    for world in worlds(Call::Redemption).into_iter().filter(|world| world.failing) {
        explored(&Redeeming { broken: redemption::Broken::No, failing: true }, world, &REDEMPTION[..1]);
        explored(&Redeeming { broken: redemption::Broken::No, failing: true }, world, &REDEMPTION[4..]);
    }
}

/// A number from the environment, or what stands here.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

const MANY: Budget = budget(24, 12, 12, [8, 8, 2, 2], [2, 1, 2]);
const STEPS: u32 = 150;

fn at_random<M: Machine>(machine: &M, world: World, share: u64) {
    let (count, first) = (setting("MODEL_SCHEDULES", 1_000_000) / share, setting("MODEL_SEED", 1));
    let started = std::time::Instant::now();
    let mut actions = 0;
    for seed in first..first + count {
        match explore::randomly(machine, world, MANY, seed, STEPS) {
            Ok(done) => actions += u64::from(done),
            Err(violation) => panic!("{world:?}, MODEL_SEED={seed} MODEL_SCHEDULES={share}: {violation}"),
        }
    }
    let seconds = started.elapsed().as_secs_f32();
    println!(
        "{world:?}: {count} random schedules, {actions} actions, seeds {first} to {} ({seconds:.1} s)",
        first + count - 1
    );
}

#[test]
fn random_schedules_of_a_purchase() {
    for world in worlds(Call::Purchase) {
        at_random(&Buying(purchase::Broken::No), world, 4);
    }
}

#[test]
fn random_schedules_of_a_redemption() {
    for world in worlds(Call::Redemption) {
        let machine = Redeeming { broken: redemption::Broken::No, failing: world.failing };
        at_random(&machine, world, 8);
    }
}
