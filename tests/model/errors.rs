//! Between what the model says and the crate's errors.

use relay_edge::error::UpstreamError;
use relay_edge::outcome::{classify, Call, Class};
use relay_edge::Error;

use crate::driver::Verdict;
use crate::world::Reply;

/// What a driver makes of an answer that is no success.
pub(crate) fn error_of(call: Call, reply: Reply) -> Error {
    let Reply::Status(status) = reply else { return Error::Timeout };
    let class = classify(call, status);
    // What stands in front of the upstream has no words of the upstream's.
    let title = (status != 404).then(|| "Refused".to_owned());
    let (details, code, meta, request_id, retry_after_seconds) = (None, None, None, None, None);
    let upstream = UpstreamError { call, status, class, title, details, code, meta, request_id, retry_after_seconds };
    Error::Upstream(Box::new(upstream))
}

/// What a caller is told.
pub(crate) fn verdict_of(error: &Error) -> Verdict {
    match error {
        Error::PurchaseUnknown { .. } => Verdict::Unknown,
        Error::BlindSignature => Verdict::Unusable,
        Error::ClaimLost { .. } => Verdict::Lost,
        Error::Internal(_) => Verdict::Internal,
        error if error.class() == Class::Configuration => Verdict::Configuration,
        _ => Verdict::Rejected,
    }
}
