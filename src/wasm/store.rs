//! Where a driver keeps its record: a store of the caller's over one record, or nothing but the memory of one call.

use js_sys::{JsString, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use super::error::Failure;
use super::run::Told;
use crate::error::Error;

/// One record's text with compare-and-set. A version is whatever the store makes of it; a record that is not there has one
/// too.
pub(super) enum Store {
    /// The memory of one call: there is nothing to load, and nobody else.
    OneCall,
    /// The caller's.
    Kept(JsStore),
}

#[wasm_bindgen]
extern "C" {
    /// `RecordStore` of js/index.d.ts. Both methods may answer a promise.
    pub(super) type JsStore;
    #[wasm_bindgen(method, structural, catch)]
    fn read(this: &JsStore) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn write(this: &JsStore, text: &str, version: &JsValue) -> Result<JsValue, JsValue>;
}

impl Store {
    /// Whether what it holds outlives the call.
    pub(super) fn kept(&self) -> bool {
        matches!(self, Self::Kept(_))
    }

    /// Begins to read the record: what becomes of that is for [`loaded`]. `None` when there is none, and nothing to wait for.
    pub(super) fn load(&self) -> Result<Option<Promise>, Failure> {
        let Self::Kept(store) = self else { return Ok(None) };
        let entry = store.read().map_err(failed)?;
        Ok(Some(Promise::resolve(&entry)))
    }

    /// Begins to make the record durable if `version` still stands: what becomes of that is for [`saved`]. `None` when there
    /// is nothing to wait for, and nobody else.
    pub(super) fn save(&self, text: &dyn Fn() -> String, version: &JsValue) -> Result<Option<Promise>, Failure> {
        let Self::Kept(store) = self else { return Ok(None) };
        let version = store.write(&text(), version).map_err(failed)?;
        Ok(Some(Promise::resolve(&version)))
    }
}

/// The record, `None` when it is not there, and its version.
pub(super) fn loaded(told: Told) -> Result<(Option<String>, JsValue), Failure> {
    let entry = told.map_err(failed)?;
    if entry.is_undefined() || entry.is_null() {
        return Ok((None, JsValue::UNDEFINED));
    }
    let member = |name: &str| Reflect::get(&entry, &name.into()).map_err(failed);
    // What is there instead is not told on: it may be the record, in some other form.
    let text = member("text")?.dyn_into::<JsString>().map_err(|_| Error::RecordInvalid)?;
    Ok((Some(text.into()), member("version")?))
}

/// The new version; `None` when another was faster.
pub(super) fn saved(told: Told) -> Result<Option<JsValue>, Failure> {
    let version = told.map_err(failed)?;
    Ok((!version.is_undefined() && !version.is_null()).then_some(version))
}

/// A store that fails before a send has prevented it; one that fails after it has not undone it. Either way a later call
/// goes on from what is durable.
fn failed(cause: JsValue) -> Failure {
    Failure::because(Error::StoreFailed, cause)
}
