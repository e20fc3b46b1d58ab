import { describeFault } from "../worker/errors.js";
import { writeAlarmLog } from "../worker/log.js";

/** Logs what failed when nobody asked for it. */
export function logTrouble(error: unknown): void {
  writeAlarmLog({ code: "internal", fault: describeFault(error) });
}
