//! One exchange over the runtime's `fetch`, within its time; the clock, and a wait.

use js_sys::{Array, Function, Promise};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::JsCast;

use super::error::Failure;
use super::run::Told;
use crate::api::{Request, Response};
use crate::error::Error;
use crate::json::Writer;

#[wasm_bindgen]
extern "C" {
    /// `exchange` of js/exchange.js, which the build gives the glue (scripts/lib/patch_glue.mjs).
    fn exchange(fetch: Option<&Function>, request: &str, timeout_ms: u32) -> Promise;
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: u32);
}

/// Milliseconds since 1970.
pub(super) fn unix_milliseconds() -> f64 {
    js_sys::Date::now()
}

/// Seconds since 1970.
pub(super) fn unix_seconds() -> i64 {
    (unix_milliseconds() / 1000.0) as i64
}

/// A promise that is resolved after so many milliseconds.
pub(super) fn sleep(milliseconds: u32) -> Promise {
    Promise::new(&mut |resolve, _reject| set_timeout(&resolve, milliseconds))
}

/// Sends a request. What becomes of it is for [`answered`]. Redirects are not followed.
pub(super) fn send(fetch: Option<&Function>, url: &str, request: &Request, timeout_ms: u32) -> Promise {
    exchange(fetch, &to_text(url, request), timeout_ms)
}

/// The answer, read to its end.
///
/// # Errors
/// [`Error::Transport`] with what the runtime threw, [`Error::Timeout`].
pub(super) fn answered(told: Told) -> Result<Response, Failure> {
    let answer = told.map_err(|cause| Failure::because(Error::Transport, cause))?;
    if answer.is_undefined() {
        return Err(Error::Timeout.into());
    }
    let answer: Array = answer.unchecked_into();
    let text = |at| answer.get(at).as_string();
    Ok(Response {
        // What is no status becomes 0, which is none.
        status: answer.get(0).as_f64().unwrap_or_default() as u16,
        request_id: text(1),
        retry_after: text(2),
        rate_limit_reset: text(3),
        www_authenticate: text(4).into_iter().collect(),
        body: text(5).unwrap_or_default(),
    })
}

/// The URL and what `fetch` is told besides, as JSON.
fn to_text(url: &str, request: &Request) -> String {
    let headers = request.headers.iter().fold(Writer::new(), |headers, (name, value)| headers.text(name, value));
    let init = Writer::new()
        .text("method", "POST")
        .text("redirect", "manual")
        .json("headers", &headers.end())
        .text("body", &request.body);
    Writer::new().text("url", url).json("init", &init.end()).end()
}
