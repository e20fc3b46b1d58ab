//! The upstream's answers, read.

use super::{GeneratedClaim, Relay, Response};
use crate::challenge::Offer;
use crate::encoding;
use crate::error::{Error, UpstreamError};
use crate::identifiers::RelayToken;
use crate::json::Object;
use crate::outcome::{classify, retry_after_seconds, Call, Class};
use crate::secret::RelaySecret;
use crate::www_authenticate;

/// Reads the answer to [`create`](super::create).
///
/// # Errors
/// [`Error::Upstream`], [`Error::AnswerInvalid`]. So for all readers here; `now` is in Unix seconds.
pub fn create_answer(response: &Response, now: i64) -> Result<Relay, Error> {
    let [relay_token, relay_secret, relay_session_access_token] =
        texts(Call::Create, response, now, ["relay-token", "relay-secret", "relay-session-access-token"])?;
    let invalid = |problem| move |_| Error::AnswerInvalid { call: Call::Create, problem };
    Ok(Relay {
        relay_token: RelayToken::parse(relay_token)
            .map_err(invalid("relay-token has characters that it can't have"))?,
        relay_secret: RelaySecret::parse(relay_secret).map_err(invalid("relay-secret can't stand in a header"))?,
        relay_session_access_token,
    })
}

/// Reads the answer to [`challenge_by_claim_type`](super::challenge_by_claim_type).
///
/// # Errors
/// As above, and those of [`Offer::new`].
pub fn challenge_by_claim_type_answer(response: &Response, now: i64) -> Result<Offer, Error> {
    let [challenge, token_key, token_key_id] =
        texts(Call::Challenge, response, now, ["challenge", "token-key", "token-key-id"])?;
    Offer::new(&challenge, &token_key, token_key_id, now)
}

/// Reads the answer to [`challenge_by_relay`](super::challenge_by_relay): the 401 is the protocol, not an error.
///
/// # Errors
/// As above; [`Error::Header`] when the 401 carries no usable `PrivateToken` challenge.
pub fn challenge_by_relay_answer(response: &Response, now: i64) -> Result<Offer, Error> {
    if response.status != 401 {
        success(Call::Challenge, response, now)?;
        return Err(Error::AnswerInvalid {
            call: Call::Challenge,
            problem: "a 401 with WWW-Authenticate was expected",
        });
    }
    www_authenticate::offer(&response.www_authenticate, now)
}

/// Reads the answer to [`purchase`](super::purchase): the blind signature, exactly `modulus_len` bytes.
///
/// # Errors
/// As above.
pub fn purchase_answer(response: &Response, modulus_len: usize, now: i64) -> Result<Vec<u8>, Error> {
    let [blind_sig] = texts(Call::Purchase, response, now, ["blind-sig"])?;
    let invalid = |problem| Error::AnswerInvalid { call: Call::Purchase, problem };
    let signature = encoding::from_base64url(&blind_sig).map_err(|_| invalid("blind-sig is no base64url"))?;
    if signature.len() != modulus_len {
        return Err(invalid("blind-sig is not as long as the issuer key's modulus"));
    }
    Ok(signature)
}

/// Reads the answer to [`redeem`](super::redeem).
///
/// # Errors
/// As above.
pub fn redeem_answer(response: &Response, now: i64) -> Result<GeneratedClaim, Error> {
    let answer = success(Call::Redemption, response, now)?;
    let claim = || {
        let object = answer.as_ref()?;
        Some(GeneratedClaim {
            claim_payload: object.text("claim-payload")?,
            token_consumed: object.flag("token-consumed")?,
        })
    };
    claim().ok_or(not_the_answer(Call::Redemption))
}

/// Texts that the body of a 2xx has to have.
fn texts<const N: usize>(call: Call, response: &Response, now: i64, names: [&str; N]) -> Result<[String; N], Error> {
    let answer = success(call, response, now)?;
    let mut texts = [const { String::new() }; N];
    for (text, name) in texts.iter_mut().zip(names) {
        *text = answer.as_ref().and_then(|object| object.text(name)).ok_or(not_the_answer(call))?;
    }
    Ok(texts)
}

/// The body of a 2xx, `None` when it is no object; or what the answer says instead.
fn success(call: Call, response: &Response, now: i64) -> Result<Option<Object<'_>>, Error> {
    let class = classify(call, response.status);
    if class != Class::Success {
        return Err(Error::Upstream(Box::new(refusal(call, class, response, now))));
    }
    Ok(Object::read(&response.body))
}

fn not_the_answer(call: Call) -> Error {
    Error::AnswerInvalid { call, problem: "the body is not the JSON object that the call answers" }
}

/// Reads `{"errors": [{"title", "details"?, "code"?, "meta"?}]}`; a body that is anything else says nothing.
fn refusal(call: Call, class: Class, response: &Response, now: i64) -> UpstreamError {
    let mut error = UpstreamError {
        call,
        status: response.status,
        class,
        title: None,
        details: None,
        code: None,
        meta: None,
        request_id: response.request_id.clone(),
        retry_after_seconds: retry_after_seconds(response, now),
    };
    let first = || Object::read(Object::read(&response.body)?.array("errors")?.first()?);
    if let Some((title, details, code, meta)) = first().and_then(|entry| {
        // An empty text says as little as none.
        let text = |name| Some(entry.optional_text(name)?.filter(|text| !text.is_empty()));
        Some((text("title")?, text("details")?, text("code")?, entry.member("meta")?))
    }) {
        let meta = meta.filter(|meta| meta.starts_with('{')).map(str::to_owned);
        (error.title, error.details, error.code, error.meta) = (title, details, code, meta);
    }
    error
}
