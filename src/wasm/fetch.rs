//! One exchange over the runtime's `fetch`, within its time.

use core::future::{poll_fn, Future};
use core::pin::pin;
use core::task::Poll;

use js_sys::{Function, JsString, Object, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsError, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortController;

use super::error::Failure;
use crate::api::{Request, Response};
use crate::error::Error;

/// Free functions, so that the glue calls a bare `fetch(…)`: there is no `window` in a Worker, and a `fetch` that was
/// taken off its global is an illegal invocation.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = fetch, catch)]
    fn global_fetch(url: &str, init: &Object) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: u32) -> JsValue;
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

/// Waits.
pub(super) async fn sleep(milliseconds: u32) {
    let (_timer, elapsed) = timer(milliseconds);
    // The promise of a timer has no reason to be rejected.
    let _ = JsFuture::from(elapsed).await;
}

/// Waits, if there is anything to wait for.
pub(super) async fn sleep_if(milliseconds: u32) {
    if milliseconds > 0 {
        sleep(milliseconds).await;
    }
}

/// Sends a request and reads the answer to its end, within `timeout_ms`. Redirects are not followed.
///
/// # Errors
/// [`Error::Transport`] with what the runtime threw, [`Error::Timeout`].
pub(super) async fn exchange(
    fetch: Option<&Function>,
    url: &str,
    request: &Request,
    timeout_ms: u32,
) -> Result<Response, Failure> {
    let controller = AbortController::new().map_err(transport)?;
    let init = init(request, &controller);
    let mut answer = pin!(answer(fetch, url, &init));
    let (timer, elapsed) = timer(timeout_ms);
    let mut elapsed = pin!(JsFuture::from(elapsed));
    let first = poll_fn(|context| match answer.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => elapsed.as_mut().poll(context).map(|_| None),
    });
    match first.await {
        Some(answer) => {
            clear_timeout(&timer);
            answer.map_err(transport)
        }
        None => {
            controller.abort();
            Err(Error::Timeout.into())
        }
    }
}

/// More than any answer of the protocol; what is longer is read as an empty body. The package's glue does not let it come so
/// far, where it can (js/body.js).
const LONGEST_BODY: u32 = 1 << 20;

async fn answer(fetch: Option<&Function>, url: &str, init: &Object) -> Result<Response, JsValue> {
    let sent = match fetch {
        Some(fetch) => fetch.call2(&JsValue::UNDEFINED, &url.into(), init)?,
        None => global_fetch(url, init)?,
    };
    let answer: Answer = JsFuture::from(Promise::resolve(&sent)).await?.unchecked_into();
    let status = answer.status()?.as_f64().ok_or_else(|| JsError::new("fetch answered something without a status"))?;
    let headers = answer.headers()?;
    let body = JsFuture::from(Promise::resolve(&answer.text()?)).await?;
    let body = body.dyn_into::<JsString>().map_err(|_| JsError::new("text() answered something that is no string"))?;
    Ok(Response {
        // What is no status becomes 0, which is none.
        status: status as u16,
        request_id: header(&headers, "request-id")?,
        retry_after: header(&headers, "retry-after")?,
        rate_limit_reset: header(&headers, "ratelimit-reset")?,
        www_authenticate: header(&headers, "www-authenticate")?.into_iter().collect(),
        body: if body.length() > LONGEST_BODY { String::new() } else { body.into() },
    })
}

/// A header, `None` when it is not there.
fn header(headers: &AnswerHeaders, name: &str) -> Result<Option<String>, JsValue> {
    Ok(headers.get(name)?.as_string())
}

fn init(request: &Request, controller: &AbortController) -> Object {
    let headers = Object::new();
    let init = Object::new();
    let set = |object: &Object, name: &str, value: &JsValue| {
        // A fresh plain object takes every property.
        let _ = Reflect::set(object, &name.into(), value);
    };
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

/// A timer, and a promise that is resolved when it has run.
fn timer(milliseconds: u32) -> (JsValue, Promise) {
    let mut timer = JsValue::UNDEFINED;
    let elapsed = Promise::new(&mut |resolve, _reject| timer = set_timeout(&resolve, milliseconds));
    (timer, elapsed)
}

fn transport(cause: JsValue) -> Failure {
    Failure { cause, ..Error::Transport.into() }
}
