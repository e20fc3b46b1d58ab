/** Idempotency keys: one execution, then the same answer for 24 hours (docs/protocol.md section 4). */
import crypto from 'node:crypto';
import { Refusal } from './errors.mjs';

/** How long an answer is kept, milliseconds. */
const LIFETIME_MS = 24 * 60 * 60 * 1000;

/**
 * **[assumed]** One namespace for all calls and accounts. Upstream may well keep one per account, but a key that
 * shows up on a purchase *and* on a redemption would let it link the two: here that is an idempotency error.
 */
export class IdempotencyMemory {
  /** @type {Map<string, { fingerprint: string, settled: Promise<void>, answer?: import('./http.mjs').Answer, expiresAt: number }>} */
  #entries = new Map();
  #now;

  /** @param {{ now: () => number }} options */
  constructor({ now }) {
    this.#now = now;
  }

  /**
   * Executes once per key.
   *
   * **[assumed]** A request that arrives while another with its key is under way waits for it, and then either
   * replays its answer or, when there is none to keep, executes itself.
   *
   * @param {string} key
   * @param {unknown[]} parameters everything that must be the same when the key is used again
   * @param {() => import('./http.mjs').Answer | Promise<import('./http.mjs').Answer>} execute may throw a {@link Refusal}
   * @param {(answer: import('./http.mjs').Answer) => boolean} keeps which answers are kept
   * @returns {Promise<{ answer: import('./http.mjs').Answer, replayed: boolean }>}
   */
  async run(key, parameters, execute, keeps) {
    const fingerprint = crypto.createHash('sha256').update(JSON.stringify(parameters)).digest('hex');
    for (let known = this.#lookUp(key); known; known = this.#lookUp(key)) {
      if (known.fingerprint !== fingerprint) {
        throw new Refusal(400, 'idempotency_error', 'This idempotency key was used with other parameters.', {
          title: 'Idempotency error',
        });
      }
      if (known.answer) return { answer: known.answer, replayed: true };
      await known.settled;
    }

    let settle = () => {};
    const entry = {
      fingerprint,
      settled: new Promise((/** @type {(value: void) => void} */ resolve) => (settle = resolve)),
      expiresAt: Infinity,
    };
    this.#entries.set(key, entry);
    /** @type {import('./http.mjs').Answer | undefined} */
    let answer;
    try {
      answer = await settledAnswer(execute);
      return { answer, replayed: false };
    } finally {
      if (answer && keeps(answer)) {
        Object.assign(entry, { answer, expiresAt: this.#now() + LIFETIME_MS });
      } else if (this.#entries.get(key) === entry) {
        this.#entries.delete(key);
      }
      settle();
    }
  }

  /** Forgets every key. */
  reset() {
    this.#entries.clear();
  }

  /** @param {string} key */
  #lookUp(key) {
    const entry = this.#entries.get(key);
    if (entry && entry.expiresAt <= this.#now()) {
      this.#entries.delete(key);
      return undefined;
    }
    return entry;
  }
}

/** @param {import('./http.mjs').Answer} answer */
export function keepsSuccess(answer) {
  return answer.status >= 200 && answer.status < 300;
}

/** What the general API is documented to keep: failures too, except 401 and 429. @param {import('./http.mjs').Answer} answer */
export function keepsFailuresToo(answer) {
  return answer.status !== 401 && answer.status !== 429;
}

/** @param {() => import('./http.mjs').Answer | Promise<import('./http.mjs').Answer>} execute */
async function settledAnswer(execute) {
  try {
    return await execute();
  } catch (error) {
    if (error instanceof Refusal) return error.toAnswer();
    throw error;
  }
}
