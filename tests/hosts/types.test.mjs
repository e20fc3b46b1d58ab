/** js/gateway.d.ts, which is written by hand, says what hosts/gateway.ts is, and what its users write. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { inRoot } from "../../scripts/lib/program.mjs";

const USES = `
import { type Gateway, GatewayConfigError, type GatewayDatabase, nodeListener, openGateway } from "../../../js/gateway.js";
import * as built from "../../../hosts/gateway.js";
import type * as declared from "../../../js/gateway.js";

export const same: typeof declared = built;
export const back: typeof built = {} as typeof declared;

declare const database: GatewayDatabase;
export const gateway: Gateway = openGateway({ env: { PERSONA_API_KEY: "x", HOME: undefined }, database });
export const uses: unknown[] = [
  openGateway({ env: {} }).mode satisfies "managed" | "pass-through",
  openGateway({ env: {}, anonymousFetch: (url: string, init: RequestInit) => fetch(url, init) }).mode,
  gateway.fetch(new Request("http://gateway/")).then(({ status }) => status),
  gateway.close(),
  gateway.close({ limitMs: 1000, stopServer: () => Promise.resolve() }),
  nodeListener(gateway),
  new GatewayConfigError([]).problems.join(),
];
declare const env: { GATEWAY: declared.RelayGatewayBinding };
export async function bound(): Promise<string | number | undefined> {
  const made = await env.GATEWAY.createRelay({ claimType: "x" });
  // @ts-expect-error it may have failed
  made.value;
  if (!made.ok) return made.error.retryAfter;
  const { relayToken } = made.value;
  const bought = await env.GATEWAY.issuePrivacyPass({ relayToken });
  if (bought.ok && bought.replayed) return bought.value.privacyPassToken;
  // @ts-expect-error a pass is bought for a relay or a claim type
  env.GATEWAY.issuePrivacyPass({});
  const redeemed = await env.GATEWAY.redeemRelay({ relayToken });
  return redeemed.ok ? redeemed.value.claimPayload : undefined;
}
// @ts-expect-error there is nothing to read the settings from
openGateway({ database });
// @ts-expect-error a path is no database
openGateway({ env: {}, database: "relay-edge.db" });
// @ts-expect-error the address of a proxy is no fetch
openGateway({ env: {}, anonymousFetch: "http://127.0.0.1:3128" });
`;

test("tsc finds the declarations true, and takes what users write", () => {
  mkdirSync(inRoot("build/types"), { recursive: true });
  const folder = mkdtempSync(inRoot("build/types/hosts-"));
  try {
    writeFileSync(path.join(folder, "uses.ts"), USES);
    const types = inRoot("node_modules/@cloudflare/workers-types");
    writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({ extends: "../../../hosts/tsconfig.json", compilerOptions: { types: [types] }, include: [], files: ["uses.ts"] }));
    execFileSync(process.execPath, [inRoot("node_modules/typescript/bin/tsc"), "-p", folder], { encoding: "utf8" });
  } catch (error) {
    assert.fail(error.stdout || error);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
