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
  --refuse-platform-headers   refuse redemptions that carry CF-* or CDN-Loop
  --verbose                   one line on stderr per request
  --help                      this text
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
