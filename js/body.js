// The body of an answer, as far as one that answers to the protocol may go. `text()` would hold all of it in memory, of any
// length and whatever it unpacks to, until the call's time is over.

/** Bytes, unpacked. More than any answer of the protocol has. */
export const LONGEST = 1 << 20;

/**
 * With a compatibility date before 2026-03-03 workerd reports every read that fails as a rejection that nobody handles, whoever
 * handles it; what `text()` does it does not report.
 */
const { compatibilityFlags } = globalThis.Cloudflare ?? {};
const reportsReads = compatibilityFlags !== undefined && !compatibilityFlags.unhandled_rejection_after_microtask_checkpoint;

/**
 * Whether its length is announced, of bytes that are not packed: then it does not go further, and is read in one piece. In workerd
 * only: a browser does not show whether they are packed.
 */
function announced({ headers }) {
  if (globalThis.Cloudflare === undefined || headers.get("content-encoding") !== null) return false;
  const length = headers.get("content-length");
  return length !== null && Number(length) <= LONGEST;
}

/**
 * The text of an answer; one that is too long is cut off, and counts as empty: whether it says yes or no, nobody can tell. Where it
 * has to be read in one piece, it may be any text.
 */
export function textOf(answer) {
  // Of a caller's own `fetch`, it need not have a body that can be read piece by piece.
  return reportsReads || typeof answer.body?.getReader !== "function" || announced(answer) ? answer.text() : read(answer.body.getReader());
}

async function read(reader) {
  const decoder = new TextDecoder();
  let text = "";
  for (let length = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    length += value.byteLength;
    if (length > LONGEST) {
      // Not waited for: whoever sends without end may not let go either.
      reader.cancel().catch(() => undefined);
      return "";
    }
    text += decoder.decode(value, { stream: true });
  }
}
