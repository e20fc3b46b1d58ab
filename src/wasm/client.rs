//! What `new Persona(options)` was given, checked.

use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;
use web_sys::Url;

use super::error::{Failure, Thrown};
use super::params::Params;
use super::{crypto, fetch};
use crate::api::{self, PersonaVersion, Request};
use crate::challenge::Offer;
use crate::error::Error;
use crate::identifiers::{ClaimType, RelayToken};
use crate::retry::RetryPolicy;
use crate::secret::{ApiKey, RelaySecret};

/// The checked options.
pub(super) struct Client {
    base_url: BaseUrl,
    api_key: Option<ApiKey>,
    version: Option<PersonaVersion>,
    policy: RetryPolicy,
    fetch: Option<Function>,
    permissive_issuer_keys: bool,
    accept_issuer_key: Option<Function>,
}

/// Which pass to buy.
pub(super) enum WhichPass {
    /// By claim type, before or without a relay.
    ClaimType { claim_type: ClaimType, sandbox: bool },
    /// For one relay, as the earlier documentation has it.
    Relay { relay_token: RelayToken, relay_secret: RelaySecret },
}

impl Client {
    /// Reads the options of `new Persona(options)`.
    ///
    /// # Errors
    /// A `TypeError` that names the wrong one.
    pub(super) fn new(options: &JsValue, fetch: Option<Function>) -> Result<Self, Thrown> {
        Self::read(options, fetch).map_err(Thrown::misuse)
    }

    fn read(options: &JsValue, fetch: Option<Function>) -> Result<Self, Thrown> {
        let params = Params::optional(options)?;
        let default = RetryPolicy::default();
        let number = |field, range, problem, default| -> Result<u32, Thrown> {
            Ok(params.whole_number(field, range, problem)?.unwrap_or(default))
        };
        Ok(Self {
            base_url: BaseUrl::parse(params.optional_text("base-url")?.as_deref().unwrap_or(api::DEFAULT_BASE_URL))?,
            api_key: params.optional_text("api-key")?.map(ApiKey::parse).transpose()?,
            version: params.optional_text("persona-version")?.map(PersonaVersion::parse).transpose()?,
            policy: RetryPolicy {
                timeout_ms: number(
                    "timeout-ms",
                    1..=600_000,
                    "must be a whole number from 1 to 600000",
                    default.timeout_ms,
                )?,
                max_retries: number("max-retries", 0..=10, "must be a whole number from 0 to 10", default.max_retries)?,
                deadline_ms: number(
                    "deadline-ms",
                    1..=3_600_000,
                    "must be a whole number from 1 to 3600000",
                    default.deadline_ms,
                )?,
            },
            fetch,
            permissive_issuer_keys: params.flag("permissive-issuer-keys")?,
            accept_issuer_key: params.function("accept-issuer-key")?,
        })
    }

    /// Whether the API key is one of the sandbox: with it nothing can be done in production (docs/protocol.md section 5).
    pub(super) fn sandbox_key(&self) -> bool {
        self.api_key.as_ref().is_some_and(|key| key.expose().starts_with("persona_sandbox_"))
    }

    /// Asks `acceptIssuerKey`, if there is one, before anything is made for the key.
    ///
    /// # Errors
    /// Whatever it throws.
    pub(super) fn accept(&self, which: &WhichPass, offer: &Offer) -> Result<Option<Promise>, Failure> {
        let Some(accept) = &self.accept_issuer_key else { return Ok(None) };
        let key = super::out::issuer_key_to_js(which, offer)?;
        let answer = accept.call1(&JsValue::UNDEFINED, &key).map_err(Failure::of_the_caller)?;
        Ok(Some(Promise::resolve(&answer)))
    }

    /// Sends a request once, within the time that is left since `start`, in Unix milliseconds.
    ///
    /// # Errors
    /// [`Error::Timeout`] when none is left.
    pub(super) fn exchange(&self, start: f64, request: &Request) -> Result<Promise, Error> {
        let url = self.base_url.join(&request.path)?;
        Ok(fetch::send(self.fetch.as_ref(), &url, request, self.time_left_ms(start)?))
    }

    /// The time that a try may take, in milliseconds.
    ///
    /// # Errors
    /// [`Error::Timeout`] when none is left.
    pub(super) fn time_left_ms(&self, start: f64) -> Result<u32, Error> {
        self.policy.try_timeout_ms(elapsed_ms(start)).ok_or(Error::Timeout)
    }

    /// The wait before the next try, in milliseconds; `None` when there is to be none.
    pub(super) fn wait_ms(&self, error: &Error, tries: u32, start: f64) -> Option<u32> {
        let random = crypto::random_number();
        self.policy.wait_ms(error.class(), tries, error.retry_after_seconds(), elapsed_ms(start), random)
    }

    /// Whether issuer keys are taken that its restrictions would refuse.
    pub(super) fn permissive(&self) -> bool {
        self.permissive_issuer_keys
    }

    /// The key that pays.
    pub(super) fn api_key(&self) -> Result<&ApiKey, Error> {
        self.api_key.as_ref().ok_or(Error::ApiKeyMissing)
    }

    pub(super) fn version(&self) -> Option<&PersonaVersion> {
        self.version.as_ref()
    }
}

/// Where the API is: scheme and host, and a path prefix without a slash at its end.
struct BaseUrl {
    origin: String,
    prefix: String,
}

impl BaseUrl {
    fn parse(text: &str) -> Result<Self, Error> {
        // As the runtime spells it: the scheme in lower case, `://`, and a path.
        let href = Url::new(text).map(|url| url.href()).unwrap_or_default();
        let read = || {
            let (secure, rest) = match href.strip_prefix("https://") {
                Some(rest) => (true, rest),
                None => (false, href.strip_prefix("http://")?),
            };
            let authority = rest.split('/').next()?;
            let on = |host| authority.strip_prefix(host).is_some_and(|port| port.is_empty() || port.starts_with(':'));
            let loopback = ["localhost", "127.0.0.1", "[::1]"].into_iter().any(on);
            let plain = !authority.contains('@') && !text.contains(['?', '#']);
            let (origin, path) = href.split_at_checked(href.len() - rest.len() + authority.len())?;
            let prefix = path.trim_end_matches('/');
            (plain && (secure || loopback)).then(|| Self { origin: origin.into(), prefix: prefix.into() })
        };
        let problem = "must be an https: URL, or http: on loopback, without user, query or fragment";
        read().ok_or(Error::Parameter { field: "base-url", problem })
    }

    /// The URL of a path. A relay token must not reach another one: of these characters none means anything else, wherever
    /// it stands.
    fn join(&self, path: &str) -> Result<String, Error> {
        if path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte)) {
            Ok([&self.origin, &self.prefix, path].concat())
        } else {
            Err(Error::Internal("a path was about to leave its place"))
        }
    }
}

fn elapsed_ms(start: f64) -> u64 {
    // Clocks are set back now and then; the cast turns what is negative into 0.
    (fetch::unix_milliseconds() - start) as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::test_support::test;

    #[test]
    fn a_path_stays_where_it_is_said_to_be() {
        let base = BaseUrl::parse("HTTPS://Upstream.test/prefix/").unwrap();
        assert_eq!(base.join("/api/v1/a_b-C").unwrap(), "https://upstream.test/prefix/api/v1/a_b-C");
        for elsewhere in
            ["", "api", "/..", "/a/../b", "/a?b", "/a#b", "/%2e%2e", "/a\\b", "/a b", "/é", "@evil.test/", ":80/"]
        {
            assert!(base.join(elsewhere).is_err(), "{elsewhere:?}");
        }
    }
}
