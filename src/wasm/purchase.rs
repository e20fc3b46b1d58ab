//! `issuePrivacyPass`: buys a pass, or goes on buying it, or answers the one that was bought. And `issuerKey`, which ends where
//! something would be bought.

use wasm_bindgen::JsValue;

use super::client::{Client, WhichPass};
use super::crypto;
use super::drive::{Drive, Why};
use super::error::Failure;
use super::fetch::unix_seconds as now;
use super::line::{read, Heard};
use super::out::{issuer_key_to_js, to_js};
use super::run::{Job, Step, Told, OUT_OF_TURN};
use super::store::{loaded, Store};
use crate::api;
use crate::challenge::Offer;
use crate::error::Error;
use crate::idempotency::IdempotencyKey;
use crate::pass::PendingPass;
use crate::purchase::{self, Effect, Event, Purchase, Sent};
use crate::secret::SecretBytes;

/// A purchase under way.
pub(super) struct Buying {
    drive: Drive,
    which: WhichPass,
    /// What the idempotency key follows from. `None` makes it random, for a record that outlives no call.
    seed: Option<SecretBytes>,
    /// `None`: nothing is to be bought.
    why: Option<Why>,
    at: At,
    record: Purchase,
    event: Event,
    /// When the event happened, in Unix seconds: a record that another driver has changed is told the same event, as late as
    /// it is.
    told_at: i64,
    /// What is being made durable, and what is to be done then.
    next: Option<(Purchase, Effect)>,
    offer: Option<Offer>,
    pending: Option<PendingPass>,
}

/// What is waited for.
#[derive(Clone, Copy)]
enum At {
    Start,
    Record,
    RecordAgain,
    Save,
    Late,
    Challenge,
    Leave,
    Signature,
    NextTry,
}

impl Buying {
    pub(super) fn new(
        client: Client,
        store: Store,
        which: WhichPass,
        seed: Option<SecretBytes>,
        why: Option<Why>,
    ) -> Self {
        Self {
            drive: Drive::new(client, store),
            which,
            seed,
            why,
            at: At::Start,
            record: Purchase::default(),
            event: Event::Again { now: 0 },
            told_at: 0,
            next: None,
            offer: None,
            pending: None,
        }
    }

    fn load(&mut self, at: At) -> Result<Step, Failure> {
        self.at = at;
        match self.drive.store.load()? {
            Some(promise) => Ok(Step::Wait(promise)),
            None => self.step(Ok(JsValue::UNDEFINED)),
        }
    }

    fn tell(&mut self, event: Event) -> Result<Step, Failure> {
        self.event = event;
        self.told_at = now();
        self.advance()
    }

    fn advance(&mut self) -> Result<Step, Failure> {
        let (next, effect) = purchase::advance(self.record.clone(), self.event.clone());
        if next == self.record {
            return self.perform(effect);
        }
        let durable = self.drive.store.save(&|| next.to_text(), &self.drive.version)?;
        self.next = Some((next, effect));
        self.at = At::Save;
        durable.map_or_else(|| self.durable(), |promise| Ok(Step::Wait(promise)))
    }

    fn durable(&mut self) -> Result<Step, Failure> {
        let Some((record, effect)) = self.next.take() else { return Err(OUT_OF_TURN.into()) };
        self.record = record;
        self.perform(effect)
    }

    fn perform(&mut self, effect: Effect) -> Result<Step, Failure> {
        match effect {
            Effect::Prepare if matches!(self.why, Some(Why::ByItself)) => Err(Error::PurchaseNotInDoubt.into()),
            Effect::Prepare => {
                // Before anything is asked for that could not be paid.
                self.drive.line.client.api_key()?;
                self.ask()
            }
            // The store took its time: the key may be forgotten by when this would arrive.
            Effect::Send(_) if now() - self.told_at > purchase::SEND_WITHIN_SECONDS => {
                self.tell(Event::Again { now: now() })
            }
            Effect::Send(sent) => self.buy(&sent),
            Effect::Unsettled(error) => {
                self.at = At::NextTry;
                self.drive.wait(error).map(Step::Wait)
            }
            Effect::Done(Ok(pass)) => {
                let members = [("privacyPassToken", pass.expose().into()), ("replayed", self.drive.replayed().into())];
                to_js(&members).map(Step::End)
            }
            Effect::Done(Err(error)) => Err(self.drive.whole(error)),
        }
    }

    /// Asks for a challenge, which is free, with tries of its own.
    fn ask(&mut self) -> Result<Step, Failure> {
        self.at = At::Challenge;
        let request = match &self.which {
            WhichPass::ClaimType { claim_type, sandbox } => api::challenge_by_claim_type(claim_type, *sandbox),
            WhichPass::Relay { relay_token, relay_secret } => api::challenge_by_relay(relay_token, relay_secret),
        };
        let heard = self.drive.line.send(request);
        self.heard(heard)
    }

    fn buy(&mut self, sent: &Sent) -> Result<Step, Failure> {
        let pass = match self.pending.take().filter(|pending| pending.to_text() == sent.pending_pass) {
            Some(pending) => pending,
            None => PendingPass::from_text(&sent.pending_pass).map_err(|_| Error::RecordInvalid)?,
        };
        let client = &self.drive.line.client;
        let key = IdempotencyKey::kept(&sent.idempotency_key);
        let request = client
            .api_key()
            .map(|api_key| api::purchase(pass.blinded_token(), pass.key_id(), api_key, &key, client.version()));
        self.pending = Some(pass);
        self.at = At::Signature;
        let heard = match request {
            Ok(request) => {
                self.drive.tries += 1;
                self.drive.line.send(request)
            }
            Err(error) => Heard::Answer(Err(error.into())),
        };
        self.heard(heard)
    }

    fn heard(&mut self, heard: Heard) -> Result<Step, Failure> {
        let answer = match heard {
            Heard::Wait(promise) => return Ok(Step::Wait(promise)),
            Heard::Answer(answer) => answer,
        };
        if matches!(self.at, At::Challenge) {
            let read_offer = match self.which {
                WhichPass::ClaimType { .. } => api::challenge_by_claim_type_answer,
                WhichPass::Relay { .. } => api::challenge_by_relay_answer,
            };
            return match read(answer, read_offer) {
                Ok(offer) => self.offered(offer),
                Err(failure) => self.drive.line.retry(failure),
            };
        }
        let pass = read(answer, |response, now| {
            let Some(pending) = &self.pending else { return Err(OUT_OF_TURN) };
            pending.finalize(&api::purchase_answer(response, pending.modulus_len(), now)?)
        });
        let answer = pass.map_err(|failure| self.drive.failed(failure));
        self.tell(Event::Answered { attempt: self.record.attempt, answer, now: now() })
    }

    /// Checks the key's id, and asks whether the key is accepted.
    fn offered(&mut self, mut offer: Offer) -> Result<Step, Failure> {
        offer.permissive = self.drive.line.client.permissive();
        offer.check_key_id()?;
        if self.why.is_none() {
            return issuer_key_to_js(&self.which, &offer).map(Step::End);
        }
        let leave = self.drive.line.client.accept(&self.which, &offer)?;
        self.offer = Some(offer);
        self.at = At::Leave;
        leave.map_or_else(|| self.blind(), |promise| Ok(Step::Wait(promise)))
    }

    fn blind(&mut self) -> Result<Step, Failure> {
        let Some(offer) = self.offer.take() else { return Err(OUT_OF_TURN.into()) };
        let prepared = PendingPass::blind(offer, &mut crypto::rng())?;
        let attempt = self.record.attempt;
        let key = match &self.seed {
            Some(seed) => IdempotencyKey::for_kept_purchase(seed, attempt),
            None => IdempotencyKey::for_purchase(crypto::random_bytes()),
        };
        let (pending_pass, idempotency_key) = (prepared.to_text(), key.as_str().into());
        self.pending = Some(prepared);
        self.tell(Event::Prepared { attempt, pending_pass, idempotency_key, now: now() })
    }
}

impl Job for Buying {
    fn step(&mut self, told: Told) -> Result<Step, Failure> {
        match self.at {
            At::Start if self.why.is_none() => self.ask(),
            At::Start => self.load(At::Record),
            At::Record | At::RecordAgain => {
                let (text, version) = loaded(told)?;
                self.drive.version = version;
                self.record = match text {
                    Some(text) => Purchase::from_text(&text).ok_or(Error::RecordInvalid)?,
                    // Of a purchase that was never begun.
                    None => Purchase::default(),
                };
                if matches!(self.at, At::RecordAgain) {
                    return self.advance();
                }
                self.tell(match self.why {
                    Some(Why::ByItself) => Event::Again { now: now() },
                    Some(Why::AllowedAgain) => Event::AllowedAgain { attempt: self.record.attempt },
                    _ => Event::Called { now: now() },
                })
            }
            At::Save => {
                if self.drive.saved(told)? {
                    return self.durable();
                }
                self.at = At::Late;
                self.drive.make_way().map(Step::Wait)
            }
            At::Late => self.load(At::RecordAgain),
            At::Challenge | At::Signature => {
                let heard = self.drive.line.hear(told);
                self.heard(heard)
            }
            At::Leave => {
                told.map_err(Failure::of_the_caller)?;
                self.drive.line.check_time()?;
                self.blind()
            }
            At::NextTry => self.tell(Event::Again { now: now() }),
        }
    }
}
