/** The simulator of a file's tests: who imports this has one, as new before each test. */
import { after, before, beforeEach } from 'node:test';
import { startSimulator } from '../../simulator/index.mjs';

/** @type {import('../../simulator/index.mjs').Simulator} */
export let simulator;
export let url = '';

before(async () => {
  simulator = await startSimulator();
  url = simulator.url;
});
beforeEach(() => simulator.reset());
after(() => simulator.close());
