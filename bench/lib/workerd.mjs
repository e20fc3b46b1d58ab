// The contenders in workerd. Its clock stands still while a request is worked on, so requests are timed from here, and the time
// that an empty one takes is taken off. The time is CPU time where the system tells it, else what passes.

import { readFileSync } from 'node:fs';
import http from 'node:http';
import { Miniflare } from 'miniflare';
import { inRoot } from '../../scripts/lib/program.mjs';
import { built } from './build.mjs';
import { cpuMsOf, hasCpuClock, mainThreadMsOf, ownWorkerd } from './cpu.mjs';
import { median } from './statistics.mjs';

/** How many empty requests are looked back on. */
const EMPTY_SAMPLES = 15;

/** What a Worker imports for a contender, and the modules that this takes. */
const PARTS = {
  'relay-edge': {
    imports: `import * as pkg from ${JSON.stringify(inRoot('pkg/workerd.js'))}; import pkgModule from ${JSON.stringify(inRoot('pkg/relay_edge_bg.wasm'))};`,
    loaded: '{ pkg, pkgModule }',
  },
  'blindrsa-ts': { imports: `import * as blindrsa from ${JSON.stringify(inRoot(built.blindrsaTs))};`, loaded: '{ blindrsa }' },
  bigint: { imports: '', loaded: '{}' },
  'untuned-wasm': {
    imports: `import * as untuned from ${JSON.stringify(inRoot(built.untuned.js))}; import untunedModule from ${JSON.stringify(inRoot(built.untuned.wasm))}; untuned.initSync({ module: untunedModule });`,
    loaded: '{ untuned, untunedModule }',
  },
};
const TUNED = `import * as tuned from ${JSON.stringify(inRoot(built.tuned.js))}; import tunedModule from ${JSON.stringify(inRoot(built.tuned.wasm))}; tuned.initSync({ module: tunedModule });`;

/** The compatibility date of the gateway. */
export const compatibilityDate = /^compatibility_date = "(.+)"$/m.exec(readFileSync(inRoot('wrangler.toml'), 'utf8'))[1];

/** @param {{ ids: string[], steps: boolean }[]} wanted a Worker each, in one fresh workerd */
export async function startWorkers(wanted) {
  const workers = await Promise.all(wanted.map(async ({ ids, steps }, index) => ({ name: `worker${index}`, ...(await worker(ids, steps)) })));
  const miniflare = new Miniflare({
    host: '127.0.0.1',
    port: 0,
    cf: false,
    // Without miniflare's own Worker in front of them.
    workers: workers.map((options) => ({ ...options, compatibilityDate, unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }] })),
  });
  await miniflare.ready;
  const pid = hasCpuClock ? ownWorkerd() : undefined;
  const subjects = await Promise.all(workers.map(async ({ name }) => connect(await miniflare.unsafeGetDirectURL(name), pid)));
  return {
    workers: subjects,
    async close() {
      subjects.forEach((subject) => subject.disconnect());
      await miniflare.dispose();
    },
  };
}

async function worker(ids, steps) {
  const { build } = await import('esbuild');
  const wasm = new Map();
  const source = `
    import { CONTENDERS } from ${JSON.stringify(inRoot('bench/contenders/contenders.mjs'))};
    ${ids.map((id) => PARTS[id].imports).join('\n')}
    ${steps ? TUNED : 'const tuned = undefined;'}
    export const contenders = { ${ids.map((id) => `${JSON.stringify(id)}: CONTENDERS[${JSON.stringify(id)}](${PARTS[id].loaded})`).join(', ')} };
    export { tuned };`;
  const plugin = {
    name: 'bench',
    setup(setup) {
      setup.onResolve({ filter: /^loaded$/ }, () => ({ path: 'loaded', namespace: 'bench' }));
      setup.onLoad({ filter: /.*/, namespace: 'bench' }, () => ({ contents: source, resolveDir: inRoot('bench/runtimes') }));
      // As wrangler does it: a module of its own, compiled before the Worker starts.
      setup.onResolve({ filter: /\.wasm$/ }, ({ path, resolveDir }) => {
        const file = path.startsWith('/') ? path : `${resolveDir}/${path}`;
        const name = `./${file.replaceAll(/[^\w.]/g, '_')}`;
        wasm.set(name, file);
        return { path: name, external: true };
      });
    },
  };
  const { outputFiles: [main] } = await build({ entryPoints: [inRoot('bench/runtimes/worker.mjs')], bundle: true, format: 'esm', write: false, target: 'es2022', plugins: [plugin], logLevel: 'warning' });
  const compiled = [...wasm].map(([name, file]) => ({ type: 'CompiledWasm', path: name.slice(2), contents: readFileSync(file) }));
  return { modules: [{ type: 'ESModule', path: 'worker.js', contents: main.text }, ...compiled] };
}

function connect(url, pid) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const { hostname, port } = new URL(url);
  /** @param {any} command @param {() => number} now @returns {Promise<{ answer: any, ms: number }>} */
  const send = (command, now = performance.now.bind(performance)) =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify(command);
      const start = now();
      const request = http.request({ agent, hostname, port, method: 'POST', headers: { 'content-length': Buffer.byteLength(body) } }, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () => {
          const ms = now() - start;
          const answer = JSON.parse(Buffer.concat(parts).toString());
          if (answer.error === undefined) resolve({ answer, ms });
          else reject(new Error(`workerd: ${answer.error}`));
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  const [all, main] = pid === undefined ? [undefined, undefined] : [() => cpuMsOf(pid), () => mainThreadMsOf(pid)];
  const empties = [];
  const time = async (run) => {
    while (empties.length < EMPTY_SAMPLES) empties.push((await send({ do: 'run', op: 'empty', times: 1 }, all)).ms);
    empties.shift();
    empties.push((await send({ do: 'run', op: 'empty', times: 1 }, all)).ms);
    const { ms } = await send({ do: 'run', ...run }, all);
    return Math.max(0, ms - median(empties));
  };
  return { ask: async (command) => (await send(command)).answer, clock: (command) => send(command, main), time, disconnect: () => agent.destroy() };
}
