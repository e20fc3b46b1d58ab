//! Requests of the core over a blocking client, and the waits between them.

use std::thread::sleep;
use std::time::{Duration, Instant};

use getrandom::rand_core::{Rng, UnwrapErr};
use getrandom::SysRng;
use relay_edge::api::{Request, Response};
use relay_edge::retry::RetryPolicy;
use relay_edge::Error;
use reqwest::{blocking, redirect};

pub(crate) struct Upstream {
    base_url: String,
    client: blocking::Client,
    policy: RetryPolicy,
    started: Instant,
}

impl Upstream {
    pub(crate) fn new(base_url: String) -> reqwest::Result<Self> {
        let policy = RetryPolicy::default();
        let client = blocking::Client::builder()
            .timeout(Duration::from_millis(policy.timeout_ms.into()))
            // None is followed, least of all with an API key or a pass.
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self { base_url, client, policy, started: Instant::now() })
    }

    /// Sends a request once. Every failure is one after which nobody knows whether it arrived.
    pub(crate) fn send(&self, request: &Request) -> Result<Response, Error> {
        let failed = |error: reqwest::Error| if error.is_timeout() { Error::Timeout } else { Error::Transport };
        let mut post = self.client.post([self.base_url.as_str(), &request.path].concat());
        for (name, value) in &request.headers {
            post = post.header(*name, value);
        }
        let response = post.body(request.body.clone()).send().map_err(failed)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let headers = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        Ok(Response::new(status, headers, response.text().map_err(failed)?))
    }

    /// Waits before another try, or gives up for now with the error: a later run goes on from the record.
    pub(crate) fn wait(&self, error: Error, tries: &mut u32) -> Result<(), Error> {
        *tries += 1;
        let elapsed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let asked = error.retry_after_seconds();
        let wait_ms = self.policy.wait_ms(error.class(), *tries, asked, elapsed_ms, UnwrapErr(SysRng).next_u32());
        sleep(Duration::from_millis(wait_ms.ok_or(error)?.into()));
        Ok(())
    }
}
