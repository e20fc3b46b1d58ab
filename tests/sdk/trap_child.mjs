/**
 * Run by traps.test.mjs in a process of its own: traps with other calls in flight, and what comes after. Prints one line of
 * JSON. Whatever reaches the process itself is in it, and a call that hangs is seen by the parent as a time-out.
 */
const { Persona, parseClaim, decryptClaim, generateEncryptionKeyPair } = await import(process.env.LIBRARY);
const RELAY = '{"relay-token":"relay_x","relay-secret":"s","relay-session-access-token":"a.b.c"}';
const strays = [];
for (const event of ["uncaughtException", "unhandledRejection"]) process.on(event, (error) => strays.push(`${event}: ${error?.stack}`));

const create = (fetch, options) => new Persona({ fetch, maxRetries: 0, ...options }).relays.create({ claimType: "x" });
const code = (promise) => promise.then(() => "ok", (error) => error.code);
const answer = async () => new Response(RELAY);
const giant = "x".repeat(100_000_000);
const duck = (more) => ({ status: 200, headers: { get: () => null }, text: async () => RELAY, ...more });
const never = () => new Promise(() => {});

/** Each traps; answers the code that the call got. */
const traps = {
  sync: async () => { try { parseClaim(giant); return "ok"; } catch (error) { return error.code; } },
  header: () => code(create(async () => duck({ headers: { get: () => giant } }))),
  "header at once": () => code(create(() => duck({ headers: { get: () => giant } }))),
  parameter: () => code(create(answer, {}).then(() => new Persona().relays.create({ claimType: giant }))),
  "inside a fetch": () => code(create(async () => { parseClaim(giant); })),
  "inside a fetch that makes light of it": () => code(create(() => { try { parseClaim(giant); } catch {} return new Response(RELAY); })),
  "inside a header": () => code(create(async () => duck({ headers: { get() { try { parseClaim(giant); } catch {} return null; } } }))),
};

const result = { traps: {}, strays };
for (const name of process.env.TRAPS.split(",")) {
  // In flight: waiting for an answer, for a retry, for WebCrypto.
  let release;
  const inFlight = [
    code(create(() => new Promise((resolve) => (release = resolve)), { timeoutMs: 2000 })),
    code(create(async () => new Response("", { status: 503 }), { maxRetries: 3 })),
    code(create(never, { timeoutMs: 2000 })),
    code(decryptClaim("AAAA", (await generateEncryptionKeyPair()).privateKeyPem)),
  ];
  await new Promise((resolve) => setTimeout(resolve, 5));
  inFlight.push(code(generateEncryptionKeyPair()));
  const own = await traps[name]();
  // The answer to a call that is dead by now comes in.
  release(new Response(RELAY));
  const after = [await code(create(answer)), await code(Promise.resolve().then(() => parseClaim('{"claim_type":"t","claim_result":"passed"}'))), await code(generateEncryptionKeyPair())];
  const others = await Promise.all(inFlight);
  await new Promise((resolve) => setTimeout(resolve, 30));
  result.traps[name] = { own, waiting: [others[0], others[2]], settled: others.length, after };
}
// The timers of the dead calls would keep the process for as long as their time.
process.stdout.write(JSON.stringify(result), () => process.exit(0));
