// In workerd: a Worker that takes a command per request. bench/lib/workerd.mjs puts `loaded.mjs` beside it, which imports the
// contenders of this Worker.

import { contenders, tuned } from 'loaded';
import { makeBench } from '../contenders/bench.mjs';

const answer = makeBench({ contenders, tuned });

export default {
  async fetch(request) {
    try {
      return Response.json(await answer(await request.json()));
    } catch (error) {
      return Response.json({ error: String(error?.stack ?? error) });
    }
  },
};
