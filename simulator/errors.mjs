/**
 * What the simulator says when it refuses a request.
 *
 * The shape is the upstream's: `{"errors": [{"title", "details", "code"}]}` (docs/protocol.md
 * section 4). Titles follow the documentation; codes are the simulator's own and stable, so that tests can tell
 * one refusal from another.
 */

/** A request that is refused. Thrown anywhere below the router, turned into an answer in one place. */
export class Refusal extends Error {
  /**
   * @param {number} status HTTP status, 400 to 499
   * @param {string} code stable, snake_case
   * @param {string} details one sentence for a person: what was wrong, never a secret
   * @param {{ title?: string, headers?: Record<string, string> }} [more] `title` defaults to the status's
   */
  constructor(status, code, details, { title = TITLES[status] ?? 'Error', headers = {} } = {}) {
    super(details);
    this.name = 'Refusal';
    this.status = status;
    this.code = code;
    this.title = title;
    this.headers = headers;
  }

  /** @returns {import('./http.mjs').Answer} */
  toAnswer() {
    return {
      status: this.status,
      headers: this.headers,
      body: { errors: [{ title: this.title, details: this.message, code: this.code }] },
    };
  }
}

/** An unknown relay and a wrong relay secret look exactly the same (docs/protocol.md section 4). */
export function relayNotFound() {
  return new Refusal(404, 'relay_not_found', 'No relay has this token and secret.');
}

/** A mistake of whoever starts or calls the simulator from JavaScript; the command line prints its message. */
export class UsageError extends Error {
  /** @param {string} message one sentence */
  constructor(message) {
    super(message);
    this.name = 'UsageError';
  }
}

/** @type {Record<number, string>} */
const TITLES = {
  400: 'Bad request',
  401: 'Must be authenticated to access this endpoint',
  403: 'Forbidden',
  404: 'Record not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Payload too large',
  415: 'Unsupported media type',
  422: 'Unprocessable entity',
};
