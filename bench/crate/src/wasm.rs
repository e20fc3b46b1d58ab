//! The functions that JavaScript calls. Keys are kept in here, by number: they are parsed once.

use std::cell::RefCell;

use blind_rsa_signatures::{BlindMessage, BlindSignature, BlindingResult, Secret};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::steps::Steps;
use crate::Key;

thread_local! {
    static KEYS: RefCell<Vec<Key>> = const { RefCell::new(Vec::new()) };
    static STEPS: RefCell<Option<Steps>> = const { RefCell::new(None) };
}

/// Reads a key and answers its number.
#[wasm_bindgen(js_name = readKey)]
pub fn read_key(spki: &[u8]) -> usize {
    KEYS.with_borrow_mut(|keys| {
        keys.push(crate::read_key(spki));
        keys.len() - 1
    })
}

/// The blinded message, and behind it the inverse, which is as long.
#[wasm_bindgen]
pub fn blind(key: usize, message: &[u8]) -> Vec<u8> {
    let result = KEYS.with_borrow(|keys| crate::blind(&keys[key], message));
    [result.blind_message.0, result.secret.0].concat()
}

/// The signature.
#[wasm_bindgen]
pub fn finalize(key: usize, message: &[u8], blind_signature: Vec<u8>, inverse: Vec<u8>) -> Vec<u8> {
    let blinded =
        BlindingResult { blind_message: BlindMessage(Vec::new()), secret: Secret(inverse), msg_randomizer: None };
    KEYS.with_borrow(|keys| crate::finalize(&keys[key], message, &BlindSignature(blind_signature), &blinded))
}

/// What the steps are done with from now on.
#[wasm_bindgen(js_name = loadSteps)]
pub fn load_steps(spki: &[u8], message: &[u8], signature: &[u8]) {
    STEPS.set(Some(Steps::new(spki, message, signature)));
}

/// Does a step so many times.
#[wasm_bindgen(js_name = runStep)]
pub fn run_step(name: &str, times: u32) {
    STEPS.with_borrow(|steps| steps.as_ref().expect("the steps are loaded").run(name, times));
}
