/** The passes bought ahead, on Cloudflare: one SQLite Durable Object per upstream. */
import { DurableObject } from "cloudflare:workers";
import type { Env } from "./env.js";
import { PassPool } from "./pass_pool.js";
import type { Pool, Shelf } from "./pool_protocol.js";

export class DurablePool extends DurableObject<Env> implements Pool {
  private readonly pool: PassPool;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.pool = new PassPool(env, {
      place: ctx.id.toString(),
      query: (statement, ...values) => ctx.storage.sql.exec(statement, ...values),
      async commit(work) {
        const result = ctx.storage.transactionSync(work);
        await ctx.storage.sync();
        return result;
      },
    });
  }

  take(taker: string, shelf: Shelf, options: { ifBound: boolean }) {
    return this.pool.take(taker, shelf, options);
  }

  collected(taker: string) {
    return this.pool.collected(taker);
  }

  topUp() {
    return this.pool.topUp();
  }

  view() {
    return this.pool.view();
  }
}
