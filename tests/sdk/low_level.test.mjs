/** The steps for those who bring their own HTTP. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CLAIM_TYPE, PRODUCTION_KEY, failure, library, offer, rsaKey, useSimulator } from "./support.mjs";

const { blindPrivacyPass, finalizePrivacyPass } = library;
const simulator = await useSimulator();

const post = (path, headers, body) => fetch(simulator.url + path, { method: "POST", headers: { "content-type": "application/json", "key-inflection": "kebab", ...headers }, body: JSON.stringify(body) });
const askByClaimType = async () => {
  const answer = await (await post("/api/privacy/v1/relays/challenge", {}, { "claim-type": CLAIM_TYPE })).json();
  return { challenge: answer.challenge, tokenKey: answer["token-key"], tokenKeyId: answer["token-key-id"] };
};
const askByRelay = async ({ relayToken, relaySecret }) => {
  const answer = await post(`/api/privacy/v1/relays/${relayToken}/generate-claim`, { "persona-relay-secret": relaySecret }, {});
  assert.equal(answer.status, 401);
  return answer.headers.get("www-authenticate");
};
const buy = async ({ blindedToken, keyId }) => {
  const headers = { authorization: `Bearer ${PRODUCTION_KEY}`, "idempotency-key": "key-of-the-caller" + Math.random() };
  return (await (await post("/api/v1/privacy-passes", headers, { "blinded-token": blindedToken, "key-id": keyId })).json())["blind-sig"];
};

async function spend(relay, pass) {
  simulator.complete(relay.relayToken, { result: "passed" });
  assert.equal((await simulator.client().relays.generateClaim({ ...relay, ...pass })).tokenConsumed, true);
}

const forms = {
  "the JSON answer": async () => askByClaimType(),
  "one header": async (relay) => ({ wwwAuthenticate: await askByRelay(relay) }),
  "an array of one header": async (relay) => ({ wwwAuthenticate: [await askByRelay(relay)] }),
  "several schemes in one header": async (relay) => ({ wwwAuthenticate: `Basic realm="a, PrivateToken challenge=\\"x\\"", Negotiate abc==,, ${await askByRelay(relay)}, unknown="1", Bearer` }),
  "several headers": async (relay) => ({ wwwAuthenticate: ['Digest realm="x", nonce=y', await askByRelay(relay), "Basic"] }),
  "a header that is malformed before one that is not": async (relay) => ({ wwwAuthenticate: ['"', await askByRelay(relay)] }),
  "other case, other order, spaces, bare tokens": async (relay) => {
    const { challenge, key, id } = /challenge="(?<challenge>[^"]+)", token-key="(?<key>[^"]+)", token-key-id="(?<id>[^"]+)"/.exec(await askByRelay(relay)).groups;
    return { wwwAuthenticate: `pRIVATEtOKEN  TOKEN-KEY-ID = ${id} ,Token-Key=${key},\tmax-age=10, CHALLENGE\t=\t"${challenge.replace(/^./, "\\$&")}" ,` };
  },
  "one that can't be used before one that can": async (relay) => {
    const good = await askByRelay(relay);
    return { wwwAuthenticate: `PrivateToken challenge="e30", token-key="AAAA", token-key-id="x", ${good}` };
  },
};

for (const [name, ask] of Object.entries(forms)) {
  test(`a pass from ${name}`, async () => {
    const relay = await simulator.client().relays.create({ claimType: CLAIM_TYPE });
    const blinded = blindPrivacyPass(await ask(relay));
    assert.deepEqual(Object.keys(blinded).sort(), ["blindedToken", "keyId", "pendingPass"]);
    assert.match(blinded.blindedToken, /^[A-Za-z0-9_-]{342}$/);
    const pass = finalizePrivacyPass({ pendingPass: blinded.pendingPass, blindSig: await buy(blinded) });
    assert.deepEqual(Object.keys(pass), ["privacyPassToken"]);
    await spend(relay, pass);
  });
}

test("the same challenge blinds to another token each time, and finalizing twice gives one pass", async () => {
  const input = await askByClaimType();
  const [one, two] = [blindPrivacyPass(input), blindPrivacyPass(input)];
  assert.notEqual(one.blindedToken, two.blindedToken);
  const blindSig = await buy(one);
  const passes = [blindSig, blindSig, `${blindSig}==`].map((blindSig) => finalizePrivacyPass({ pendingPass: one.pendingPass, blindSig }).privacyPassToken);
  assert.equal(new Set(passes).size, 1);
  const error = await failure(async () => finalizePrivacyPass({ pendingPass: two.pendingPass, blindSig }));
  assert.equal(error.code, "blind_signature_invalid");
});

test("the challenge stands in the pass to the letter", async () => {
  const input = await askByClaimType();
  const blinded = blindPrivacyPass(input);
  const { privacyPassToken } = finalizePrivacyPass({ pendingPass: blinded.pendingPass, blindSig: await buy(blinded) });
  const raw = Buffer.from(input.challenge, "base64url").toString().trim();
  assert.ok(Buffer.from(privacyPassToken, "base64url").toString().endsWith(`"challenge":${raw}}`));
});

test("headers that offer nothing", async () => {
  const whole = (await forms["one header"](await simulator.client().relays.create({ claimType: CLAIM_TYPE }))).wwwAuthenticate;
  for (const wwwAuthenticate of [
    "", [], [""], "Basic", 'Bearer realm="x"', "PrivateToken", "PrivateToken abc==", 'PrivateToken challenge="e30"', "PrivateTokens challenge=a, token-key=b, token-key-id=c",
    whole.replace("token-key-id=", "token-key-ids="), whole.replace("token-key=", "token-keys="), whole.replace("challenge=", "challenges="), whole.replace(/"$/, ""), `${whole}, challenge="e30"`, `Basic realm="${whole.replaceAll('"', '\\"')}"`,
  ]) {
    const error = await failure(async () => blindPrivacyPass({ wwwAuthenticate }));
    assert.equal(error.code, "challenge_invalid", JSON.stringify(wwwAuthenticate).slice(0, 80));
    assert.equal(error.statusCode, 502);
  }
});

test("a pending pass that was tampered with", async () => {
  const input = await askByClaimType();
  const blinded = blindPrivacyPass(input);
  const blindSig = await buy(blinded);
  const kept = JSON.parse(Buffer.from(blinded.pendingPass, "base64url"));
  const encode = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
  const finalize = (pendingPass) => failure(async () => finalizePrivacyPass({ pendingPass, blindSig }));
  assert.equal(finalizePrivacyPass({ pendingPass: encode(kept), blindSig }).privacyPassToken.length > 0, true);

  const unreadable = ["", "eA", "e30", encode("null"), encode("[]"), encode("{}"), `${blinded.pendingPass}A`, `${blinded.pendingPass} `, blinded.pendingPass.slice(0, -5), blinded.pendingPass.slice(5), encode({ ...kept, v: 2 }), encode({ ...kept, v: "1" })];
  for (const member of Object.keys(kept)) {
    const { [member]: _, ...without } = kept;
    unreadable.push(encode(without), encode({ ...kept, [member]: null }), encode({ ...kept, [member]: {} }));
  }
  for (const [member, value] of [["nonce", "00"], ["inverse", "AAAA"], ["inverse", "*"], ["token_key", "AAAA"], ["token_key", ""], ["challenge", "{}"], ["challenge", ""], ["blinded_token", "AAAA"]]) unreadable.push(encode({ ...kept, [member]: value }));
  for (const pendingPass of unreadable) assert.equal((await finalize(pendingPass)).code, "pending_pass_invalid", pendingPass.slice(0, 80));

  const other = blindPrivacyPass(input);
  const otherKept = JSON.parse(Buffer.from(other.pendingPass, "base64url"));
  for (const [member, value] of [
    ["nonce", otherKept.nonce], ["inverse", otherKept.inverse], ["inverse", Buffer.alloc(256).toString("base64url")], ["inverse", Buffer.alloc(256, 0xff).toString("base64url")],
    ["key_id", "another"], ["challenge", '{"mac":"another"}'], ["token_key", rsaKey().spki.toString("base64url")],
  ]) {
    const { code } = await finalize(encode({ ...kept, [member]: value }));
    assert.equal(code, "blind_signature_invalid", member);
  }
});

test("blind signatures of other lengths", async () => {
  const { pendingPass } = blindPrivacyPass(offer());
  for (const length of [0, 1, 255, 257, 512, 10_000]) {
    const error = await failure(async () => finalizePrivacyPass({ pendingPass, blindSig: Buffer.alloc(length, 1).toString("base64url") }));
    assert.ok(["blind_signature_invalid", "parameter_invalid"].includes(error.code), `${length}: ${error.code}`);
  }
});

test("a pending pass outlives its challenge", async () => {
  const late = Date.now() + 3600_000;
  const input = await askByClaimType();
  const blinded = blindPrivacyPass(input);
  const blindSig = await buy(blinded);
  const kept = JSON.parse(Buffer.from(blinded.pendingPass, "base64url"));
  const clock = Date.now;
  Date.now = () => late + 365 * 24 * 3600_000;
  try {
    assert.equal((await failure(async () => blindPrivacyPass(input))).code, "challenge_expired");
    assert.ok(finalizePrivacyPass({ pendingPass: blinded.pendingPass, blindSig }).privacyPassToken);
  } finally {
    Date.now = clock;
  }
  assert.equal(kept.key_id, blinded.keyId);
});
