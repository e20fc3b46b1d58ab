#!/usr/bin/env node
/** Serves the simulator alone: `npm run simulator -- [options]`. */
import { parseArgs } from 'node:util';
import { startSimulator, UsageError } from './index.mjs';

const HELP = `Usage: npm run simulator -- [options]

  --port N                    port on 127.0.0.1, 0 for any free one (default 4010)
  --modulus-length N          bits of the issuer keys: 2048, 3072 or 4096 (default 2048)
  --spki NAME                 rsaEncryption or rsassaPss (default rsaEncryption)
  --key-id-format NAME        base64url or hex (default base64url)
  --challenge-ttl-seconds N   until challenges and their passes expire (default 7776000, 90 days)
  --keep-purchase-failures    idempotency keys also keep failed purchases
  --keep-redemption-failures  idempotency keys also keep failed redemptions
  --recorded-requests N       how many of the latest requests are remembered (default 1000)
  --seed N                    the same relay tokens in every run, so that seeded faults can be replayed
  --refuse-platform-headers   refuse redemptions that carry CF-* or CDN-Loop
  --verbose                   one line on stderr per request
  --help                      this text

Faults, once it runs, at /_simulator/faults (GET shows them and how often they fired, DELETE ends them):

  curl -X POST URL/_simulator/faults -d '{"rules": [{"call": "purchase", "fault": "drop-after", "times": 1}], "seed": 42}'

  call         create, challenge, relay-challenge, purchase, redeem
  fault        drop-before  drop-after  hang-before [ms]  hang-after [ms]  500-before [status]  500-after [status]
               429 [retry-after]  truncated  truncated-chunked  malformed-json  slow ms  redirect location [status]
               extra-headers headers  missing-members [body]
               challenges: expired-challenge [ms]  key-rotated  own-key [per HEADER]  wrong-key-id [key-id]
               purchase: wrong-signature [remember]  wrong-signature-length [remember]
               redeem: 403-then-ready times     both: sticky-500-before  sticky-500-after
  times N      how many requests it strikes (all);  after N: how many it lets pass first (0)
  each         true: times and after count per relay or idempotency key
  probability  0 to 1, drawn from the seed
  relay, idempotency-key   only requests of these
  hold-after   true: once processed, hold the request until POST /_simulator/faults/release ({"drop": true} resets
               it); GET /_simulator/faults/processed?call=purchase waits for that moment

POST /_simulator/options {"keep-purchase-failures": true, "keep-redemption-failures": false} switches at runtime.
GET /_simulator/ledger/summary is the ledger without its lists.
`;

try {
  const options = readArguments(process.argv.slice(2));
  if (options === null) {
    process.stdout.write(HELP);
  } else {
    const simulator = await startSimulator(options);
    // Before the greeting: who reads `ready` may stop us at once.
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => simulator.close());
    process.stdout.write(greeting(simulator.url));
  }
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`simulator: ${error.message}\n`);
  process.exitCode = 2;
}

/**
 * @param {string[]} args
 * @returns {import('./index.mjs').Options | null} null when help is wanted
 */
function readArguments(args) {
  /** @type {Record<string, any>} */
  let values;
  try {
    const text = /** @type {const} */ ({ type: 'string' });
    const flag = /** @type {const} */ ({ type: 'boolean' });
    ({ values } = parseArgs({
      args,
      options: {
        port: text,
        'modulus-length': text,
        spki: text,
        'key-id-format': text,
        'challenge-ttl-seconds': text,
        'keep-purchase-failures': flag,
        'keep-redemption-failures': flag,
        'recorded-requests': text,
        seed: text,
        'refuse-platform-headers': flag,
        verbose: flag,
        help: flag,
      },
    }));
  } catch (error) {
    const [sentence] = /** @type {Error} */ (error).message.split(/(?<=['"])\. |\n/);
    throw new UsageError(`${sentence.replace(/\.?$/, '.')} See --help.`);
  }
  if (values.help) return null;
  return {
    port: wholeNumber('--port', values.port) ?? 4010,
    modulusLength: /** @type {any} */ (wholeNumber('--modulus-length', values['modulus-length'])),
    spki: values.spki,
    keyIdFormat: values['key-id-format'],
    challengeTtlSeconds: wholeNumber('--challenge-ttl-seconds', values['challenge-ttl-seconds']),
    keepPurchaseFailures: values['keep-purchase-failures'],
    keepRedemptionFailures: values['keep-redemption-failures'],
    recordedRequests: wholeNumber('--recorded-requests', values['recorded-requests']),
    seed: wholeNumber('--seed', values.seed),
    refusePlatformHeaders: values['refuse-platform-headers'],
    verbose: values.verbose,
  };
}

/** @param {string} name @param {string | undefined} text */
function wholeNumber(name, text) {
  if (text === undefined) return undefined;
  if (!/^\d{1,10}$/.test(text)) throw new UsageError(`${name} takes a whole number.`);
  return Number(text);
}

/** @param {string} url */
function greeting(url) {
  return `ready ${url}

API keys: persona_sandbox_simulator, persona_production_simulator
A relay's claim is decided by you, once a relay exists (RELAY_TOKEN as its creation answered it):

  curl -X POST ${url}/_simulator/relays/RELAY_TOKEN/complete -d '{"result": "passed"}'
  curl -X POST ${url}/_simulator/relays/RELAY_TOKEN/complete -d '{"result": "failed", "methodology": [{"method": "document_selfie", "result": "failed"}]}'
  curl ${url}/_simulator/ledger      what was billed, spent, handed back and refused
  curl ${url}/_simulator/requests    the latest requests as they were on the wire
`;
}
