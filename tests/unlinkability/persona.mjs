/** A Persona that is curious: the simulator, and everything that it can see of every call, in its order. */
import { startSimulator } from "../../simulator/index.mjs";

/**
 * @typedef {object} Seen one call, as it looks from the other end
 * @property {string} call
 * @property {number} at milliseconds
 * @property {number} connection counts the connections
 * @property {number} port of the peer
 * @property {number} nth call of its connection
 * @property {[string, string][]} headers in their order and case
 * @property {string} body
 * @property {string | undefined} account who pays: purchases only
 * @property {string | undefined} relay
 * @property {string | undefined} challenge the text that was handed out, or that came back in the pass
 */

/**
 * @param {object} options
 * @param {Record<string, string>} options.accounts API keys by name
 * @param {boolean} options.tags whether each challenge is unique; else all of a claim type are the same
 */
export async function startCuriousPersona({ accounts, tags }) {
  /** @type {Seen[]} */
  const seen = [];
  const connections = new Map();
  const nameOf = Object.fromEntries(Object.entries(accounts).map(([name, key]) => [`Bearer ${key}`, name]));
  /** @type {any} */
  let handedOut;
  const simulator = await startSimulator({
    apiKeys: { production: Object.values(accounts) },
    async intercept({ call, request, relayToken, response }, next) {
      const { socket } = response;
      const of = connections.get(socket) ?? { connection: connections.size + 1, calls: 0 };
      connections.set(socket, of);
      const { rawHeaders, headers, body } = request;
      const [authorization = ""] = headers.get("authorization") ?? [];
      /** @type {Seen} */
      const one = {
        call, at: performance.now(), connection: of.connection, port: socket?.remotePort ?? 0, nth: (of.calls += 1), headers: rawHeaders, body: body.toString("utf8"),
        account: nameOf[authorization], relay: relayToken ?? undefined, challenge: challengeOfPass(authorization),
      };
      seen.push(one);
      let answer = await next();
      if (call === "challenge") {
        handedOut ??= answer;
        if (!tags) answer = handedOut;
        one.challenge = Buffer.from(/** @type {any} */ (answer.body).challenge, "base64url").toString("utf8");
      }
      if (call === "create") one.relay = /** @type {any} */ (answer.body).relayToken;
      return answer;
    },
  });
  return { simulator, seen };
}

/** @param {string} authorization */
function challengeOfPass(authorization) {
  const pass = /^PrivateToken token=(.+)$/.exec(authorization)?.[1];
  if (pass === undefined) return undefined;
  const text = Buffer.from(pass, "base64url").toString("utf8");
  // To the letter, and so without reading and writing it as JSON.
  return /"challenge":([^]*)\}$/.exec(text)?.[1];
}
