//! How a call runs: a job says what to wait for, is told what became of it, and goes on, until it ends.
//!
//! Jobs are plain structs that are stepped, not `async` functions: one future runs them all. Six of them took a quarter of the
//! module, because each carried its own copies of whatever lived across an `await`.

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{future_to_promise, JsFuture};

use super::error::{Failure, Thrown};
use crate::error::Error;

/// A fault in a job: something is missing that an earlier step had to bring.
pub(super) const OUT_OF_TURN: Error = Error::Internal("a step came out of turn");

/// What became of a promise: its value, or what it was rejected with.
pub(super) type Told = Result<JsValue, JsValue>;

/// What a job does next.
pub(super) enum Step {
    /// It waits, and wants to be told.
    Wait(Promise),
    /// It is over: the call's result.
    End(JsValue),
}

/// A call under way.
pub(super) trait Job {
    /// Goes on. The first time, `told` is `undefined`.
    ///
    /// # Errors
    /// What the call fails with. It is not stepped any more.
    fn step(&mut self, told: Told) -> Result<Step, Failure>;
}

/// Runs a call, or fails with what kept it from beginning: either way by a promise.
pub(super) fn start(begin: impl FnOnce() -> Result<Box<dyn Job>, Thrown>) -> Promise {
    run(begin())
}

fn run(job: Result<Box<dyn Job>, Thrown>) -> Promise {
    future_to_promise(async move {
        let mut job = job?;
        let mut told = Ok(JsValue::UNDEFINED);
        loop {
            match job.step(told).map_err(Thrown::from)? {
                Step::Wait(promise) => told = JsFuture::from(promise).await,
                Step::End(result) => return Ok(result),
            }
        }
    })
}
