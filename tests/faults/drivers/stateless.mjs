/** Keeps nothing, like the vendor's gateway: the matrix has to fail with it, or it proves nothing of the others. */
import { childDriver } from "../lib/child_driver.mjs";

export const stateless = childDriver({ name: "stateless", kind: "stateless", kills: true, keepsPass: false, each: false, mustFail: true });
