//! The drivers of the two machines: advance, make the record durable, perform the effect, and again.
//!
//! Several may drive one record at once: the store compares and sets, and whoever comes too late goes on from what stands.

use super::client::{Client, Read, WhichPass};
use super::error::Failure;
use super::store::Store;
use super::{crypto, fetch};
use crate::api::{self, GeneratedClaim, Request};
use crate::error::Error;
use crate::idempotency::IdempotencyKey;
use crate::identifiers::RelayToken;
use crate::pass::PendingPass;
use crate::purchase::{self, Purchase};
use crate::redemption::{self, Redemption};
use crate::secret::{PrivacyPassToken, RelaySecret, SecretBytes};

/// A result, and whether it was there before.
pub(super) struct Delivered<T> {
    pub(super) value: T,
    pub(super) replayed: bool,
}

/// What an idempotency key for a purchase follows from. `None` makes it random, for a record that outlives no call.
pub(super) type KeySeed = Option<SecretBytes>;

/// Who sets a driver going.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Somebody wants the result.
    Called,
    /// Nobody asked: something is in doubt, and is gone on with. No new attempt is made.
    ByItself,
    /// An operator gives leave to buy once more after a purchase of which nobody knows whether it was billed.
    AllowedAgain,
}

/// Buys a pass, or goes on buying it, or answers the one that was bought.
pub(super) async fn purchase(
    client: &Client,
    store: &Store,
    which: &WhichPass,
    seed: &KeySeed,
    why: Why,
) -> Result<Delivered<PrivacyPassToken>, Failure> {
    let mut run = Run::start(client);
    let (text, mut version) = store.load().await?;
    let mut record = purchase_of(text)?;
    let mut event = match why {
        Why::Called => purchase::Event::Called { now: now() },
        Why::ByItself => purchase::Event::Again { now: now() },
        Why::AllowedAgain => purchase::Event::AllowedAgain { attempt: record.attempt },
    };
    let mut pending: Option<PendingPass> = None;
    // When the event happened: a record that another driver has changed is told the same event, as late as it is.
    let mut told_at = now();
    loop {
        let (next, effect) = purchase::advance(record.clone(), event.clone());
        if next != record {
            let Some(saved) = store.save(&|| next.to_text(), &version).await? else {
                let (text, its_version) = store.load().await?;
                (record, version) = (purchase_of(text)?, its_version);
                continue;
            };
            (record, version) = (next, saved);
        }
        event = match effect {
            purchase::Effect::Prepare => match run.prepare(which).await {
                Ok(prepared) => {
                    let text = prepared.to_text();
                    pending = Some(prepared);
                    purchase::Event::Prepared {
                        attempt: record.attempt,
                        pending_pass: text,
                        idempotency_key: purchase_key(seed, record.attempt).as_str().into(),
                        now: now(),
                    }
                }
                // It has made tries of its own, and nothing was bought.
                Err(failure) => return Err(failure),
            },
            // The store took its time: the key may be forgotten by when this would arrive.
            purchase::Effect::Send(_) if now() - told_at > purchase::SEND_WITHIN_SECONDS => {
                purchase::Event::Again { now: now() }
            }
            purchase::Effect::Send(sent) => {
                let pass = match pending.take().filter(|pending| pending.to_text() == sent.pending_pass) {
                    Some(pending) => pending,
                    None => PendingPass::from_text(&sent.pending_pass).map_err(|_| Error::RecordInvalid)?,
                };
                let answer = run.buy(&pass, &sent).await;
                pending = Some(pass);
                let attempt = record.attempt;
                match answer {
                    Ok(pass) => purchase::Event::Answered { attempt, answer: Ok(pass), now: now() },
                    Err(failure) => run.failed(failure, |error| purchase::Event::Answered {
                        attempt,
                        answer: Err(error),
                        now: now(),
                    }),
                }
            }
            purchase::Effect::Unsettled(error) => {
                run.wait(error).await?;
                purchase::Event::Again { now: now() }
            }
            purchase::Effect::Done(result) => return run.end(result),
        };
        told_at = now();
    }
}

/// Redeems a pass, or goes on redeeming it, or answers the claim that was read. `pass` may be left out when the record has
/// one; another one than the record's takes its place only when nothing can come of that one.
pub(super) async fn redemption(
    client: &Client,
    store: &Store,
    relay_token: &RelayToken,
    relay_secret: &RelaySecret,
    pass: Option<&PrivacyPassToken>,
    why: Why,
) -> Result<Delivered<GeneratedClaim>, Failure> {
    let mut run = Run::start(client);
    let (text, mut version) = store.load().await?;
    let mut stands = redemption_of(text)?;
    let mut event = match why {
        Why::ByItself => redemption::Event::Again { now: now() },
        _ => redemption::Event::Called { now: now() },
    };
    let mut sent_pass = None;
    loop {
        let record = match (stands.take(), pass) {
            (Some(record), Some(pass)) if record.pass != pass.expose() && record.may_change_pass() => {
                Redemption::new(pass.expose().into())
            }
            (Some(record), _) => record,
            (None, Some(pass)) => Redemption::new(pass.expose().into()),
            (None, None) => return Err(Error::Parameter { field: "privacy-pass-token", problem: "is missing" }.into()),
        };
        let bound = PrivacyPassToken::parse(record.pass.as_str()).map_err(|_| Error::RecordInvalid)?;
        // A failure of another pass, whose place this one has taken, says nothing of this one.
        if matches!(&event, redemption::Event::Answered { answer: Err(_), .. }) && sent_pass.as_ref() != Some(&bound) {
            event = redemption::Event::Again { now: now() };
        }
        let (next, effect) = redemption::advance(record.clone(), event.clone());
        if next != record {
            let Some(saved) = store.save(&|| next.to_text(), &version).await? else {
                let (text, its_version) = store.load().await?;
                (stands, version) = (redemption_of(text)?, its_version);
                continue;
            };
            version = saved;
        }
        stands = Some(next);
        event = match effect {
            redemption::Effect::Send { attempt, after_ms } => {
                fetch::sleep_if(after_ms).await;
                let key = IdempotencyKey::for_redemption(relay_token, relay_secret, &bound, attempt);
                let request = api::redeem(relay_token, relay_secret, &bound, &key);
                sent_pass = Some(bound);
                match run.redeem(&request).await {
                    Ok(claim) => redemption::Event::Answered { attempt, answer: Ok(claim), now: now() },
                    Err(failure) => run.failed(failure, |error| redemption::Event::Answered {
                        attempt,
                        answer: Err(error),
                        now: now(),
                    }),
                }
            }
            redemption::Effect::Unsettled(error) => {
                run.wait(error).await?;
                redemption::Event::Again { now: now() }
            }
            redemption::Effect::Done(result) => return run.end(result),
        };
    }
}

/// A record as it stands, or one of a purchase that was never begun.
fn purchase_of(text: Option<String>) -> Result<Purchase, Error> {
    text.map_or(Ok(Purchase::default()), |text| Purchase::from_text(&text).ok_or(Error::RecordInvalid))
}

fn redemption_of(text: Option<String>) -> Result<Option<Redemption>, Error> {
    text.map(|text| Redemption::from_text(&text).ok_or(Error::RecordInvalid)).transpose()
}

fn purchase_key(seed: &KeySeed, attempt: u32) -> IdempotencyKey {
    match seed {
        Some(seed) => IdempotencyKey::for_kept_purchase(seed, attempt),
        None => IdempotencyKey::for_purchase(crypto::random_bytes()),
    }
}

/// What one run remembers between its effects, and no record needs to.
struct Run<'a> {
    client: &'a Client,
    /// Unix milliseconds.
    started: f64,
    /// Exchanges made.
    tries: u32,
    /// The latest failure, with what the machines do not look at: the cause and the request id.
    latest: Option<Failure>,
}

impl<'a> Run<'a> {
    fn start(client: &'a Client) -> Self {
        Self { client, started: fetch::unix_milliseconds(), tries: 0, latest: None }
    }

    /// Fetches a challenge, with tries of its own, has its key accepted, and blinds a token for it.
    async fn prepare(&self, which: &WhichPass) -> Result<PendingPass, Failure> {
        // Before anything is asked for that could not be paid.
        self.client.api_key()?;
        let offer = self.client.challenge(self.started, which).await?;
        self.client.accept(self.started, which, &offer).await?;
        Ok(PendingPass::blind(offer, &mut crypto::rng())?)
    }

    async fn buy(&mut self, pending: &PendingPass, sent: &purchase::Sent) -> Result<PrivacyPassToken, Failure> {
        let api_key = self.client.api_key()?;
        let key = IdempotencyKey::kept(&sent.idempotency_key);
        let request = api::purchase(pending.blinded_token(), pending.key_id(), api_key, &key, self.client.version());
        let mut pass = Err(Error::Timeout);
        let read: &mut Read<'_> = &mut |response, now| {
            pass = Ok(pending.finalize(&api::purchase_answer(response, pending.modulus_len(), now)?)?);
            Ok(())
        };
        self.exchange(&request, read).await?;
        Ok(pass?)
    }

    async fn redeem(&mut self, request: &Request) -> Result<GeneratedClaim, Failure> {
        let mut claim = Err(Error::Timeout);
        let read: &mut Read<'_> = &mut |response, now| {
            claim = Ok(api::redeem_answer(response, now)?);
            Ok(())
        };
        self.exchange(request, read).await?;
        Ok(claim?)
    }

    /// One exchange, within the time that is left.
    async fn exchange(&mut self, request: &Request, read: &mut Read<'_>) -> Result<(), Failure> {
        self.tries += 1;
        self.client.exchange(self.started, request, read).await
    }

    /// Turns a failure into an event, and keeps of it what the event does not carry.
    fn failed<E>(&mut self, failure: Failure, event: impl FnOnce(Error) -> E) -> E {
        let event = event(failure.error.clone());
        self.latest = Some(failure);
        event
    }

    /// Waits before the next try.
    ///
    /// # Errors
    /// `error` when there is to be none.
    async fn wait(&mut self, error: Error) -> Result<(), Failure> {
        match self.client.wait_ms(&error, self.tries.max(1), self.started) {
            Some(wait_ms) => {
                fetch::sleep(wait_ms).await;
                Ok(())
            }
            None => Err(self.whole(error)),
        }
    }

    fn end<T>(&mut self, result: Result<T, Error>) -> Result<Delivered<T>, Failure> {
        match result {
            Ok(value) => Ok(Delivered { value, replayed: self.tries == 0 }),
            Err(error) => Err(self.whole(error)),
        }
    }

    /// An error with its cause and request id, if it is the latest that there was.
    fn whole(&mut self, error: Error) -> Failure {
        match self.latest.take() {
            Some(latest) if latest.error == error => latest,
            Some(latest) => Failure { request_id: latest.request_id, ..error.into() },
            None => error.into(),
        }
    }
}

fn now() -> i64 {
    fetch::unix_seconds()
}
