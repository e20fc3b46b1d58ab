// The gateway on this machine: the bundle of the Worker in workerd, with the bindings of wrangler.toml.
// Imported only after the set-up, because miniflare and wrangler are npm packages.

import net from 'node:net';
import { createInterface } from 'node:readline';
import { Miniflare, NoOpLog } from 'miniflare';
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from 'wrangler';
import { inRoot, Problem, progress } from './program.mjs';
import { workerModules } from './worker_bundle.mjs';

const HOST = '127.0.0.1';

/**
 * @param {object} options
 * @param {number} options.port 0 for any free one
 * @param {string} options.state the folder in which KV and Durable Objects are kept between runs
 * @param {Record<string, string>} options.bindings variables and secrets, added to those of wrangler.toml
 * @param {(line: string) => void} options.log takes what the Worker and workerd print
 * @returns {Promise<{ url: string, close: () => Promise<void> }>} `url` without a slash at its end
 * @throws {Problem} when the port is taken
 */
export async function startGateway({ port, state, bindings, log }) {
  await mustBeFree(port);
  const config = unstable_readConfig({ config: inRoot('wrangler.toml') });
  const { workerOptions } = unstable_getMiniflareWorkerOptions(config);
  const miniflare = new Miniflare({
    ...workerOptions,
    name: config.name,
    modules: workerModules(),
    modulesRoot: inRoot('build/worker'),
    // Not the ones that wrangler collected, which may come from a .dev.vars file meant for `wrangler dev`.
    bindings: { ...config.vars, ...bindings },
    host: HOST,
    port,
    defaultPersistRoot: state,
    cf: false,
    log: new NoOpLog(),
    handleRuntimeStdio: (...streams) => {
      for (const input of streams) createInterface({ input }).on('line', log);
    },
  });
  const url = await miniflare.ready;
  return { url: url.origin, close: () => miniflare.dispose() };
}

/** The gateway alone, until Ctrl-C. Takes what {@link startGateway} takes. */
export async function serveUntilInterrupted(options) {
  const gateway = await startGateway(options);
  process.stdout.write(`ready ${gateway.url}\n`);
  progress(`Serving ${options.bindings.PERSONA_BASE_URL ?? 'Persona'} at ${gateway.url} until Ctrl-C.`);
  try {
    await interrupted();
  } finally {
    await gateway.close();
  }
}

/** Ctrl-C, or SIGTERM. */
export function interrupted() {
  return new Promise((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}

/** workerd says little about a port that is taken, so ask first. */
function mustBeFree(port) {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', (error) => {
      reject(new Problem(`Port ${port} cannot be used (${error.code}): choose another with --port N.`, { cause: error }));
    });
    server.listen(port, HOST, () => server.close(resolve));
  });
}
