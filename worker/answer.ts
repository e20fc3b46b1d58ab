/** The one shape of every answer: JSON that nobody caches, sniffs or renders. */

export function jsonResponse(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return writtenResponse(status, JSON.stringify(body), headers);
}

/** The same of what is JSON already: a text, or its bytes in UTF-8. */
export function writtenResponse(status: number, json: string | Uint8Array, headers: Record<string, string> = {}): Response {
  return new Response(json, {
    status,
    headers: {
      "content-type": "application/json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...headers,
    },
  });
}
