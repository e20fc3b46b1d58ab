/**
 * A Worker that makes the calls of the gateway, in both modes, and does nothing else: no cryptography, no checks, no log, no
 * repeats. What the platform takes for them by itself; not for use. `MANAGED` is set for managed mode, and `OBJECTS_IN_ALL` to as
 * many objects as are to do the work of one for each relay.
 */
import { DurableObject } from 'cloudflare:workers';
import { openapi } from '../../worker/openapi.ts';

const RELAYS = '/api/privacy/v1/relays';
/** 256 bytes that any key of 2048 bits accepts, for the first of them is 0. */
const BLINDED_TOKEN = `AA${'x'.repeat(339)}A`;
/** About what a purchase keeps before it is paid for. */
const KEPT = 'x'.repeat(2000);
/** As long as the gateway keeps an entry, in seconds. */
const ENTRY_TTL_S = 90 * 24 * 60 * 60;
/** After all that is measured. */
const ALARM_MS = 24 * 60 * 60 * 1000;
const DESCRIPTION = JSON.stringify(openapi());

export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname;
    if (path === '/openapi.json') return new Response(DESCRIPTION, { headers: { 'content-type': 'application/json' } });
    return Response.json(await answer(request, env, path));
  },
};

async function answer(request, env, path) {
  if (path === '/healthz') return { status: 'ok' };
  if (path === '/issuer-keys') return { keys: await objectOf(env, 'issuer keys').rows('issuer keys') };
  const body = request.method === 'POST' ? await request.json() : {};
  if (path === '/relays') return create(env, body);
  if (path === '/relays/privacy-passes') return env.MANAGED ? buyFor(env, body['relay-token']) : buy(env, body['claim-type']);
  const [, , relayToken, redeems] = path.split('/');
  if (!env.MANAGED) return redeem(env, relayToken, request.headers.get('persona-relay-secret'), body['privacy-pass-token']);
  const entry = await env.RELAYS.get(relayToken, 'json');
  const object = objectOf(env, relayToken);
  return redeems === undefined ? { claimType: entry.claimType, rows: await object.rows(relayToken) } : object.redeem(relayToken, entry.relaySecret);
}

async function create(env, body) {
  const relay = await post(env, RELAYS, body);
  if (env.MANAGED) {
    const entry = { relaySecret: relay['relay-secret'], claimType: body['claim-type'] };
    await env.RELAYS.put(relay['relay-token'], JSON.stringify(entry), { expirationTtl: ENTRY_TTL_S });
  }
  return relay;
}

async function buyFor(env, relayToken) {
  const { claimType } = await env.RELAYS.get(relayToken, 'json');
  return objectOf(env, relayToken).buy(relayToken, claimType);
}

/** `keep` is called before the purchase and after it. */
async function buy(env, claimType, keep = () => undefined) {
  const offer = await post(env, `${RELAYS}/challenge`, { 'claim-type': claimType });
  keep(KEPT);
  const bought = await post(env, '/api/v1/privacy-passes', { 'blinded-token': BLINDED_TOKEN, 'key-id': offer['token-key-id'] });
  keep(bought['blind-sig']);
  return { 'privacy-pass-token': bought['blind-sig'] };
}

function redeem(env, relayToken, relaySecret, pass) {
  return post(env, `${RELAYS}/${relayToken}/generate-claim`, {}, { authorization: `PrivateToken token=${pass}`, 'persona-relay-secret': relaySecret });
}

async function post(env, path, body, headers = {}) {
  const response = await fetch(env.PERSONA_BASE_URL + path, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return response.json();
}

function objectOf({ OBJECTS, OBJECTS_IN_ALL }, name) {
  const shared = OBJECTS_IN_ALL && [...name].reduce((hash, letter) => (31 * hash + letter.charCodeAt(0)) % OBJECTS_IN_ALL, 0);
  return OBJECTS.get(OBJECTS.idFromName(shared === undefined ? name : `shared ${shared}`));
}

/** The object of a relay, or of some. What it sends waits until what it wrote before is on disk, as in every Durable Object. */
export class BareObject extends DurableObject {
  buy(relayToken, claimType) {
    return buy(this.env, claimType, (kept) => this.write(`purchase ${relayToken}`, kept));
  }

  async redeem(relayToken, relaySecret) {
    const pass = this.rows(relayToken).find(({ name }) => name.startsWith('purchase ')).kept;
    this.write(`redemption ${relayToken}`, pass);
    const claim = await redeem(this.env, relayToken, relaySecret, pass);
    this.write(`redemption ${relayToken}`, JSON.stringify(claim));
    return claim;
  }

  rows(of) {
    this.prepare();
    return this.ctx.storage.sql.exec('SELECT name, kept FROM records WHERE name IN (?, ?)', `purchase ${of}`, `redemption ${of}`).toArray();
  }

  /** With an alarm, which is what goes on after a crash. Many relays have one together: the next. */
  write(name, kept) {
    this.prepare();
    this.ctx.storage.sql.exec('INSERT INTO records (name, kept) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET kept = excluded.kept', name, kept);
    if (this.env.OBJECTS_IN_ALL === undefined || !this.alarmed) this.ctx.storage.setAlarm(Date.now() + ALARM_MS);
    this.alarmed = true;
  }

  alarm() {}

  /** Once for each time that the object comes to be in memory. */
  prepare() {
    this.prepared ??= this.ctx.storage.sql.exec('CREATE TABLE IF NOT EXISTS records (name TEXT PRIMARY KEY, kept TEXT NOT NULL)');
  }
}
