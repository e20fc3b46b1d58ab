// Writes what fuzzing starts from, fuzz/corpus/TARGET/, from the test vectors and from forms that the protocol knows:
//
//   node fuzz/seed.mjs
//
// Files are named by their SHA-256, so that those which fuzzing has found stay beside them.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const vectors = JSON.parse(readFileSync(new URL("../tests/vectors/passes.json", import.meta.url), "utf8"));
const bytes = (text) => Buffer.from(text, "base64url");
const small = [0, 1, 2].map((at) => vectors[at]);
const challenges = small.map(({ challenge }) => bytes(challenge));
const keys = [vectors[0], vectors[1], vectors[13]].map(({ token_key: key }) => key);
const header = ({ challenge, token_key: key, token_key_id: id }) => `PrivateToken challenge="${challenge}", token-key="${key}", token-key-id=${JSON.stringify(id)}`;
const offer = ({ challenge, token_key: key, token_key_id: id }) => JSON.stringify({ challenge, "token-key": key, "token-key-id": id });
const pem = (label, der) => `-----BEGIN ${label}-----\n${der.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END ${label}-----\n`;

const kept = ({ challenge, token_key, token_key_id: key_id, nonce, blinded_token }) =>
  JSON.stringify({ v: 1, challenge: bytes(challenge).toString(), token_key, key_id, nonce, inverse: blinded_token, blinded_token });
const refusal = { status: 422, title: "No", details: null, code: "why", requestId: "req_1" };
const sent = (more) => ({ pending_pass: "AAAA", idempotency_key: "k", first_sent_at: 1_795_235_400, in_flight: true, in_doubt: false, first_5xx_at: null, sends: 1, ...more });
const purchase = (state) => JSON.stringify({ v: 1, attempt: 1, state });
const redemption = (state) => JSON.stringify({ v: 1, pass: "cGFzcw", state });

const seeds = {
  challenge: [...challenges, '{"mac":"m"}', '{"mac":"\\ud83d\\ude00","expires_at":"2026-11-21T05:31:00.5+01:00","token_type":2,"x":[1e400]}', "[]", small[0].challenge],
  www_authenticate: [header(small[0]), 'Basic realm="a\\"b", PrivateToken challenge=e30=, token-key = "k" , Negotiate YQ==', "A,B c=d,, e=\"f\"", "Token68 YWJj==", 'X a=b, A="c"'],
  issuer_key: keys.map(bytes),
  key_id: [...small.map(({ token_key_id: id, token_key: key }) => Buffer.concat([Buffer.from(`${id}\n`), bytes(key)])), `${"0".repeat(64)}\n`, `${"A".repeat(43)}=\nx`],
  pass: [kept(vectors[0]), small[0].privacy_pass_token, "cGFzcw"],
  claim: [
    '{"claim_type":"age_over18_germany","claim_result":"passed","methodology":[{"method":"document_selfie","result":"failed"}],"x":null}',
    '{"claim_type":"a","claim_result":"failed"}', "QUJD".repeat(86),
  ],
  base64: ["_-8=", "AAECAwQ", "+/8=", ""],
  pem: [pem("PUBLIC KEY", bytes(keys[0])), pem("RSA PRIVATE KEY", bytes(keys[0])), bytes(keys[0])],
  times: ["2026-11-21T04:31:00.5+01:00", "0000-01-01t23:59:60-23:59", "Sat, 21 Nov 2026 04:31:00 GMT"],
  headers: ["120", "Sat, 21 Nov 2026 04:31:00 GMT", "eyJh.eyJz.c2ln", "99999999999999999999"],
  identifiers: ["relay_0123abc", "age_over18_germany", "persona_sandbox_x", "../v1"],
  answers: [
    offer(small[0]), header(small[1]), '{"blind-sig":"AAAA"}', '{"claim-payload":"{}","token-consumed":true}',
    '{"relay-token":"relay_a","relay-secret":"s","relay-session-access-token":"a.b.c"}',
  ],
  error_bodies: ['{"errors":[{"title":"t","details":"d","code":"c","meta":{"a":[1]}},{}]}', '{"errors":[{"title":null,"meta":[1]}]}', '{"errors":[]}', "<html>"],
  purchase_record: [
    purchase("none"), purchase({ sent: sent() }), purchase({ sent: sent({ in_flight: false, sends: 0, in_doubt: true, first_sent_at: 1 }) }), purchase({ issued: { pass: "cGFzcw", issued_at: 2 } }),
    purchase({ rejected: { refusal } }), purchase({ unknown: { sent: sent(), since: 3 } }), purchase({ unusable: { since: 4 } }),
  ],
  redemption_record: [redemption("ready"), redemption({ redeemed: { claim_payload: "{}", at: 1 } }), redemption({ rejected: { refusal, attempt: 0 } }), redemption({ lost: { since: 1 } })],
};

for (const [target, inputs] of Object.entries(seeds)) {
  const folder = new URL(`corpus/${target}/`, import.meta.url);
  mkdirSync(folder, { recursive: true });
  for (const input of inputs) writeFileSync(new URL(createHash("sha256").update(input).digest("hex").slice(0, 40), folder), input);
}
