/**
 * The interface of the gateway in OpenAPI 3.1, for `GET /openapi.json`. It is put together when it is first asked for: most of it
 * is the same thing over and over. What holds it against the code: tests/schema/.
 */

/** Codes of errors by status. */
type Codes = Readonly<Record<string, readonly string[]>>;

type Json = Readonly<Record<string, unknown>>;

/** The description as JSON in UTF-8. Kept, for to write it takes longer than all else of an answer. */
export function openapiJson(): Uint8Array {
  return (written ??= new TextEncoder().encode(JSON.stringify(openapi())));
}

let written: Uint8Array | undefined;

/** The description, as a value for `JSON.stringify`. */
export function openapi(): Json {
  const paths: Record<string, Record<string, Json>> = {
    "/healthz": {
      get: { ...HEALTH, operationId: "health", responses: responses(document("Health"), UNCONFIGURED) },
    },
    "/openapi.json": {
      get: { ...SELF, operationId: "description", responses: responses(document("Description"), UNCONFIGURED) },
    },
    "/issuer-keys": {
      get: operation("listIssuerKeys", "The issuer keys that were seen here, to be compared with another deployment's. Managed mode only.", {
        headers: [],
        answer: "IssuerKeys",
        codes: [TOKEN, { 404: ["not_found"], 503: ["store_unavailable"] }],
      }),
    },
    "/pool": {
      get: operation("viewPool", "How many passes are bought ahead, and how old they are. Managed mode only.", {
        headers: [],
        answer: "Pool",
        codes: [TOKEN, { 404: ["not_found"], 503: ["store_unavailable"] }],
      }),
    },
    "/relays": {
      post: operation("createRelay", "Makes a relay. Costs nothing.", {
        security: MANAGED_OR_OPEN,
        headers: ["IdempotencyKey"],
        body: "NewRelay",
        answer: "Relay",
        replays: true,
        codes: [BODY, TOKEN, UPSTREAM, KEYED, { 500: ["stored_record_invalid"], 503: ["store_unavailable"] }],
      }),
    },
    "/relays/privacy-passes": {
      post: operation("issuePrivacyPass", "Buys a pass. The only call that costs money.", {
        security: [...MANAGED, { apiKey: [] }],
        headers: ["IdempotencyKey", "RelaySecret"],
        body: "Purchase",
        answer: "Pass",
        replays: true,
        codes: [BODY, TOKEN, { 401: ["api_key_missing"] }, OWNED, PURCHASE, KEYED, STORED],
      }),
    },
    "/relays/{relay-token}": {
      get: operation("viewRelay", "Where a relay stands, without a secret. Managed mode only.", {
        headers: ["RelaySecret"],
        inPath: true,
        answer: "Standing",
        codes: [{ 400: ["parameter_invalid"], 404: ["not_found"] }, TOKEN, OWNED, STORED],
      }),
    },
    "/relays/{relay-token}/privacy-pass/allow-again": {
      post: operation("allowPurchaseAgain", "An operator's leave to buy a pass that may have been billed already. Managed mode only.", {
        headers: ["RelaySecret"],
        inPath: true,
        body: "Nothing",
        answer: "Pass",
        replays: true,
        codes: [BODY, TOKEN, { 404: ["not_found"], 409: ["purchase_not_in_doubt"] }, OWNED, PURCHASE, STORED],
      }),
    },
    "/relays/{relay-token}/redeem": {
      post: operation("redeemRelay", "Spends a pass on a relay and reads the claim.", {
        security: [...MANAGED, { privatePass: [] }, {}],
        headers: ["RelaySecret"],
        inPath: true,
        body: "Redemption",
        answer: "Claim",
        replays: true,
        codes: [BODY, TOKEN, OWNED, UPSTREAM, { 409: ["claim_not_ready", "pass_already_spent", "pass_not_bought"], 410: ["claim_lost"] }, STORED],
      }),
    },
  };
  for (const methods of Object.values(paths)) if (methods.get !== undefined) methods.head = headOf(methods.get);
  return {
    openapi: "3.1.1",
    info: {
      title: "Relay Edge",
      version: "0.1.0",
      description:
        "In managed mode every call but /healthz and this one takes a gateway token. In pass-through mode nobody is asked for one; a purchase takes an API key, a redemption the relay's secret and a pass. Every error is one entry of `errors`. Go by the status first: where `code` may be any string, Persona's own comes in place of ours.",
      license: { name: "MIT OR Apache-2.0", identifier: "MIT OR Apache-2.0" },
    },
    paths,
    components: { schemas: SCHEMAS, parameters: PARAMETERS, headers: HEADERS, securitySchemes: SCHEMES, responses: elsewhere() },
  };
}

const UNCONFIGURED: Codes = { 500: ["internal", "misconfigured"] };
const BODY: Codes = {
  400: ["body_incomplete", "body_not_json", "body_not_object", "parameter_invalid"],
  413: ["body_too_large"],
  415: ["unsupported_media_type"],
};
/** Who calls, and how often. */
const TOKEN: Codes = { 401: ["unauthorized"], 403: ["caller_not_named"], 429: ["rate_limited"], 503: ["access_unavailable"] };
/** Whatever Persona refuses for good keeps its status. */
const UPSTREAM: Codes = {
  401: ["upstream_unauthorized"],
  404: ["upstream_not_found"],
  409: ["upstream_conflict"],
  429: ["upstream_rate_limited"],
  "4XX": ["upstream_rejected"],
  502: ["transport_failed", "upstream_answer_invalid", "upstream_redirected", "upstream_unauthorized", "upstream_unavailable"],
  504: ["timeout"],
};
const PURCHASE: Codes = merge([
  UPSTREAM,
  {
    403: ["upstream_unauthorized"],
    429: ["purchase_limit_reached"],
    502: ["blind_signature_invalid", "challenge_expired", "challenge_invalid", "issuer_key_invalid", "issuer_key_mismatch", "issuer_key_suspicious", "purchase_unknown"],
    503: ["store_unavailable"],
  },
]);
const KEYED: Codes = { 409: ["idempotency_key_in_use"], 422: ["idempotency_key_reused"] };
const OWNED: Codes = { 404: ["relay_not_found"], 503: ["relay_not_found_yet"] };
const STORED: Codes = { 500: ["stored_record_invalid"], 503: ["store_failed", "store_unavailable"] };

const MANAGED = [{ gatewayToken: [] }, { accessJwt: [] }];
const MANAGED_OR_OPEN = [...MANAGED, {}];
const HEALTH = { summary: "Whether the gateway is configured. Asks neither the store nor Persona.", security: [] };
const SELF = { summary: "This description.", security: [] };

interface Parts {
  readonly security?: readonly Json[];
  /** Names of {@link PARAMETERS}. */
  readonly headers: readonly string[];
  readonly inPath?: boolean;
  /** Names of {@link SCHEMAS}. */
  readonly body?: string;
  readonly answer: string;
  /** Whether the answer may be an earlier one. */
  readonly replays?: boolean;
  readonly codes: readonly Codes[];
}

function operation(operationId: string, summary: string, { security = MANAGED, headers, inPath, body, answer, replays, codes }: Parts): Json {
  const required = body === "NewRelay" || body === "Purchase";
  return {
    operationId,
    summary,
    security,
    parameters: [...(inPath ? ["RelayToken"] : []), ...headers].map((name) => ref("parameters", name)),
    ...(body !== undefined && { requestBody: { required, content: json(ref("schemas", body)) } }),
    responses: responses(document(answer, replays ? ["Idempotent-Replayed"] : []), merge([UNCONFIGURED, ...codes])),
  };
}

function responses(ok: Json, codes: Codes): Json {
  const errors = Object.entries(codes).map(([status, of]) => [status, failure(status, of, "502" in codes)] as const);
  return { 200: ok, ...Object.fromEntries(errors) };
}

/** The same without a body. */
function headOf(get: Json): Json {
  const answers = Object.entries(get.responses as Record<string, Json>).map(([status, { content: _, ...rest }]) => [status, rest] as const);
  return { ...get, operationId: `${get.operationId}Head`, responses: Object.fromEntries(answers) };
}

function document(schema: string, headers: readonly string[] = []): Json {
  return { description: "OK", headers: plain(headers), content: json(ref("schemas", schema)) };
}

/** `asks`: the call asks Persona, whose own code stands in place of ours in what it refuses. */
function failure(status: string, codes: readonly string[], asks: boolean): Json {
  const foreign = asks && (status.startsWith("4") || status === "502");
  const code = foreign ? { anyOf: [{ enum: codes }, { type: "string" }] } : { enum: codes };
  const extra = { 401: ["WWW-Authenticate"], 405: ["Allow"], 409: ["Retry-After"], 429: ["Retry-After"], 502: ["Retry-After"], 503: ["Retry-After"] }[status] ?? [];
  return {
    description: codes.join(", "),
    headers: plain([...extra, ...(foreign ? ["Request-Id"] : [])]),
    content: json({ allOf: [ref("schemas", "Errors"), { properties: { errors: { items: { properties: { code } } } } }] }),
  };
}

function merge(all: readonly Codes[]): Codes {
  const merged: Record<string, string[]> = {};
  for (const [status, codes] of all.flatMap((each) => Object.entries(each))) merged[status] = [...new Set([...(merged[status] ?? []), ...codes])].sort();
  return merged;
}

function ref(kind: string, name: string): Json {
  return { $ref: `#/components/${kind}/${name}` };
}

function json(schema: Json): Json {
  return { "application/json": { schema } };
}

/** Those of every answer, and more. */
function plain(more: readonly string[] = []): Json {
  return Object.fromEntries(["Cache-Control", "X-Content-Type-Options", ...more].map((name) => [name, ref("headers", name)]));
}

/** Paths and methods that no operation is for. */
function elsewhere(): Json {
  return {
    NoSuchPath: failure("404", ["not_found"], false),
    NoSuchMethod: failure("405", ["method_not_allowed"], false),
  };
}

const text = { type: "string" };
const yesOrNo = { type: "boolean" };
const time = { type: "string", format: "date-time" };
const orNull = (type: string) => ({ type: [type, "null"] });
const relayToken = { type: "string", pattern: "^[A-Za-z0-9_-]{1,128}$" };
const claimType = { type: "string", pattern: "^[A-Za-z0-9_-]{1,128}$", examples: ["age_over18_germany"] };
const pass = { type: "string", pattern: "^[A-Za-z0-9_-]+={0,2}$" };
const sandbox = { type: "boolean", description: "Left out: as the API key says." };

function object(properties: Json, required: readonly string[] = Object.keys(properties), more: Json = {}): Json {
  return { type: "object", properties, ...(required.length > 0 && { required }), ...more };
}

const closed = { additionalProperties: false };
const progress = object(
  {
    state: { enum: ["none", "sent", "issued", "rejected", "unknown", "unusable", "waiting", "ready", "redeemed", "refunded", "lost"] },
    attempt: { type: "integer", minimum: 0 },
    since: time,
    "in-doubt": yesOrNo,
    unsettled: yesOrNo,
    refusal: object({ status: { type: "integer" }, title: orNull("string"), details: orNull("string"), code: orNull("string"), "request-id": orNull("string") }, undefined, closed),
  },
  ["state", "attempt", "in-doubt", "unsettled"],
  closed,
);

const count = { type: "integer", minimum: 0 };
const timeOrNull = { type: ["string", "null"], format: "date-time" };
const shelf = object(
  {
    "claim-type": claimType,
    sandbox: yesOrNo,
    wanted: count,
    ready: { ...count, description: "May be taken." },
    buying: { ...count, description: "Gone on with by the next top-up." },
    "in-doubt": { ...count, description: "May have been billed for nothing, and is not bought again." },
    bound: { ...count, description: "Taken, and not known to have arrived." },
    oldest: { ...timeOrNull, description: "When the oldest of those that may be taken was bought." },
    newest: timeOrNull,
    "last-top-up": object({ at: time, bought: count, "thrown-away": count, code: { ...orNull("string"), description: "What kept it from going on." } }, undefined, { ...closed, type: ["object", "null"] }),
  },
  undefined,
  closed,
);

const SCHEMAS: Json = {
  Errors: object({ errors: { type: "array", minItems: 1, maxItems: 1, items: object({ title: text, details: text, code: text, meta: { type: "object" } }, ["title", "code"], closed) } }, undefined, closed),
  Health: object({ status: { const: "ok" }, mode: { enum: ["managed", "pass-through"] }, egress: { ...text, description: "How anonymous calls leave." } }, undefined, closed),
  Description: object({ openapi: { const: "3.1.1" } }),
  IssuerKeys: object({ "issuer-keys": { type: "array", items: object({ "claim-type": { ...orNull("string"), description: "null: offered for a relay made elsewhere." }, sandbox: yesOrNo, "key-hash": { type: "string", pattern: "^[0-9a-f]{64}$" }, "token-key-id": text, "first-seen": time, "last-seen": time, anonymous: yesOrNo, purchase: yesOrNo }, undefined, closed) } }, undefined, closed),
  Pool: object({ pool: { type: "array", items: shelf } }, undefined, closed),
  NewRelay: object({ "claim-type": claimType, "encryption-key-pem": { ...orNull("string"), minLength: 1, description: "RSA, 2048 to 4096 bits, SPKI in PEM." }, sandbox }, ["claim-type", "encryption-key-pem"], closed),
  Relay: object({ "relay-token": relayToken, "relay-secret": { ...text, description: "Missing where the deployment withholds it." }, "relay-session-access-token": text }, ["relay-token", "relay-session-access-token"], closed),
  Purchase: {
    type: "object",
    oneOf: [object({ "claim-type": claimType, sandbox }, ["claim-type"], closed), object({ "relay-token": relayToken }, ["relay-token"], closed)],
  },
  Pass: object({ "privacy-pass-token": pass }, undefined, closed),
  Nothing: object({}, [], closed),
  Redemption: object({ "privacy-pass-token": pass }, [], closed),
  Claim: object({ "claim-payload": text, "token-consumed": yesOrNo }, undefined, closed),
  Standing: object({ "relay-token": relayToken, "claim-type": orNull("string"), sandbox: orNull("boolean"), "created-at": orNull("string"), purchase: progress, redemption: progress }, undefined, closed),
};

const PARAMETERS: Json = {
  RelayToken: { name: "relay-token", in: "path", required: true, schema: relayToken },
  RelaySecret: { name: "Persona-Relay-Secret", in: "header", description: "1 to 512 visible ASCII characters. In managed mode only needed where the store does not show the relay.", schema: text },
  IdempotencyKey: { name: "Idempotency-Key", in: "header", description: "1 to 255 visible ASCII characters. Managed mode; for a purchase, by claim type only.", schema: text },
};

const HEADERS: Json = {
  "Cache-Control": { required: true, schema: { const: "no-store" } },
  "X-Content-Type-Options": { required: true, schema: { const: "nosniff" } },
  "WWW-Authenticate": { required: true, schema: { enum: ["Bearer", "Cloudflare-Access", "PrivateToken"] } },
  Allow: { required: true, schema: text },
  "Retry-After": { description: "In seconds.", schema: { type: "integer", minimum: 1 } },
  "Request-Id": { description: "Persona's.", schema: text },
  "Idempotent-Replayed": { description: "The answer is an earlier one.", schema: { const: "true" } },
};

const SCHEMES: Json = {
  gatewayToken: { type: "http", scheme: "bearer", description: "Managed mode." },
  accessJwt: { type: "apiKey", in: "header", name: "Cf-Access-Jwt-Assertion", description: "Managed mode behind Cloudflare Access, which adds it." },
  apiKey: { type: "http", scheme: "bearer", description: "Pass-through mode: Persona's API key." },
  privatePass: { type: "http", scheme: "PrivateToken", description: "`token=` and the pass, instead of `privacy-pass-token` (RFC 9577), where no gateway token is sent." },
};
