//! The upstream's answers, read.

use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{GeneratedClaim, Relay, Response};
use crate::challenge::Offer;
use crate::encoding;
use crate::error::{Error, UpstreamError};
use crate::identifiers::RelayToken;
use crate::outcome::{classify, retry_after_seconds, Call, Class};
use crate::secret::RelaySecret;
use crate::www_authenticate;

/// Reads the answer to [`create`](super::create).
///
/// # Errors
/// [`Error::Upstream`], [`Error::AnswerInvalid`]. So for all readers here; `now` is in Unix seconds.
pub fn create_answer(response: &Response, now: i64) -> Result<Relay, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Answer {
        relay_token: String,
        relay_secret: String,
        relay_session_access_token: String,
    }
    let answer: Answer = success(Call::Create, response, now)?;
    let invalid = |problem| move |_| Error::AnswerInvalid { call: Call::Create, problem };
    Ok(Relay {
        relay_token: RelayToken::parse(answer.relay_token)
            .map_err(invalid("relay-token has characters that it can't have"))?,
        relay_secret: RelaySecret::parse(answer.relay_secret)
            .map_err(invalid("relay-secret can't stand in a header"))?,
        relay_session_access_token: answer.relay_session_access_token,
    })
}

/// Reads the answer to [`challenge_by_claim_type`](super::challenge_by_claim_type).
///
/// # Errors
/// As above, and those of [`Offer::new`].
pub fn challenge_by_claim_type_answer(response: &Response, now: i64) -> Result<Offer, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Answer {
        challenge: String,
        token_key: String,
        token_key_id: String,
    }
    let answer: Answer = success(Call::Challenge, response, now)?;
    Offer::new(&answer.challenge, &answer.token_key, answer.token_key_id, now)
}

/// Reads the answer to [`challenge_by_relay`](super::challenge_by_relay): the 401 is the protocol, not an error.
///
/// # Errors
/// As above; [`Error::Header`] when the 401 carries no usable `PrivateToken` challenge.
pub fn challenge_by_relay_answer(response: &Response, now: i64) -> Result<Offer, Error> {
    if response.status != 401 {
        success::<serde::de::IgnoredAny>(Call::Challenge, response, now)?;
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
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Answer {
        blind_sig: String,
    }
    let answer: Answer = success(Call::Purchase, response, now)?;
    let invalid = |problem| Error::AnswerInvalid { call: Call::Purchase, problem };
    let signature = encoding::from_base64url(&answer.blind_sig).map_err(|_| invalid("blind-sig is no base64url"))?;
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
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Answer {
        claim_payload: String,
        token_consumed: bool,
    }
    let Answer { claim_payload, token_consumed } = success(Call::Redemption, response, now)?;
    Ok(GeneratedClaim { claim_payload, token_consumed })
}

/// The body of a 2xx, or what the answer says instead.
fn success<T: DeserializeOwned>(call: Call, response: &Response, now: i64) -> Result<T, Error> {
    let class = classify(call, response.status);
    if class != Class::Success {
        return Err(Error::Upstream(Box::new(refusal(call, class, response, now))));
    }
    serde_json::from_str(&response.body)
        .map_err(|_| Error::AnswerInvalid { call, problem: "the body is not the JSON object that the call answers" })
}

/// Reads `{"errors": [{"title", "details"?, "code"?, "meta"?}]}`; a body that is anything else says nothing.
fn refusal(call: Call, class: Class, response: &Response, now: i64) -> UpstreamError {
    #[derive(Deserialize)]
    struct Body {
        errors: Vec<Entry>,
    }
    #[derive(Deserialize, Default)]
    struct Entry {
        title: Option<String>,
        details: Option<String>,
        code: Option<String>,
        meta: Option<Box<RawValue>>,
    }
    let first = serde_json::from_str::<Body>(&response.body).ok().and_then(|body| body.errors.into_iter().next());
    let Entry { title, details, code, meta } = first.unwrap_or_default();
    UpstreamError {
        call,
        status: response.status,
        class,
        title,
        details,
        code,
        meta: meta.map(|meta| meta.get().to_owned()).filter(|meta| meta.starts_with('{')),
        request_id: response.request_id.clone(),
        retry_after_seconds: retry_after_seconds(response, now),
    }
}
