/**
 * The names of a JSON object's members as they stand in its text: `JSON.parse` keeps the last of two that are the same, and
 * what reads the text before or after us may keep the first.
 */

/** The names of the outermost object, in their order. `text` has to be valid JSON. */
export function memberNames(text: string): string[] {
  const names: string[] = [];
  let depth = 0;
  let latest: string | undefined;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/gs)) {
    if (token === "{" || token === "[") depth += 1;
    else if (token === "}" || token === "]") depth -= 1;
    else if (token !== ":") latest = token;
    else if (depth === 1 && latest !== undefined) names.push(JSON.parse(latest) as string); // `\u0061` is `a`
  }
  return names;
}
