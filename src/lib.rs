//! The Relay client for edge runtimes.
//!
//! Relay answers one question about a person ("over 18?", "a live human?") without the platform learning who the person
//! is and without the identity provider learning which platform asked. It does so with Privacy Pass (RFC 9576, 9577,
//! 9578) over blind RSA signatures (RFC 9474): the platform *buys* a pass under its API key, blinded, and later *spends*
//! the unblinded pass anonymously to read one claim.
//!
//! This crate is a **sans-I/O core**: time, randomness and responses are arguments, requests and values are results. The
//! only I/O is in the `wasm` module, which drives the core over the JavaScript runtime's `fetch` and WebCrypto.
//!
//! | question | module |
//! | --- | --- |
//! | what goes over the wire, and what comes back? | [`api`] |
//! | what does a failure mean, and what may a retry do? | [`outcome`], [`retry`], [`idempotency`] |
//! | how is a challenge read and checked? | [`www_authenticate`], [`challenge`], [`issuer_key`] |
//! | how is a pass made? | [`blind`], [`pass`] |
//! | what did the claim say? | [`claim`], [`encryption_key`] |
//! | where does the person go? | [`hosted_flow`] |
//! | how is nothing billed twice or lost, whatever fails? | [`purchase`], [`redemption`] |
//!
//! # From a relay to its claim
//!
//! `upstream` stands for any HTTP client: it sends a [`Request`](api::Request) and answers a [`Response`](api::Response).
//! `now` is in Unix seconds, `rng` a cryptographic generator, and the function `stored` makes a record durable. The loop
//! over a machine's effects is the same for every driver; `examples/reqwest/` has it with files, retries and waits.
//!
//! ```
//! use relay_edge::claim::Claim;
//! use relay_edge::idempotency::IdempotencyKey;
//! use relay_edge::identifiers::ClaimType;
//! use relay_edge::pass::PendingPass;
//! use relay_edge::purchase::{self, Purchase};
//! use relay_edge::redemption::{self, Redemption};
//! use relay_edge::secret::ApiKey;
//! use relay_edge::{api, hosted_flow};
//! #
//! # // The upstream: it signs with a key of its own, and verifies what is spent. Each first answer to a purchase and to
//! # // a redemption is lost.
//! # use std::cell::Cell;
//! # use blind_rsa_signatures::{DefaultRng, KeyPairSha384PSSDeterministic as KeyPair, Signature};
//! # use relay_edge::encoding::{base64url, from_base64url};
//! # use relay_edge::outcome::Call;
//! # use relay_edge::pass::TokenInput;
//! # use serde_json::{json, Value};
//! # let issuer = KeyPair::generate(&mut DefaultRng, 2048).unwrap();
//! # let calls = Cell::new(0);
//! # let last = Cell::new(None);
//! # let upstream = |request: &api::Request| {
//! #     let body: Value = serde_json::from_str(&request.body).unwrap();
//! #     let decode = |value: &Value| from_base64url(value.as_str().unwrap()).unwrap();
//! #     let answer = match request.call {
//! #         Call::Create => json!({ "relay-token": "relay_1", "relay-secret": "s", "relay-session-access-token": "a.b.c" }),
//! #         Call::Challenge => json!({
//! #             "challenge": base64url(br#"{"token_type":2,"mac":"m","expires_at":"2999-01-01T00:00:00Z"}"#),
//! #             "token-key": base64url(&issuer.pk.to_spki().unwrap()),
//! #             "token-key-id": "k",
//! #         }),
//! #         Call::Purchase => {
//! #             json!({ "blind-sig": base64url(&issuer.sk.blind_sign(decode(&body["blinded-token"])).unwrap().0) })
//! #         }
//! #         Call::Redemption => {
//! #             assert!(request.headers.iter().all(|(_, value)| !value.contains("persona_sandbox")));
//! #             let spent = request.headers.iter().find_map(|(_, value)| value.strip_prefix("PrivateToken token="));
//! #             let pass: Value = serde_json::from_slice(&decode(&spent.unwrap().into())).unwrap();
//! #             let input = TokenInput::new(pass["token_nonce"].as_str().unwrap(), "m", "k");
//! #             issuer.pk.verify(&Signature(decode(&pass["signature"])), None, input.as_bytes()).unwrap();
//! #             let claim = r#"{"claim_type":"age_over18_germany","claim_result":"passed"}"#;
//! #             json!({ "claim-payload": claim, "token-consumed": true })
//! #         }
//! #     };
//! #     calls.set(calls.get() + 1);
//! #     let costs = matches!(request.call, Call::Purchase | Call::Redemption);
//! #     let lost = costs && last.replace(Some(request.call)) != Some(request.call);
//! #     api::Response::new(if lost { 503 } else { 200 }, [], answer.to_string())
//! # };
//! # fn stored<R: serde::Serialize + serde::de::DeserializeOwned>(record: R) -> R {
//! #     serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap()
//! # }
//! # let (now, random, mut rng) = (1_795_235_460, [7; 16], DefaultRng);
//!
//! // A relay is free. The person opens the page; the relay secret stays here.
//! let claim_type = ClaimType::parse("age_over18_germany")?;
//! let relay = api::create_answer(&upstream(&api::create(&claim_type, None, true)), now)?;
//! let page = hosted_flow::url(&relay.relay_session_access_token, None)?;
//!
//! // A pass costs money. The upstream signs it blindly, and will not know it again.
//! let api_key = ApiKey::parse("persona_sandbox_example")?;
//! let (mut record, mut event) = (Purchase::default(), purchase::Event::Called { now });
//! let pass = loop {
//!     let (next, effect) = purchase::advance(record, event);
//!     record = stored(next);
//!     let attempt = record.attempt;
//!     event = match effect {
//!         purchase::Effect::Prepare => {
//!             let response = upstream(&api::challenge_by_claim_type(&claim_type, true));
//!             let offer = api::challenge_by_claim_type_answer(&response, now)?;
//!             let pending_pass = PendingPass::blind(offer, &mut rng)?.to_text();
//!             let idempotency_key = IdempotencyKey::for_purchase(random).as_str().to_owned();
//!             purchase::Event::Prepared { attempt, pending_pass, idempotency_key, now }
//!         }
//!         purchase::Effect::Send(sent) => {
//!             let pending = PendingPass::from_text(&sent.pending_pass)?;
//!             let key = IdempotencyKey::kept(&sent.idempotency_key);
//!             let request = api::purchase(pending.blinded_token(), pending.key_id(), &api_key, &key, None);
//!             let signature = api::purchase_answer(&upstream(&request), pending.modulus_len(), now);
//!             let answer = signature.and_then(|signature| pending.finalize(&signature));
//!             purchase::Event::Answered { attempt, answer, now }
//!         }
//!         // Here a driver waits, see `retry`, or leaves the rest to a later call.
//!         purchase::Effect::Unsettled(_) => purchase::Event::Again { now },
//!         purchase::Effect::Done(pass) => break pass?,
//!     };
//! };
//!
//! // When the person is done: without the API key, and with nothing else that names the platform.
//! let (mut record, mut event) = (Redemption::new(pass.expose().to_owned()), redemption::Event::Called { now });
//! let answer = loop {
//!     let (next, effect) = redemption::advance(record, event);
//!     record = stored(next);
//!     event = match effect {
//!         redemption::Effect::Send { attempt, .. } => {
//!             let key = IdempotencyKey::for_redemption(&relay.relay_token, &relay.relay_secret, &pass, attempt);
//!             let request = api::redeem(&relay.relay_token, &relay.relay_secret, &pass, &key);
//!             let answer = api::redeem_answer(&upstream(&request), now);
//!             redemption::Event::Answered { attempt, answer, now }
//!         }
//!         redemption::Effect::Unsettled(_) => redemption::Event::Again { now },
//!         redemption::Effect::Done(answer) => break answer?,
//!     };
//! };
//!
//! let claim = Claim::parse(&answer.claim_payload).map_err(relay_edge::Error::from)?;
//! assert!(claim.passed && answer.token_consumed);
//! # assert!(page.ends_with("=a.b.c"));
//! # assert_eq!(calls.get(), 6, "two of the four calls were made twice, for their first answer was lost");
//! # Ok::<(), relay_edge::Error>(())
//! ```

pub mod api;
pub mod blind;
pub mod challenge;
pub mod claim;
mod der;
pub mod encoding;
pub mod encryption_key;
pub mod error;
pub mod hosted_flow;
pub mod idempotency;
pub mod identifiers;
mod inverse;
pub mod issuer_key;
mod json;
mod modulus;
pub mod outcome;
pub mod pass;
mod pss;
pub mod purchase;
pub mod redemption;
pub mod refusal;
pub mod retry;
pub mod secret;
#[cfg(test)]
mod test_support;
pub mod time;
pub mod www_authenticate;

#[cfg(all(target_arch = "wasm32", target_os = "unknown", feature = "js"))]
mod wasm;

pub use error::Error;
