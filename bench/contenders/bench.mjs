/**
 * The operations that are timed, in any runtime. What calls it sends commands (bench/runtimes/), one after the other, because
 * it is outside that OpenSSL signs, verifies and, for workerd, looks at the clock.
 */
import { fromBase64url } from './bytes.mjs';
import { bigint, inverseOf, toInteger } from './suites.mjs';

/** Where the upstream in the process pretends to be. */
const BASE_URL = 'https://upstream.invalid';
const API_KEY = 'persona_production_simulator';
const PSS = { name: 'RSA-PSS', saltLength: 48 };

/**
 * @param {{ contenders: Record<string, any>, tuned?: any }} loaded `tuned`: bench/crate, for its steps
 * @returns {(command: any) => Promise<any>} answers what can be said in JSON
 */
export function makeBench({ contenders, tuned }) {
  /** By contender and key size: what `prepare`, `blind` and `finalize` left. */
  const states = new Map();
  const state = (id, bits) => states.get(`${id} ${bits}`);
  /** WebCrypto's keys by size. */
  const yardsticks = new Map();
  const stubs = new Map();
  /** For the step that is in JavaScript. */
  let numbers;

  const commands = {
    empty: () => ({}),

    /** Keys for one size. `fixture`: see bench/lib/fixtures.mjs. */
    async load({ fixture, ids = Object.keys(contenders) }) {
      for (const id of ids) states.set(`${id} ${fixture.bits}`, { fixture, key: await contenders[id].prepare(fixture) });
      return {};
    },
    async loadYardstick({ fixture: { bits, spki, pkcs8, message, signature } }) {
      const algorithm = { name: 'RSA-PSS', hash: 'SHA-384' };
      const publicKey = await crypto.subtle.importKey('spki', fromBase64url(spki), algorithm, false, ['verify']);
      const privateKey = await crypto.subtle.importKey('pkcs8', fromBase64url(pkcs8), algorithm, false, ['sign']);
      yardsticks.set(bits, { publicKey, privateKey, message: fromBase64url(message), signature: fromBase64url(signature) });
      return {};
    },
    async loadSteps({ fixture: { spki, message, signature } }) {
      const { n } = await bigint.importKey(fromBase64url(spki));
      numbers = { n, r: toInteger(fromBase64url(signature)) };
      tuned.loadSteps(...[spki, message, signature].map(fromBase64url));
      return {};
    },

    /** One blinded message, which is finalized from then on. */
    async blinded({ id, bits }) {
      const { key } = state(id, bits);
      const prepared = await contenders[id].blind(key);
      Object.assign(state(id, bits), { prepared });
      return { blinded: contenders[id].blindedOf(prepared) };
    },
    async finalized({ id, bits, blindSig }) {
      const { key, prepared } = state(id, bits);
      const signature = contenders[id].signed(blindSig);
      Object.assign(state(id, bits), { signature });
      return contenders[id].shown(await contenders[id].finalize(key, prepared, signature));
    },

    /** The blinded message of a whole purchase, which is the same every time. */
    async rehearse({ id, bits }) {
      let blinded;
      const fetch = upstream(state(id, bits).fixture, (token) => {
        blinded = token;
        throw new Error('a rehearsal');
      });
      const { issuePrivacyPass } = contenders[id].client({ baseUrl: BASE_URL, fetch, apiKey: API_KEY });
      await replayed(() => issuePrivacyPass(PURCHASE).catch(() => undefined));
      return { blinded };
    },
    /** One whole purchase and one whole redemption, with what the upstream will answer. */
    async whole({ id, bits, blinded, blindSig }) {
      const { fixture } = state(id, bits);
      const fetch = upstream(fixture, (token) => {
        if (token !== blinded) throw new Error('another blinded token than the one that was signed');
        return blindSig;
      });
      const client = contenders[id].client({ baseUrl: BASE_URL, fetch, apiKey: API_KEY });
      Object.assign(state(id, bits), { client });
      const { privacyPassToken } = await replayed(() => client.issuePrivacyPass(PURCHASE));
      const claim = await client.generateClaim({ ...RELAY, privacyPassToken });
      Object.assign(state(id, bits), { redemption: { ...RELAY, privacyPassToken } });
      return { pass: privacyPassToken, claim };
    },

    /** Does a command and adds how long it took, by the runtime's own clock. */
    async clock({ command }) {
      const start = performance.now();
      const answer = await commands[command.do](command);
      return { ...answer, ms: performance.now() - start };
    },
    /** Does an operation so many times. `ms` by the runtime's own clock, if that runs. */
    async run({ op, id, bits, times }) {
      const work = works[op](id, bits);
      const start = performance.now();
      await work(times);
      return { ms: performance.now() - start };
    },
  };

  /** What is repeated, by the name that results go by. */
  const works = {
    empty: () => async () => {},
    blind(id, bits) {
      const { blind } = contenders[id];
      const { key } = state(id, bits);
      return repeat(() => blind(key));
    },
    finalize(id, bits) {
      const { finalize } = contenders[id];
      const { key, prepared, signature } = state(id, bits);
      return repeat(() => finalize(key, prepared, signature));
    },
    issuePrivacyPass(id, bits) {
      const { client } = state(id, bits);
      const buy = () => {
        at = 0;
        return client.issuePrivacyPass(PURCHASE);
      };
      return (times) => replayed(repeat(buy), times);
    },
    generateClaim(id, bits) {
      const { client, redemption } = state(id, bits);
      return repeat(() => client.generateClaim(redemption));
    },
    instantiate(id) {
      const { module } = contenders[id];
      if (!stubs.has(id)) stubs.set(id, stubImports(module));
      const imports = stubs.get(id);
      return repeat(() => new WebAssembly.Instance(module, imports).exports.__wbindgen_start?.());
    },
    verify(_, bits) {
      const { publicKey, signature, message } = yardsticks.get(bits);
      return repeat(() => crypto.subtle.verify(PSS, publicKey, signature, message));
    },
    private(_, bits) {
      const { privateKey, message } = yardsticks.get(bits);
      return repeat(() => crypto.subtle.sign(PSS, privateKey, message));
    },
    step: (name) => (name === 'invert_bigint' ? repeat(() => inverseOf(numbers.r, numbers.n)) : async (times) => tuned.runStep(name, times)),
  };

  return async (command) => commands[command.do](command);
}

const RELAY = { relayToken: 'relay_bench', relaySecret: 'e1f0c5ab-8f1c-4f6c-9d0e-2f4f6b1a7c3d' };
const PURCHASE = { claimType: 'age_over18_germany', sandbox: false };
const CLAIM = JSON.stringify({ 'claim-payload': '{"claim_type":"age_over18_germany","claim_result":"passed"}', 'token-consumed': true });

/** Persona inside of the process: prepared answers and no socket. `sign` answers for a blinded token. */
function upstream({ offer }, sign) {
  const challenge = JSON.stringify({ challenge: offer.challenge, 'token-key': offer.tokenKey, 'token-key-id': offer.tokenKeyId });
  const answer = (text) => new Response(text, { status: 200, headers: { 'content-type': 'application/json' } });
  return async (url, init) => {
    if (url.endsWith('/relays/challenge')) return answer(challenge);
    if (url.endsWith('/generate-claim')) return answer(CLAIM);
    return answer(JSON.stringify({ 'blind-sig': sign(JSON.parse(init.body)['blinded-token']) }));
  };
}

function repeat(work) {
  return async (times) => {
    for (let done = 0; done < times; done += 1) {
      const value = work();
      if (value instanceof Promise) await value;
    }
  };
}

const POOL = 65_536;
let pool;
let at = 0;

/**
 * Runs `work` with the same randomness each time, from the first byte of the pool: so every purchase blinds the same message, and
 * the signature can be prepared.
 */
async function replayed(work, ...values) {
  pool ??= crypto.getRandomValues(new Uint8Array(POOL));
  at = 0;
  crypto.getRandomValues = (array) => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    if (at + bytes.length > POOL) throw new Error('the pool is empty');
    bytes.set(pool.subarray(at, (at += bytes.length)));
    return array;
  };
  try {
    return await work(...values);
  } finally {
    delete crypto.getRandomValues;
  }
}

/** Imports that do nothing: for an instantiation, which calls none that matters. */
function stubImports(module) {
  const imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== 'function') throw new Error(`an import that is a ${kind}`);
    (imports[from] ??= {})[name] = () => 0;
  }
  return imports;
}
