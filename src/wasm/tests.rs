//! The exported functions and what they take from the runtime, in whichever runtime the tests run: `fetch`, timers, the
//! clock, WebCrypto.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::cell::RefCell;
use std::rc::Rc;

use getrandom::rand_core::Rng;
use js_sys::{Object, Reflect};
use serde_json::{json, Value};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

use self::issuer::Issuer;
use super::*;
use crate::outcome::Call;
use crate::pass::TokenInput;
use crate::test_support::test;

#[path = "../../tests/wasm/issuer.rs"]
mod issuer;

fn js(value: Value) -> JsValue {
    js_sys::JSON::parse(&value.to_string()).unwrap()
}

fn member(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &name.into()).unwrap()
}

fn text(of: &JsValue, name: &str) -> String {
    member(of, name).as_string().unwrap_or_else(|| panic!("{name} in {of:?}"))
}

/// Calls a JavaScript function of this body, which is given `a` and `b`.
async fn javascript(body: &str, a: &JsValue, b: &JsValue) -> JsValue {
    let function = Function::new_with_args("a, b", &format!("return (async () => {{ {body} }})();"));
    let promise: js_sys::Promise = function.call2(&JsValue::NULL, a, b).unwrap().unchecked_into();
    JsFuture::from(promise).await.unwrap()
}

/// One request as `fetch` was given it.
#[derive(Clone, PartialEq)]
struct Seen {
    url: String,
    headers: Value,
    body: String,
}

/// In a package the glue has it (scripts/lib/patch_glue.mjs), here the global object.
fn give_exchange() {
    let source = [include_str!("../../js/body.js"), include_str!("../../js/exchange.js")].concat();
    let lines = source.lines().filter(|line| !line.starts_with("import "));
    let script: Vec<&str> = lines.map(|line| line.strip_prefix("export ").unwrap_or(line)).collect();
    let give = Function::new_no_args(&(script.join("\n") + "\nglobalThis.exchange = exchange;"));
    give.call0(&JsValue::NULL).unwrap();
}

/// A `fetch` that answers what `upstream` says, status and body, and what it was called with.
fn fetch_of(mut upstream: impl FnMut(&Seen) -> (u16, String) + 'static) -> (Function, Rc<RefCell<Vec<Seen>>>) {
    give_exchange();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let answer = Function::new_with_args("status, body", "return Promise.resolve(new Response(body, { status }))");
    let log = Rc::clone(&seen);
    let closure = Closure::<dyn FnMut(JsValue, JsValue) -> JsValue>::new(move |url: JsValue, init: JsValue| {
        assert_eq!(text(&init, "method"), "POST");
        assert_eq!(text(&init, "redirect"), "manual");
        let headers = String::from(js_sys::JSON::stringify(&member(&init, "headers")).unwrap());
        let headers = serde_json::from_str(&headers).unwrap();
        let request = Seen { url: url.as_string().unwrap(), headers, body: text(&init, "body") };
        let (status, body) = upstream(&request);
        log.borrow_mut().push(request);
        answer.call2(&JsValue::NULL, &status.into(), &body.into()).unwrap()
    });
    (closure.into_js_value().unchecked_into(), seen)
}

fn thrown<T>(result: Result<T, impl Into<JsValue>>) -> JsValue {
    result.err().unwrap().into()
}

/// What an exported function's promise becomes.
fn settled(promise: js_sys::Promise) -> JsFuture {
    JsFuture::from(promise)
}

#[test]
fn randomness_is_the_runtimes_in_pieces_of_any_size() {
    assert_ne!(crypto::random_bytes::<32>(), crypto::random_bytes::<32>());
    // WebCrypto gives 65,536 bytes at a time.
    let mut bytes = vec![0; 200_000];
    crypto::rng().fill_bytes(&mut bytes);
    for piece in bytes.chunks(20_000) {
        let zeros = piece.iter().filter(|&&byte| byte == 0).count();
        assert!((30..140).contains(&zeros), "{zeros} of 20,000 bytes are 0, where 78 are to be expected");
    }
}

#[test]
async fn a_relay_is_bought_for_and_redeemed_though_each_first_answer_is_lost() {
    let issuer = Rc::new(Issuer::new(2048));
    let at_upstream = Rc::clone(&issuer);
    let mut calls = 0;
    let (fetch, seen) = fetch_of(move |request| {
        calls += 1;
        match request.url.strip_prefix("https://upstream.test/prefix/api/").unwrap() {
            // Each first try fails, and may have been executed.
            _ if calls % 2 == 1 => (503, "busy".into()),
            "privacy/v1/relays" => {
                let answer =
                    json!({ "relay-token": "relay_1", "relay-secret": "s", "relay-session-access-token": "a.b.c" });
                (200, answer.to_string())
            }
            "privacy/v1/relays/challenge" => (200, at_upstream.challenge()),
            "v1/privacy-passes" => (200, at_upstream.sign(&request.body)),
            "privacy/v1/relays/relay_1/generate-claim" => {
                (200, json!({ "claim-payload": "{}", "token-consumed": true }).to_string())
            }
            other => panic!("nothing is at {other}"),
        }
    });
    let options = js(json!({ "apiKey": "persona_sandbox_test", "baseUrl": "https://upstream.test/prefix/" }));
    let call = |params: Value| (options.clone(), Some(fetch.clone()), js(params));

    let (options_, fetch_, params) = call(json!({ "claimType": "age_over18_germany", "sandbox": true }));
    let relay = settled(create_relay(options_, fetch_, params)).await.ok().unwrap();
    assert_eq!(text(&relay, "relaySessionAccessToken"), "a.b.c");

    let (options_, fetch_, params) = call(json!({ "claimType": "age_over18_germany", "sandbox": true }));
    let bought = settled(issue_privacy_pass(options_, fetch_, params, JsValue::UNDEFINED)).await.ok().unwrap();
    let pass = text(&bought, "privacyPassToken");
    assert!(issuer.knows(&pass, |nonce, mac, key_id| TokenInput::new(nonce, mac, key_id).as_bytes().into()));

    let (options_, fetch_, params) = call(
        json!({ "relayToken": text(&relay, "relayToken"), "relaySecret": text(&relay, "relaySecret"), "privacyPassToken": pass }),
    );
    let claim = settled(generate_claim(options_, fetch_, params, JsValue::UNDEFINED)).await.ok().unwrap();
    assert_eq!(text(&claim, "claimPayload"), "{}");
    assert_eq!(member(&claim, "tokenConsumed"), JsValue::TRUE);

    let seen = seen.borrow();
    assert_eq!(seen.len(), 8);
    for tries in seen.chunks(2) {
        assert!(tries[0] == tries[1], "a retry is the same request, its idempotency key included");
    }
    assert_eq!(seen[4].headers["authorization"], "Bearer persona_sandbox_test");
    assert_eq!(seen[6].headers["authorization"], format!("PrivateToken token={pass}"));
    let keyless = seen.iter().filter(|request| !request.headers.to_string().contains("persona_sandbox_test"));
    assert_eq!(keyless.count(), 6, "the API key goes with the purchase only");
}

#[test]
async fn an_upstream_that_refuses_is_quoted() {
    let (fetch, seen) = fetch_of(|_| (422, r#"{"errors":[{"title":"No","code":"why","meta":{"a":[1]}}]}"#.into()));
    let failed = settled(create_relay(JsValue::UNDEFINED, Some(fetch), js(json!({ "claimType": "x" })))).await;
    let error = thrown(failed);
    assert_eq!((text(&error, "title"), text(&error, "code")), ("No".into(), "why".into()));
    assert_eq!(member(&error, "statusCode"), JsValue::from(422));
    assert_eq!(js_sys::JSON::stringify(&member(&error, "meta")).unwrap(), r#"{"a":[1]}"#);
    assert_eq!(seen.borrow()[0].url, "https://api.withpersona.com/api/privacy/v1/relays");
    assert_eq!(seen.borrow().len(), 1);
}

#[test]
async fn an_answer_that_does_not_come_is_waited_for_until_the_timeout() {
    let never = Function::new_with_args(
        "url, init",
        "return new Promise((_, reject) => init.signal.addEventListener('abort', () => reject(init.signal.reason)))",
    );
    give_exchange();
    let options = js(json!({ "timeoutMs": 30, "maxRetries": 0 }));
    let start = fetch::unix_milliseconds();
    let error = thrown(settled(create_relay(options, Some(never), js(json!({ "claimType": "x" })))).await);
    assert_eq!((text(&error, "code"), text(&error, "origin")), ("timeout".into(), "transport".into()));
    assert!((25.0..10_000.0).contains(&(fetch::unix_milliseconds() - start)));
}

async fn exchange(url: &str, request: &api::Request) -> Result<api::Response, error::Failure> {
    give_exchange();
    fetch::answered(settled(fetch::send(None, url, request, 5_000)).await)
}

#[test]
async fn the_runtimes_own_fetch_is_called_and_its_failures_are_told() {
    let request = crate::api::Request { call: Call::Create, path: String::new(), headers: vec![], body: "{}".into() };
    let answer = exchange("data:application/json,%7B%22a%22:1%7D", &request).await.ok().unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"a":1}"#));
    // Nobody listens at port 9 here, and browsers do not even try.
    let failure = exchange("http://127.0.0.1:9/", &request).await.err().unwrap();
    assert_eq!(failure.error, Error::Transport);
    assert!(failure.cause.is_instance_of::<js_sys::TypeError>());
}

#[test]
async fn a_key_pair_and_a_claim_go_through_webcrypto_and_come_back() {
    const GENERATE: &str = "
        const usages = ['encrypt', 'decrypt'];
        const algorithm = { name: 'RSA-OAEP', hash: 'SHA-1', modulusLength: a, publicExponent: new Uint8Array([1, 0, 1]) };
        const pair = await crypto.subtle.generateKey(algorithm, true, usages);
        const claim = new TextEncoder().encode('{\"claim_type\":\"é\",\"claim_result\":\"passed\"}');
        const sealed = new Uint8Array(await crypto.subtle.encrypt('RSA-OAEP', pair.publicKey, claim));
        const der = async (format, key) => new Uint8Array(await crypto.subtle.exportKey(format, key));
        return {
            payload: btoa(String.fromCharCode(...sealed)),
            spki: await der('spki', pair.publicKey),
            pkcs8: await der('pkcs8', pair.privateKey),
        };";
    const DECRYPT: &str = "
        const algorithm = { name: 'RSA-OAEP', hash: 'SHA-1' };
        const key = await crypto.subtle.importKey('pkcs8', a, algorithm, false, ['decrypt']);
        return new Uint8Array(await crypto.subtle.decrypt('RSA-OAEP', key, b));";
    let bits = modulus_length(JsValue::UNDEFINED).ok().unwrap();
    let made = javascript(GENERATE, &bits.into(), &JsValue::UNDEFINED).await;
    let pair = key_pair_pem(member(&made, "spki"), member(&made, "pkcs8")).ok().unwrap();
    assert!(text(&pair, "encryptionKeyPem").starts_with("-----BEGIN PUBLIC KEY-----\n"));
    let found = claim_to_decrypt(member(&made, "payload"), member(&pair, "privateKeyPem")).ok().unwrap();
    let plaintext = javascript(DECRYPT, &member(&found, "pkcs8"), &member(&found, "ciphertext")).await;
    let claim = parse_claim(decrypted_claim(plaintext).ok().unwrap().into()).ok().unwrap();
    assert_eq!((text(&claim, "claimType"), text(&claim, "claimResult")), ("é".into(), "passed".into()));
    for (outcome, code) in [(JsValue::UNDEFINED, "claim_decryption_failed"), (JsValue::NULL, "private_key_invalid")] {
        assert_eq!(text(&thrown(decrypted_claim(outcome)), "code"), code);
    }
    assert_eq!(text(&thrown(key_pair_pem(JsValue::UNDEFINED, JsValue::UNDEFINED)), "code"), "internal");
}

#[test]
fn parameters_are_checked_and_named_as_javascript_spells_them() {
    let error = thrown(hosted_flow_url(JsValue::UNDEFINED, JsValue::UNDEFINED));
    assert_eq!(text(&error, "field"), "relaySessionAccessToken");
    assert!(text(&error, "details").starts_with("relaySessionAccessToken is missing"));
    let misuse = thrown(check_options(js(json!({ "timeoutMs": 0 }))));
    assert!(misuse.is_instance_of::<js_sys::TypeError>());
    assert!(text(&misuse, "message").starts_with("timeoutMs must be a whole number from 1 to"));
    assert!(check_options(Object::new().into()).is_ok());
}
