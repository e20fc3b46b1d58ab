/** What Persona says of a request that it refuses may repeat a part of it. No secret that it was sent is passed on, or logged. */
import type { Config } from "./env.js";
import type { Failure } from "./ledger_protocol.js";

/** What Persona said in an error, as far as it is text of its own. */
type Said = Pick<Failure, "title" | "details" | "code" | "meta" | "requestId">;

/**
 * Tells whether a value, with all that is in it, holds the API key of the deployment or one of `sent`, the secrets of a request.
 * Found by how they begin, as they are and as JSON spells them, not otherwise encoded.
 */
export function echoes(config: Config, sent: readonly (string | undefined)[]): (value: unknown) => boolean {
  const all = [config.mode === "managed" ? config.apiKey : undefined, ...sent];
  const secrets = all.filter((secret) => secret !== undefined && secret.length >= SHORTEST).map((secret) => JSON.stringify(secret?.slice(0, BEGINNING)).slice(1, -1));
  return (value) => secrets.some((secret) => (JSON.stringify(value) ?? "").includes(secret));
}

/** The failure without what {@link echoes} a secret. */
export function withoutEchoes(failure: Failure, config: Config, sent: readonly (string | undefined)[]): Failure {
  if (failure.origin !== "upstream") return failure;
  const holds = echoes(config, sent);
  const ours = failure.statusCode >= 500 ? "upstream_unavailable" : "upstream_rejected";
  const { title, details, meta, requestId, code, ...rest } = failure;
  const said: Said = {
    title: holds(title) ? "Persona's answer holds a secret, and is not passed on." : title,
    // It is logged, so it has to look like one.
    code: holds(code) || !CODE.test(code) ? ours : code,
    ...(details !== undefined && !holds(details) && { details }),
    ...(meta !== undefined && !holds(meta) && { meta }),
    ...(requestId !== undefined && !holds(requestId) && { requestId }),
  };
  return { ...rest, ...said };
}

const CODE = /^[\w.:-]{1,64}$/;

/** A request id, say, has no room for all of a pass. A pass begins with 22 characters that all passes have. */
const BEGINNING = 48;

/** Anything shorter is in many a text by chance. */
const SHORTEST = 8;
