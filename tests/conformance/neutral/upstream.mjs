/** The simulator as a case sees it: over HTTP, by the runtime's own `fetch`. */

export const PRODUCTION_KEY = "persona_production_simulator";
export const SANDBOX_KEY = "persona_sandbox_simulator";

/**
 * @typedef {{ id: string, call: string, method: string, target: string, body: string, status: number | null, headers: Record<string, string> }} Seen
 *   `headers` by lower-case name
 */

/** @param {string} url of the simulator, or of what forwards `/api/` and `/_simulator/` to it */
export function openUpstream(url) {
  const control = async (method, path, body) => {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const response = await fetch(`${url}/_simulator/${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const answer = await response.json();
    if (response.status !== 200) throw new Error(`the simulator refused ${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const requests = async (call) => {
    const { requests: all } = await control("GET", "requests");
    return all
      .filter((request) => call === undefined || request.call === call)
      .map(({ rawHeaders, ...request }) => ({ ...request, headers: Object.fromEntries(rawHeaders.map(([name, value]) => [name.toLowerCase(), value])) }));
  };
  return {
    url,
    /** Forgets all that was, faults too. */
    reset: () => control("POST", "reset", {}),
    /** These rules and no others: see `npm run simulator -- --help`. */
    faults: (...rules) => control("POST", "faults", { rules }),
    clearFaults: () => control("DELETE", "faults"),
    /** Exchanges that hang or are held, and whose client is still there. */
    held: async () => (await control("GET", "faults")).held,
    /** Says what the person's verification came to. */
    complete: (relayToken, result = "passed", methodology) => control("POST", `relays/${relayToken}/complete`, { result, ...(methodology && { methodology }) }),
    ledger: () => control("GET", "ledger"),
    /** @type {(call?: string) => Promise<Seen[]>} what came since the reset, oldest first */
    requests,
    /** A request like any other caller of the upstream makes it. */
    post: (path, headers, body) =>
      fetch(url + path, { method: "POST", headers: { "content-type": "application/json", "key-inflection": "kebab", ...headers }, body: JSON.stringify(body) }),
  };
}
