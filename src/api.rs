//! The upstream's calls: requests out, answers in (docs/protocol.md, "The four calls").
//!
//! All are `POST` with a JSON body. Only the purchase carries anything that names the platform.

mod answer;

pub use answer::{
    challenge_by_claim_type_answer, challenge_by_relay_answer, create_answer, purchase_answer, redeem_answer,
};

use core::fmt;

use crate::blind::BlindedToken;
use crate::encryption_key::EncryptionKey;
use crate::error::Error;
use crate::idempotency::IdempotencyKey;
use crate::identifiers::{ClaimType, RelayToken};
use crate::json::Writer;
use crate::outcome::Call;
use crate::secret::{ApiKey, PrivacyPassToken, RelaySecret};

/// The production API.
pub const DEFAULT_BASE_URL: &str = "https://api.withpersona.com";

/// One request: `POST base-URL + path`.
#[derive(Clone)]
pub struct Request {
    /// Which call it makes.
    pub call: Call,
    /// The path, beginning with `/`. It holds no character that needs escaping.
    pub path: String,
    /// All headers, in lower case. The runtime may add its own.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: String,
}

/// One answer, as far as the protocol looks at it.
#[derive(Clone, Default)]
pub struct Response {
    /// The HTTP status; 0 for a redirect that a browser hides.
    pub status: u16,
    /// The `Request-Id` header.
    pub request_id: Option<String>,
    /// The `Retry-After` header.
    pub retry_after: Option<String>,
    /// The `RateLimit-Reset` header.
    pub rate_limit_reset: Option<String>,
    /// The `WWW-Authenticate` headers, as they came or joined by commas.
    pub www_authenticate: Vec<String>,
    /// The body, read to its end.
    pub body: String,
}

impl Response {
    /// Takes an answer from an HTTP client: the status, all headers, and the body read to its end. Headers that the
    /// protocol does not look at are passed over.
    pub fn new<'a>(
        status: u16,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: impl Into<String>,
    ) -> Self {
        let mut response = Self { status, body: body.into(), ..Self::default() };
        for (name, value) in headers {
            let place = match name.to_ascii_lowercase().as_str() {
                "request-id" => &mut response.request_id,
                "retry-after" => &mut response.retry_after,
                "ratelimit-reset" => &mut response.rate_limit_reset,
                "www-authenticate" => {
                    response.www_authenticate.push(value.to_owned());
                    continue;
                }
                _ => continue,
            };
            *place = Some(value.to_owned());
        }
        response
    }
}

/// A relay as its creation answers it.
#[derive(Clone, PartialEq, Eq)]
pub struct Relay {
    /// Its public identifier.
    pub relay_token: RelayToken,
    /// Shown here only.
    pub relay_secret: RelaySecret,
    /// A JWT for the person's browser, valid for about 30 minutes.
    pub relay_session_access_token: String,
}

/// Its secrets do not show when printed.
impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("relay_token", &self.relay_token).finish_non_exhaustive()
    }
}

/// What a redemption answers.
#[derive(Clone, PartialEq, Eq)]
pub struct GeneratedClaim {
    /// See [`crate::claim`].
    pub claim_payload: String,
    /// `false`: the claim did not pass and the pass was handed back.
    pub token_consumed: bool,
}

/// The claim is the person's: it does not show when printed.
impl fmt::Debug for GeneratedClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GeneratedClaim(…)")
    }
}

/// What an API version looks like; sent with the purchase only, because on an anonymous call it would tell platforms apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonaVersion(String);

impl PersonaVersion {
    /// Takes `YYYY-MM-DD`.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming `persona-version`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        let shape = text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
        if shape && text.len() == 10 {
            Ok(Self(text))
        } else {
            Err(Error::Parameter { field: "persona-version", problem: "must be a date, YYYY-MM-DD" })
        }
    }
}

/// Makes a relay.
pub fn create(claim_type: &ClaimType, encryption_key: Option<&EncryptionKey>, sandbox: bool) -> Request {
    let body = Writer::new().text("claim-type", claim_type.as_str());
    let body = body.optional_text("encryption-key-pem", encryption_key.map(EncryptionKey::as_pem));
    request(Call::Create, "/api/privacy/v1/relays".into(), in_sandbox(body, sandbox))
}

/// Asks for a challenge by claim type. The pass redeems any relay of that claim type and environment.
pub fn challenge_by_claim_type(claim_type: &ClaimType, sandbox: bool) -> Request {
    // [assumed] The page that documents this call does not say how the environment is chosen.
    let body = in_sandbox(Writer::new().text("claim-type", claim_type.as_str()), sandbox);
    request(Call::Challenge, "/api/privacy/v1/relays/challenge".into(), body)
}

/// Asks for a challenge by relay: the redemption without a pass, whose 401 is the answer.
pub fn challenge_by_relay(relay_token: &RelayToken, relay_secret: &RelaySecret) -> Request {
    let mut request = request(Call::Challenge, generate_claim_path(relay_token), "{}".into());
    request.headers.push(("persona-relay-secret", relay_secret.expose().into()));
    request
}

/// Buys a pass. **Costs money each time it succeeds**: a retry sends this very request again.
pub fn purchase(
    blinded_token: &BlindedToken,
    key_id: &str,
    api_key: &ApiKey,
    idempotency_key: &IdempotencyKey,
    version: Option<&PersonaVersion>,
) -> Request {
    let body = Writer::new().text("blinded-token", &blinded_token.to_base64url()).text("key-id", key_id).end();
    let mut request = request(Call::Purchase, "/api/v1/privacy-passes".into(), body);
    request.headers.push(("authorization", ["Bearer ", api_key.expose()].concat()));
    request.headers.push(("idempotency-key", idempotency_key.as_str().into()));
    if let Some(PersonaVersion(date)) = version {
        request.headers.push(("persona-version", date.clone()));
    }
    request
}

/// Spends a pass on a relay. Anonymous: exactly these headers, on every platform.
pub fn redeem(
    relay_token: &RelayToken,
    relay_secret: &RelaySecret,
    pass: &PrivacyPassToken,
    idempotency_key: &IdempotencyKey,
) -> Request {
    let mut request = request(Call::Redemption, generate_claim_path(relay_token), "{}".into());
    request.headers.push(("authorization", ["PrivateToken token=", pass.expose()].concat()));
    request.headers.push(("persona-relay-secret", relay_secret.expose().into()));
    request.headers.push(("idempotency-key", idempotency_key.as_str().into()));
    request
}

fn generate_claim_path(relay_token: &RelayToken) -> String {
    ["/api/privacy/v1/relays/", relay_token.as_str(), "/generate-claim"].concat()
}

fn request(call: Call, path: String, body: String) -> Request {
    let headers = [("content-type", "application/json"), ("accept", "application/json"), ("key-inflection", "kebab")];
    Request { call, path, headers: headers.map(|(name, value)| (name, value.into())).into(), body }
}

/// Ends a body. Production is not named.
fn in_sandbox(body: Writer, sandbox: bool) -> String {
    if sandbox { body.flag("sandbox", true) } else { body }.end()
}
