//! One relay from its creation to the claim, with the core of this crate and a blocking HTTP client.
//!
//! ```text
//! npm run simulator &
//! PERSONA_API_KEY=persona_sandbox_simulator cargo run --example reqwest -- http://127.0.0.1:4010 records
//! ```
//!
//! The core does no I/O: it makes requests, and is told what came of them. Before a request leaves, what is needed to
//! repeat it is written into the folder `records`. Kill the program at any moment and start it again: it goes on from
//! there, and no pass is bought twice. One program at a time, for these files know no compare-and-set.
//!
//! This repository takes reqwest without TLS, for it talks to the simulator only. For the real API take it with its
//! default features: `reqwest = { version = "0.13", features = ["blocking"] }`.
#![cfg_attr(target_arch = "wasm32", no_main)]
#![cfg(not(target_arch = "wasm32"))]

mod http;
mod records;

use std::env;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use getrandom::rand_core::{Rng, UnwrapErr};
use getrandom::SysRng;
use relay_edge::api::{self, Relay, Response};
use relay_edge::claim::Claim;
use relay_edge::idempotency::IdempotencyKey;
use relay_edge::identifiers::ClaimType;
use relay_edge::pass::PendingPass;
use relay_edge::purchase::{self, Purchase};
use relay_edge::redemption::{self, Redemption};
use relay_edge::secret::{ApiKey, PrivacyPassToken};
use relay_edge::{hosted_flow, Error};

use http::Upstream;
use records::Records;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let args: Vec<_> = env::args().skip(1).collect();
    let [base_url, folder] = args.try_into().map_err(|_| "expected two arguments: BASE_URL FOLDER")?;
    let api_key = ApiKey::parse(env::var("PERSONA_API_KEY")?)?;
    let claim_type = ClaimType::parse("age_over18_germany")?;
    let run = Run { upstream: Upstream::new(base_url)?, records: Records::open(folder)? };

    let relay = run.create(&claim_type)?;
    println!("relay {}", relay.relay_token.as_str());
    let pass = run.buy(&claim_type, &api_key)?;
    println!("pass bought");
    match run.redeem(&relay, &pass) {
        Ok(claim) => println!("claim {} {}", claim.claim_type, if claim.passed { "passed" } else { "failed" }),
        Err(error) if error.downcast_ref().is_some_and(|error: &Error| error.code() == "claim_not_ready") => {
            println!("not yet: {}", hosted_flow::url(&relay.relay_session_access_token, None)?);
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

struct Run {
    upstream: Upstream,
    records: Records,
}

impl Run {
    /// The relay of an earlier run, or a new one. What is kept is the answer, as it came.
    fn create(&self, claim_type: &ClaimType) -> Result<Relay> {
        if let Some(body) = self.records.read::<String>("relay")? {
            return Ok(api::create_answer(&Response::new(200, [], body), now())?);
        }
        let response = self.upstream.send(&api::create(claim_type, None, true))?;
        let relay = api::create_answer(&response, now())?;
        self.records.write("relay", &response.body)?;
        Ok(relay)
    }

    /// The loop of docs/exactly-once.md: advance, make the record durable, perform the effect, and again.
    fn buy(&self, claim_type: &ClaimType, api_key: &ApiKey) -> Result<PrivacyPassToken> {
        let mut record: Purchase = self.records.read("purchase")?.unwrap_or_default();
        let mut event = purchase::Event::Called { now: now() };
        let mut tries = 0;
        loop {
            let (next, effect) = purchase::advance(record, event);
            self.records.write("purchase", &next)?;
            record = next;
            let attempt = record.attempt;
            event = match effect {
                purchase::Effect::Prepare => {
                    let response = self.upstream.send(&api::challenge_by_claim_type(claim_type, true))?;
                    let offer = api::challenge_by_claim_type_answer(&response, now())?;
                    let pending_pass = PendingPass::blind(offer, &mut UnwrapErr(SysRng))?.to_text();
                    let mut random = [0; 16];
                    UnwrapErr(SysRng).fill_bytes(&mut random);
                    let idempotency_key = IdempotencyKey::for_purchase(random).as_str().to_owned();
                    purchase::Event::Prepared { attempt, pending_pass, idempotency_key, now: now() }
                }
                purchase::Effect::Send(sent) => {
                    let pass = PendingPass::from_text(&sent.pending_pass)?;
                    let key = IdempotencyKey::kept(&sent.idempotency_key);
                    let request = api::purchase(pass.blinded_token(), pass.key_id(), api_key, &key, None);
                    let response = self.upstream.send(&request);
                    let signature = response.and_then(|it| api::purchase_answer(&it, pass.modulus_len(), now()));
                    let answer = signature.and_then(|signature| pass.finalize(&signature));
                    purchase::Event::Answered { attempt, answer, now: now() }
                }
                purchase::Effect::Unsettled(error) => {
                    self.upstream.wait(error, &mut tries)?;
                    purchase::Event::Again { now: now() }
                }
                purchase::Effect::Done(pass) => return Ok(pass?),
            };
        }
    }

    /// The same loop.
    fn redeem(&self, relay: &Relay, pass: &PrivacyPassToken) -> Result<Claim> {
        let kept = self.records.read("redemption")?;
        let mut record = kept.unwrap_or_else(|| Redemption::new(pass.expose().to_owned()));
        let mut event = redemption::Event::Called { now: now() };
        let mut tries = 0;
        loop {
            let (next, effect) = redemption::advance(record, event);
            self.records.write("redemption", &next)?;
            record = next;
            event = match effect {
                redemption::Effect::Send { attempt, after_ms } => {
                    sleep(Duration::from_millis(after_ms.into()));
                    let Relay { relay_token, relay_secret, .. } = relay;
                    let key = IdempotencyKey::for_redemption(relay_token, relay_secret, pass, attempt);
                    let request = api::redeem(relay_token, relay_secret, pass, &key);
                    let answer = self.upstream.send(&request).and_then(|it| api::redeem_answer(&it, now()));
                    redemption::Event::Answered { attempt, answer, now: now() }
                }
                redemption::Effect::Unsettled(error) => {
                    self.upstream.wait(error, &mut tries)?;
                    redemption::Event::Again { now: now() }
                }
                redemption::Effect::Done(claim) => {
                    return Ok(Claim::parse(&claim?.claim_payload).map_err(Error::from)?);
                }
            };
        }
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
