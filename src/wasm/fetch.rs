//! One exchange over the runtime's `fetch`, within its time.

use js_sys::{Array, Function, JsString, Object, Promise};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsError, JsValue};
use web_sys::AbortController;

use super::error::Failure;
use super::out::set;
use super::run::Told;
use crate::api::{Request, Response};
use crate::error::Error;

/// Free functions, so that the glue calls a bare `fetch(…)`: there is no `window` in a Worker, and a `fetch` that was
/// taken off its global is an illegal invocation.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = fetch, catch)]
    fn global_fetch(url: &str, init: &Object) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: u32, argument: &JsValue) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// A `Response`, taken by its shape: a caller's own `fetch` may answer one of another realm or library, or no such thing
/// at all. So every access may throw.
#[wasm_bindgen]
extern "C" {
    type Answer;
    #[wasm_bindgen(method, getter, structural, catch)]
    fn status(this: &Answer) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter, structural, catch)]
    fn headers(this: &Answer) -> Result<AnswerHeaders, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn text(this: &Answer) -> Result<JsValue, JsValue>;

    type AnswerHeaders;
    #[wasm_bindgen(method, structural, catch)]
    fn get(this: &AnswerHeaders, name: &str) -> Result<JsValue, JsValue>;
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
    timer(milliseconds, &JsValue::UNDEFINED).1
}

/// A request that was sent, on its way to an answer that has been read to its end.
pub(super) struct Exchange {
    controller: AbortController,
    timer: JsValue,
    /// Resolved with the controller when the time is over.
    elapsed: Promise,
    /// The answer, as long as its body is still to come.
    head: Option<Response>,
}

/// Where an exchange is.
pub(super) enum Exchanged {
    /// On its way.
    Wait(Promise),
    /// Over.
    Answer(Response),
}

impl Exchange {
    /// Sends a request. Redirects are not followed.
    ///
    /// # Errors
    /// [`Error::Transport`] with what the runtime threw.
    pub(super) fn start(
        fetch: Option<&Function>,
        url: &str,
        request: &Request,
        timeout_ms: u32,
    ) -> Result<(Self, Promise), Failure> {
        let controller = AbortController::new().map_err(transport)?;
        let init = init(request, &controller);
        let sent = match fetch {
            Some(fetch) => fetch.call2(&JsValue::UNDEFINED, &url.into(), &init),
            None => global_fetch(url, &init),
        };
        let sent = sent.map_err(transport)?;
        let (timer, elapsed) = timer(timeout_ms, &controller);
        let exchange = Self { controller, timer, elapsed, head: None };
        let promise = exchange.in_time(&sent);
        Ok((exchange, promise))
    }

    /// Goes on, told what became of the promise.
    ///
    /// # Errors
    /// [`Error::Transport`] with what the runtime threw, [`Error::Timeout`].
    pub(super) fn step(&mut self, told: Told) -> Result<Exchanged, Failure> {
        if told.as_ref() == Ok(&self.controller) {
            self.controller.abort();
            return Err(Error::Timeout.into());
        }
        told.and_then(|value| self.received(value)).map_err(transport)
    }

    fn received(&mut self, value: JsValue) -> Result<Exchanged, JsValue> {
        let Some(mut response) = self.head.take() else {
            let answer: Answer = value.unchecked_into();
            self.head = Some(head(&answer)?);
            return Ok(Exchanged::Wait(self.in_time(&answer.text()?)));
        };
        let body =
            value.dyn_into::<JsString>().map_err(|_| JsError::new("text() answered something that is no string"))?;
        if body.length() <= LONGEST_BODY {
            response.body = body.into();
        }
        Ok(Exchanged::Answer(response))
    }

    /// What becomes of a promise, or of anything that is none, within the time.
    fn in_time(&self, promise: &JsValue) -> Promise {
        Promise::race(&Array::of2(promise, &self.elapsed))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        clear_timeout(&self.timer);
    }
}

/// More than any answer of the protocol; what is longer is read as an empty body. The package's glue does not let it come so
/// far, where it can (js/body.js).
const LONGEST_BODY: u32 = 1 << 20;

/// Status and headers.
fn head(answer: &Answer) -> Result<Response, JsValue> {
    let status = answer.status()?.as_f64().ok_or_else(|| JsError::new("fetch answered something without a status"))?;
    let headers = answer.headers()?;
    let header = |name| Ok::<_, JsValue>(headers.get(name)?.as_string());
    Ok(Response {
        // What is no status becomes 0, which is none.
        status: status as u16,
        request_id: header("request-id")?,
        retry_after: header("retry-after")?,
        rate_limit_reset: header("ratelimit-reset")?,
        www_authenticate: header("www-authenticate")?.into_iter().collect(),
        body: String::new(),
    })
}

fn init(request: &Request, controller: &AbortController) -> Object {
    let headers = Object::new();
    let init = Object::new();
    for (name, value) in &request.headers {
        set(&headers, name, &value.into());
    }
    set(&init, "method", &"POST".into());
    set(&init, "headers", &headers);
    set(&init, "body", &request.body.as_str().into());
    set(&init, "redirect", &"manual".into());
    set(&init, "signal", &controller.signal());
    init
}

/// A timer, and a promise that is resolved with the value when it has run.
fn timer(milliseconds: u32, value: &JsValue) -> (JsValue, Promise) {
    let mut timer = JsValue::UNDEFINED;
    let elapsed = Promise::new(&mut |resolve, _reject| timer = set_timeout(&resolve, milliseconds, value));
    (timer, elapsed)
}

fn transport(cause: JsValue) -> Failure {
    Failure::because(Error::Transport, cause)
}
