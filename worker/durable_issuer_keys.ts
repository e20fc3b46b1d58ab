/** The books of issuer keys on Cloudflare: one SQLite Durable Object per upstream. */
import { DurableObject } from "cloudflare:workers";
import type { Env } from "./env.js";
import { IssuerKeys } from "./issuer_keys.js";
import type { IssuerKeyBooks, OfferedKey } from "./issuer_keys_protocol.js";
import { IssuerKeysTable } from "./issuer_keys_table.js";

export class DurableIssuerKeys extends DurableObject<Env> implements IssuerKeyBooks {
  private readonly books: IssuerKeys;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.books = new IssuerKeys(env, new IssuerKeysTable((statement, ...values) => ctx.storage.sql.exec(statement, ...values), ""));
  }

  judge(key: OfferedKey) {
    return this.books.judge(key);
  }

  list() {
    return this.books.list();
  }
}
