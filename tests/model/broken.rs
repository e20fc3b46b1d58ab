//! Machines and drivers that are broken on purpose: the checker finds each of them out.

use crate::driver::{BrokenDriver, Budget, Machine};
use crate::purchase::{self, Buying};
use crate::redemption::{self, Redeeming};
use crate::world::{Call, World};
use crate::{budget, explore, worlds};

const BUDGETS: &[Budget] = &[
    budget(2, 1, 1, [0, 0, 0, 0], [0, 0, 0]),
    budget(3, 1, 1, [0, 0, 0, 1], [0, 0, 0]),
    budget(3, 2, 1, [0, 1, 0, 0], [0, 1, 0]),
];

fn is_found<M: Machine>(name: &str, machine: &M, worlds: &[World]) {
    let runs = BUDGETS.iter().flat_map(|budget| worlds.iter().map(move |world| (budget, world)));
    for (budget, world) in runs {
        if let Err(violation) = explore::exhaustively(machine, *world, *budget) {
            let steps = violation.lines().filter(|line| line.starts_with("  ")).count();
            println!(
                "{name} is found out: {} ({steps} lines of schedule and state)",
                violation.lines().next().unwrap()
            );
            return;
        }
    }
    panic!("{name} is not found out");
}

#[test]
fn broken_purchases_are_found_out() {
    use purchase::Broken::*;
    let drivers =
        [BrokenDriver::SendsFirst, BrokenDriver::NoCompare, BrokenDriver::SendsLate, BrokenDriver::ForgetsTheTime]
            .map(Driver);
    for broken in drivers.into_iter().chain([
        BuysAfterAmbiguity,
        ForgetsDoubt,
        BelievesRefusals,
        CountsNoSends,
        BuysAfterBadSignature,
    ]) {
        is_found(&format!("{broken:?}"), &Buying(broken), &worlds(Call::Purchase));
    }
}

#[test]
fn broken_redemptions_are_found_out() {
    use redemption::Broken::*;
    let drivers = [BrokenDriver::SendsFirst, BrokenDriver::NoCompare].map(Driver);
    for broken in drivers.into_iter().chain([NewKeyPerCall, ForgetsDoubt, LostAtOnce, BelievesRefusals]) {
        let worlds: Vec<_> = worlds(Call::Redemption).into_iter().filter(|world| !world.failing).collect();
        is_found(&format!("{broken:?}"), &Redeeming { broken, failing: false }, &worlds);
    }
}
