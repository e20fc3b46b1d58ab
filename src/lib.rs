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

pub mod api;
pub mod blind;
pub mod challenge;
pub mod claim;
pub mod encoding;
pub mod encryption_key;
pub mod error;
pub mod hosted_flow;
pub mod idempotency;
pub mod identifiers;
pub mod issuer_key;
pub mod outcome;
pub mod pass;
pub mod purchase;
pub mod redemption;
pub mod refusal;
pub mod retry;
pub mod secret;
#[cfg(test)]
mod test_support;
pub mod time;
pub mod www_authenticate;

#[cfg(all(target_arch = "wasm32", feature = "js"))]
mod wasm;

pub use error::Error;
