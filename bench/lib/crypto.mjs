// The measurements of `npm run bench`: every operation of every contender in turn, round after round, so that whatever else
// the machine does meets them all alike.

import crypto from 'node:crypto';
import { progress } from '../../scripts/lib/program.mjs';
import { makeIssuer } from './fixtures.mjs';
import { IDS } from './names.mjs';
import { median, summary } from './statistics.mjs';
import { STEPS } from './steps.mjs';
import { missing, startFresh, startNative, startSubject } from './subjects.mjs';

/** Modulus sizes. Whole calls and steps are measured at the first. */
export const SIZES = [2048, 3072, 4096];

/**
 * How much is done.
 * @typedef {{ rounds: number, sampleMs: number, warmUpMs: number, fresh: number }} Effort
 *   `sampleMs`: how long a sample is to take; `fresh`: how many fresh instances are started
 */

/**
 * @param {{ runtimes: string[], effort: Effort }} options
 * @returns {Promise<{ rows: object[], fresh: object[] }>} times in milliseconds per operation
 */
export async function measureCrypto({ runtimes, effort }) {
  const issuers = new Map();
  for (const bits of SIZES) issuers.set(bits, await makeIssuer(bits));
  const rows = [];
  const fresh = [];
  for (const runtime of runtimes) {
    const reason = missing(runtime);
    if (reason !== undefined) {
      progress(`Leaving out ${runtime}: ${reason}`);
      continue;
    }
    progress(`${runtime}: first calls …`);
    fresh.push(...(await measureFresh(runtime, issuers.get(SIZES[0]), effort)));
    progress(`${runtime}: everything in turn …`);
    rows.push(...(await measureRuntime(runtime, issuers, effort)));
  }
  progress('natively …');
  rows.push(...(await measureNative(issuers, effort)));
  return { rows, fresh };
}

async function measureRuntime(runtime, issuers, effort) {
  const steps = runtime === 'workerd';
  const subject = await startSubject(runtime, { steps });
  try {
    const jobs = [];
    for (const [bits, issuer] of issuers) {
      await subject.ask({ do: 'load', fixture: issuer.fixture });
      await subject.ask({ do: 'loadYardstick', fixture: issuer.fixture });
      for (const id of IDS) {
        await checkOnce(subject, id, bits, issuer);
        jobs.push({ op: 'blind', id, bits }, { op: 'finalize', id, bits });
      }
      jobs.push({ op: 'verify', id: 'webcrypto', bits }, { op: 'private', id: 'webcrypto', bits });
    }
    const [bits] = SIZES;
    for (const id of IDS) {
      await checkWhole(subject, id, bits, issuers.get(bits));
      jobs.push({ op: 'issuePrivacyPass', id, bits }, { op: 'generateClaim', id, bits });
    }
    for (const id of ['relay-edge', 'untuned-wasm']) jobs.push({ op: 'instantiate', id });
    if (steps) {
      await subject.ask({ do: 'loadSteps', fixture: issuers.get(bits).fixture });
      for (const step of Object.keys(STEPS)) jobs.push({ op: 'step', id: step, bits });
    }
    return await interleave(runtime, subject.time, jobs, effort);
  } finally {
    await subject.close();
  }
}

async function measureNative(issuers, effort) {
  const subject = startNative();
  const openssl = opensslTimer(issuers);
  try {
    const jobs = [];
    for (const [bits, issuer] of issuers) {
      await subject.ask({ do: 'load', fixture: issuer.fixture });
      await checkOnce(subject, 'native', bits, issuer);
      jobs.push({ op: 'blind', id: 'native', bits }, { op: 'finalize', id: 'native', bits });
      jobs.push({ op: 'verify', id: 'openssl', bits }, { op: 'private', id: 'openssl', bits });
    }
    await subject.ask({ do: 'loadSteps', fixture: issuers.get(SIZES[0]).fixture });
    for (const [step, { inJavaScript }] of Object.entries(STEPS)) if (!inJavaScript) jobs.push({ op: 'step', id: step, bits: SIZES[0] });
    return await interleave('native', (run) => (run.id === 'openssl' ? openssl(run) : subject.time(run)), jobs, effort);
  } finally {
    subject.close();
  }
}

/** OpenSSL through node:crypto, in this process. */
function opensslTimer(issuers) {
  return ({ op, bits, times }) => {
    const { fixture, sign } = issuers.get(bits);
    const [spki, message, signature] = [fixture.spki, fixture.message, fixture.signature].map((text) => Buffer.from(text, 'base64url'));
    const key = { key: crypto.createPublicKey({ key: spki, format: 'der', type: 'spki' }), padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 };
    const work = op === 'verify' ? () => crypto.verify('sha384', message, key, signature) : () => sign(fixture.signature);
    const start = process.cpuUsage();
    for (let done = 0; done < times; done += 1) work();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  };
}

/** Blinds, has OpenSSL sign, finalizes, and has OpenSSL verify. What was finalized is what will be timed. */
async function checkOnce(subject, id, bits, { sign, judge }) {
  const { blinded } = await subject.ask({ do: 'blinded', id, bits });
  await judge(await subject.ask({ do: 'finalized', id, bits, blindSig: sign(blinded) }));
}

async function checkWhole(subject, id, bits, { sign, judge }) {
  const { blinded } = await subject.ask({ do: 'rehearse', id, bits });
  const { pass, claim } = await subject.ask({ do: 'whole', id, bits, blinded, blindSig: sign(blinded) });
  await judge({ pass });
  if (claim.tokenConsumed !== true) throw new Error(`${id} read another claim than the one that was answered`);
}

async function interleave(runtime, time, jobs, { rounds, sampleMs, warmUpMs }) {
  for (const job of jobs) Object.assign(job, { times: await warmUp(time, job, { sampleMs, warmUpMs }), samples: [] });
  for (let done = 0; done < rounds; done += 1) {
    for (const job of shuffled(jobs)) job.samples.push((await time(job)) / job.times);
  }
  return jobs.map(({ op, id, bits, times, samples }) => ({ runtime, id, op, ...(bits && { bits }), ...summary(samples), times }));
}

/** Lets compilers do their work, and finds out how many repetitions make a sample. */
async function warmUp(time, job, { sampleMs, warmUpMs }) {
  let times = 1;
  for (let spent = 0; ; ) {
    const ms = await time({ ...job, samples: undefined, times });
    spent += ms;
    if (spent >= warmUpMs && ms > 0) return Math.max(1, Math.round((times * sampleMs) / ms));
    // No more than would do for a sample, and no more than five times as many as before.
    times = Math.max(1, Math.min(times * 5, Math.ceil((times * sampleMs) / Math.max(ms, 0.01)), 100_000));
  }
}

function shuffled(items) {
  const all = [...items];
  for (let at = all.length - 1; at > 0; at -= 1) {
    const other = crypto.randomInt(at + 1);
    [all[at], all[other]] = [all[other], all[at]];
  }
  return all;
}

/** The first blind and the first finalize of an instance: a fresh process, or a Worker of a fresh workerd that has answered once. */
async function measureFresh(runtime, { fixture, sign, judge }, { fresh }) {
  const found = new Map(IDS.map((id) => [id, { blind: [], finalize: [], pass: [], imported: [] }]));
  for (let done = 0; done < fresh; done += 1) {
    const started = await startFresh(runtime, IDS);
    try {
      for (const id of shuffled(IDS)) {
        const subject = await started.subject(id);
        const { bits } = fixture;
        await subject.ask({ do: 'load', fixture, ids: [id] });
        const blind = await firstTime(subject, { do: 'blinded', id, bits });
        const finalize = await firstTime(subject, { do: 'finalized', id, bits, blindSig: sign(blind.answer.blinded) });
        await judge(finalize.answer);
        const times = found.get(id);
        times.blind.push(blind.ms);
        times.finalize.push(finalize.ms);
        times.pass.push(blind.ms + finalize.ms);
        if (subject.importMs !== undefined) times.imported.push(subject.importMs);
      }
    } finally {
      await started.close();
    }
  }
  return [...found].flatMap(([id, times]) =>
    Object.entries(times)
      .filter(([, samples]) => samples.length > 0)
      .map(([op, samples]) => ({ runtime, id, op, bits: fixture.bits, ...summary(samples) })),
  );
}

/** What the transport takes is taken off; where it isn't part of the time, that is next to nothing. */
async function firstTime(subject, command) {
  const empties = [];
  for (let done = 0; done < 9; done += 1) empties.push((await subject.clock({ do: 'empty' })).ms);
  const { answer, ms } = await subject.clock(command);
  return { answer, ms: Math.max(0, ms - median(empties)) };
}
