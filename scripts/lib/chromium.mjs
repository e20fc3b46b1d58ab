// A headless Chromium with its driver, for the tests that run in a browser. It needs nothing else of this checkout.

import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

/** What a headless Chromium is started with, as root and without a network too. */
export const chromiumArguments = [
  '--headless',
  // Root has no sandbox; what runs are our own tests.
  '--no-sandbox',
  // A container's /dev/shm is too small.
  '--disable-dev-shm-usage',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let found;

/**
 * Finds Chromium and its driver, and installs them with apt-get when they are missing and it can: as root, on Debian.
 * The answer is found once per process.
 *
 * @param {{ env?: NodeJS.ProcessEnv, install?: boolean }} [options] `env`: where `PATH`, and the overriding `CHROMIUM`
 *   and `CHROMEDRIVER`, are read; `install: false` only looks
 * @returns {Promise<{ browser: string, driver: string } | { missing: string }>} the two programs, or why there are none
 */
export function chromium(options) {
  found ??= look(options);
  return found;
}

/** As {@link chromium}, without remembering the answer. */
export async function look({ env = process.env, install = true } = {}) {
  const here = programs(env);
  if (here.missing === undefined || !install) return here;
  const hindrance = whyNotInstalled(env);
  if (hindrance !== undefined) return { missing: `${here.missing}, and ${hindrance}` };
  process.stderr.write('Installing chromium and chromium-driver with apt-get …\n');
  const failed = await aptGet(env);
  if (failed !== undefined) return { missing: `${here.missing}, and ${failed}` };
  return programs(env);
}

/** What is on this machine now. */
function programs(env) {
  const browser = env.CHROMIUM ?? inPath(['chromium', 'chromium-browser', 'google-chrome'], env);
  const driver = env.CHROMEDRIVER ?? inPath(['chromedriver'], env);
  if (browser !== undefined && driver !== undefined) return { browser, driver };
  const names = [browser === undefined && 'Chromium', driver === undefined && 'chromedriver'].filter(Boolean);
  return { missing: `there is no ${names.join(' and no ')}` };
}

function inPath(names, env) {
  for (const name of names) {
    for (const folder of (env.PATH ?? '').split(path.delimiter).filter(Boolean)) {
      const file = path.join(folder, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Not in this folder.
      }
    }
  }
  return undefined;
}

function whyNotInstalled(env) {
  if (inPath(['apt-get'], env) === undefined) return 'no apt-get to install it';
  if (process.getuid?.() !== 0) return 'only root can install it (apt-get install chromium chromium-driver)';
  return undefined;
}

/** Installs both packages; the lists of packages are fetched first only if it does not work without. */
async function aptGet(env) {
  const apt = (...args) =>
    promisify(execFile)('apt-get', ['-q', '-y', ...args], {
      env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
      maxBuffer: 64 * 1024 * 1024,
      timeout: 600_000,
    });
  const install = () => apt('install', '--no-install-recommends', 'chromium', 'chromium-driver');
  try {
    await install().catch(async () => {
      await apt('update');
      await install();
    });
    return undefined;
  } catch (error) {
    const [first = error.message] = String(error.stderr ?? '').split('\n').filter((line) => line.startsWith('E:'));
    return `apt-get could not install it (${first.trim()})`;
  }
}
