//! Where a driver keeps its record: a store of the caller's over one record, or nothing but the memory of one call.

use js_sys::{JsString, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::error::Failure;
use crate::error::Error;
use crate::purchase::Purchase;
use crate::redemption::Redemption;

/// A record that has a text.
pub(super) trait Record: Sized {
    fn to_text(&self) -> String;
    fn from_text(text: &str) -> Option<Self>;
}

impl Record for Purchase {
    fn to_text(&self) -> String {
        self.to_text()
    }
    fn from_text(text: &str) -> Option<Self> {
        Self::from_text(text)
    }
}

impl Record for Redemption {
    fn to_text(&self) -> String {
        self.to_text()
    }
    fn from_text(text: &str) -> Option<Self> {
        Self::from_text(text)
    }
}

/// One record with compare-and-set. A version is whatever the store makes of it; a record that is not there has one too.
pub(super) trait Store<R> {
    /// The record, `None` when it is not there, and its version.
    async fn load(&self) -> Result<(Option<R>, JsValue), Failure>;
    /// Makes the record durable if `version` still stands, and answers the new version; `None` when another was faster.
    async fn save(&self, record: &R, version: &JsValue) -> Result<Option<JsValue>, Failure>;
}

/// The memory of one call: there is nothing to load, and nobody else.
pub(super) struct OneCall;

impl<R> Store<R> for OneCall {
    async fn load(&self) -> Result<(Option<R>, JsValue), Failure> {
        Ok((None, JsValue::UNDEFINED))
    }

    async fn save(&self, _record: &R, _version: &JsValue) -> Result<Option<JsValue>, Failure> {
        Ok(Some(JsValue::UNDEFINED))
    }
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

impl<R: Record> Store<R> for JsStore {
    async fn load(&self) -> Result<(Option<R>, JsValue), Failure> {
        let entry = settled(self.read()).await?;
        if entry.is_undefined() || entry.is_null() {
            return Ok((None, JsValue::UNDEFINED));
        }
        let member = |name: &str| Reflect::get(&entry, &name.into()).map_err(failed);
        let text = member("text")?.dyn_into::<JsString>().map_err(failed)?;
        let record = R::from_text(&String::from(text));
        Ok((Some(record.ok_or(Error::RecordInvalid)?), member("version")?))
    }

    async fn save(&self, record: &R, version: &JsValue) -> Result<Option<JsValue>, Failure> {
        let version = settled(self.write(&record.to_text(), version)).await?;
        Ok((!version.is_undefined() && !version.is_null()).then_some(version))
    }
}

async fn settled(answer: Result<JsValue, JsValue>) -> Result<JsValue, Failure> {
    JsFuture::from(Promise::resolve(&answer.map_err(failed)?)).await.map_err(failed)
}

/// A store that fails before a send has prevented it; one that fails after it has not undone it. Either way a later call
/// goes on from what is durable.
fn failed(cause: JsValue) -> Failure {
    Failure { cause, ..Error::StoreFailed.into() }
}
