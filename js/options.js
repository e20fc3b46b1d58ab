// What `new Persona(options)` is given.

/**
 * The options, each read once: what is checked is what is used. Inherited ones, getters and those that are not enumerable are taken
 * like any other; what is no option is left out. What is no object is answered as it is, for the check to refuse.
 */
export function readOptions(options) {
  if (typeof options !== "object" || options === null) return options;
  const { apiKey, baseUrl, timeoutMs, maxRetries, deadlineMs, personaVersion, fetch, acceptIssuerKey, permissiveIssuerKeys } = options;
  return { apiKey, baseUrl, timeoutMs, maxRetries, deadlineMs, personaVersion, fetch, acceptIssuerKey, permissiveIssuerKeys };
}
