/**
 * The anonymous egress: performs the gateway's creations, challenges and redemptions under a name of its own, so that
 * `CF-Worker` names it and not the platform (docs/deploying.md, "What a redemption gives away"). It has no address, only the
 * gateway's service binding reaches it. It holds no secret, keeps nothing and logs nothing.
 */

interface Env {
  /** Where Persona's API is: its own setting, whatever the gateway's is. */
  readonly PERSONA_BASE_URL?: string;
}

/** The three anonymous calls; the purchase is none. */
const PATH = /^\/api\/privacy\/v1\/relays(?:\/challenge|\/[A-Za-z0-9_-]{1,128}\/generate-claim)?$/;

/** What is passed on, and what comes back. All else stays here. */
const ASKED = ["content-type", "accept", "authorization", "persona-relay-secret", "idempotency-key", "key-inflection"];
const ANSWERED = ["content-type", "request-id", "retry-after", "ratelimit-reset", "www-authenticate"];

export default {
  async fetch(request, env): Promise<Response> {
    // Read to its end: a body of unknown length would be sent in chunks, by this Worker and by no other.
    const body = await request.arrayBuffer();
    const { pathname, search } = new URL(request.url);
    const credentials = request.headers.get("authorization") ?? "PrivateToken ";
    // An API key has taken the wrong way: it must not leave from here.
    const ours = request.method === "POST" && search === "" && PATH.test(pathname) && credentials.startsWith("PrivateToken ");
    if (!ours) return new Response(null, { status: 400 });

    const url = baseUrl(env) + pathname;
    const answer = await fetch(url, { method: "POST", headers: only(ASKED, request.headers), body, redirect: "manual" });
    // A redirect is answered without its target, and followed by nobody.
    const redirected = answer.status >= 300 && answer.status < 400;
    return new Response(redirected ? null : answer.body, { status: answer.status, headers: only(ANSWERED, answer.headers) });
  },
} satisfies ExportedHandler<Env>;

function only(names: readonly string[], headers: Headers): [string, string][] {
  return names.flatMap((name): [string, string][] => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value]];
  });
}

function baseUrl({ PERSONA_BASE_URL: url = "https://api.withpersona.com" }: Env): string {
  if (!/^(?:https:\/\/[^\s?#@\\]+|http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?(?:\/[^\s?#@\\]*)?)$/.test(url)) throw new Error("PERSONA_BASE_URL is malformed");
  return url.replace(/\/$/, "");
}
