//! `generateClaim`: redeems a pass, or goes on redeeming it, or answers the claim that was read.

use wasm_bindgen::JsValue;

use super::client::Client;
use super::drive::{Drive, Why};
use super::error::Failure;
use super::fetch::{self, unix_seconds as now};
use super::line::{read, Heard};
use super::out::to_js;
use super::run::{Job, Step, Told, OUT_OF_TURN};
use super::store::{loaded, Store};
use crate::api;
use crate::error::Error;
use crate::idempotency::IdempotencyKey;
use crate::identifiers::RelayToken;
use crate::redemption::{self, Effect, Event, Redemption};
use crate::secret::{PrivacyPassToken, RelaySecret};

/// A redemption under way.
pub(super) struct Redeeming {
    drive: Drive,
    relay_token: RelayToken,
    relay_secret: RelaySecret,
    /// May be left out when the record has one; another one than the record's takes its place only when nothing can come of
    /// that one.
    pass: Option<PrivacyPassToken>,
    why: Why,
    at: At,
    record: Option<Redemption>,
    event: Event,
    /// What is being made durable, and what is to be done then.
    next: Option<(Redemption, Effect)>,
    /// The attempt that is sent, or is to be.
    attempt: u32,
    sent_pass: Option<PrivacyPassToken>,
}

/// What is waited for.
#[derive(Clone, Copy)]
enum At {
    Start,
    Record,
    RecordAgain,
    Save,
    Late,
    Send,
    Claim,
    NextTry,
}

impl Redeeming {
    pub(super) fn new(
        client: Client,
        store: Store,
        relay_token: RelayToken,
        relay_secret: RelaySecret,
        pass: Option<PrivacyPassToken>,
        why: Why,
    ) -> Self {
        Self {
            drive: Drive::new(client, store),
            relay_token,
            relay_secret,
            pass,
            why,
            at: At::Start,
            record: None,
            event: Event::Again { now: 0 },
            next: None,
            attempt: 0,
            sent_pass: None,
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
        self.advance()
    }

    fn advance(&mut self) -> Result<Step, Failure> {
        let record = match (self.record.take(), &self.pass) {
            (Some(record), Some(pass)) if record.pass != pass.expose() && record.may_change_pass() => {
                Redemption::new(pass.expose().into())
            }
            (Some(record), _) => record,
            (None, Some(pass)) => Redemption::new(pass.expose().into()),
            (None, None) => return Err(Error::Parameter { field: "privacy-pass-token", problem: "is missing" }.into()),
        };
        // A failure of another pass, whose place this one has taken, says nothing of this one.
        if matches!(&self.event, Event::Answered { answer: Err(_), .. })
            && self.sent_pass.as_ref().map(PrivacyPassToken::expose) != Some(record.pass.as_str())
        {
            self.event = Event::Again { now: now() };
        }
        let (next, effect) = redemption::advance(record.clone(), self.event.clone());
        if next == record {
            self.record = Some(record);
            return self.perform(effect);
        }
        let durable = self.drive.store.save(&|| next.to_text(), &self.drive.version)?;
        self.next = Some((next, effect));
        self.at = At::Save;
        durable.map_or_else(|| self.durable(), |promise| Ok(Step::Wait(promise)))
    }

    fn durable(&mut self) -> Result<Step, Failure> {
        let Some((record, effect)) = self.next.take() else { return Err(OUT_OF_TURN.into()) };
        self.record = Some(record);
        self.perform(effect)
    }

    fn perform(&mut self, effect: Effect) -> Result<Step, Failure> {
        match effect {
            Effect::Send { attempt, after_ms } => {
                self.attempt = attempt;
                if after_ms == 0 {
                    return self.send();
                }
                self.at = At::Send;
                Ok(Step::Wait(fetch::sleep(after_ms)))
            }
            Effect::Unsettled(error) => {
                self.at = At::NextTry;
                self.drive.wait(error).map(Step::Wait)
            }
            Effect::Done(Ok(claim)) => {
                let members = [
                    ("claimPayload", claim.claim_payload.as_str().into()),
                    ("tokenConsumed", claim.token_consumed.into()),
                    ("replayed", self.drive.replayed().into()),
                ];
                to_js(&members).map(Step::End)
            }
            Effect::Done(Err(error)) => Err(self.drive.whole(error)),
        }
    }

    fn send(&mut self) -> Result<Step, Failure> {
        let Some(record) = &self.record else { return Err(OUT_OF_TURN.into()) };
        let pass = PrivacyPassToken::parse(record.pass.as_str()).map_err(|_| Error::RecordInvalid)?;
        let key = IdempotencyKey::for_redemption(&self.relay_token, &self.relay_secret, &pass, self.attempt);
        let request = api::redeem(&self.relay_token, &self.relay_secret, &pass, &key);
        self.sent_pass = Some(pass);
        self.drive.tries += 1;
        self.at = At::Claim;
        let heard = self.drive.line.send(request);
        self.heard(heard)
    }

    fn heard(&mut self, heard: Heard) -> Result<Step, Failure> {
        let answer = match heard {
            Heard::Wait(promise) => return Ok(Step::Wait(promise)),
            Heard::Answer(answer) => read(answer, api::redeem_answer).map_err(|failure| self.drive.failed(failure)),
        };
        self.tell(Event::Answered { attempt: self.attempt, answer, now: now() })
    }
}

impl Job for Redeeming {
    fn step(&mut self, told: Told) -> Result<Step, Failure> {
        match self.at {
            At::Start => self.load(At::Record),
            At::Record | At::RecordAgain => {
                let (text, version) = loaded(told)?;
                self.drive.version = version;
                self.record = match text {
                    Some(text) => Some(Redemption::from_text(&text).ok_or(Error::RecordInvalid)?),
                    None => None,
                };
                match (self.at, self.why) {
                    (At::RecordAgain, _) => self.advance(),
                    (_, Why::ByItself) => self.tell(Event::Again { now: now() }),
                    _ => self.tell(Event::Called { now: now() }),
                }
            }
            At::Save => {
                if self.drive.saved(told)? {
                    return self.durable();
                }
                self.at = At::Late;
                self.drive.make_way().map(Step::Wait)
            }
            At::Late => self.load(At::RecordAgain),
            At::Send => self.send(),
            At::Claim => {
                let heard = self.drive.line.hear(told);
                self.heard(heard)
            }
            At::NextTry => self.tell(Event::Again { now: now() }),
        }
    }
}
