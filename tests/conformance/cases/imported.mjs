/** What an import gives, and when. */
const EXPORTS = [
  "Persona", "PersonaError", "RelayLedger", "blindPrivacyPass", "decryptClaim", "default", "describePurchase", "describeRedemption", "finalizePrivacyPass",
  "generateEncryptionKeyPair", "hostedFlowUrl", "parseClaim",
];

/** @param {import("./index.mjs").Context} context */
export const imported = ({ library, stores, assert, atImport }) => ({
  "a synchronous call works right after the import": () => assert.deepEqual(atImport, { value: true }),

  "every export is there, and no other": () => {
    const names = (module) => Object.keys(module).filter((name) => name !== "__esModule").sort();
    assert.deepEqual(names(library), EXPORTS);
    assert.deepEqual(names(stores), ["MemoryStore", "SqliteStore", "aesGcmSealer"]);
    assert.equal(library.default, library.Persona);
  },

  "a PersonaError is an Error that says who it is, and callers may make one": () => {
    const error = new library.PersonaError({ statusCode: 404, title: "T", details: "d", code: "c", origin: "upstream" });
    assert.ok(error instanceof Error && error instanceof library.PersonaError);
    assert.deepEqual([error.name, error.message, error.statusCode, error.code], ["PersonaError", "T: d", 404, "c"]);
    assert.match(error.stack, /PersonaError|T: d/);
    assert.ok(!("cause" in error) && !("field" in error), "members that are not there");
  },

  "a client shows nothing, and a call of it may be replaced": async () => {
    const persona = new library.Persona({ apiKey: "persona_production_MARK" });
    assert.ok(!JSON.stringify(persona).includes("MARK") && !String(persona).includes("MARK"));
    assert.deepEqual(Object.getOwnPropertyNames(persona), ["relays"]);
    persona.relays.create = async () => "replaced";
    assert.equal(await persona.relays.create(), "replaced");
    assert.ok((await new library.Persona().relays.create({}).catch((error) => error)) instanceof library.PersonaError, "another's is replaced too");
  },
});
