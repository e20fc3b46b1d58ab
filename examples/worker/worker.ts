// One age check over HTTP: a Worker without the gateway. What must be remembered is in verification.ts.
import { hostedFlowUrl } from "relay-edge";
import { type Env, questionOf, relaysOf } from "./verification";

export { Verification } from "./verification";

export default {
  async fetch(request, env) {
    const [, path, id] = new URL(request.url).pathname.split("/");
    // Whoever gets here can make you buy a pass: let in your own users only.
    if (path === "verifications" && request.method === "POST" && !id) {
      const { relayToken, relaySecret, relaySessionAccessToken } = await relaysOf(env).create(questionOf(env));
      await env.VERIFICATIONS.getByName(relayToken).keep(relaySecret);
      return Response.json({ id: relayToken, url: hostedFlowUrl(relaySessionAccessToken) }, { status: 201 });
    }
    const found = path === "verifications" && id ? await env.VERIFICATIONS.getByName(id).result(id) : undefined;
    return Response.json(found ?? { error: "not found" }, { status: found ? 200 : 404 });
  },
} satisfies ExportedHandler<Env>;
