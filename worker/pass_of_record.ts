/** The pass that was bought, out of the record of its purchase. */
import type { IssuePrivacyPassParams, Persona } from "../pkg/workerd.js";

/**
 * The pass of a record in which it is. Of such a record the SDK says what the pass is, and asks nobody.
 *
 * @throws PersonaError for another record: nothing can be written, and so nothing sent for it
 */
export async function passOfRecord({ relays }: Persona, params: IssuePrivacyPassParams, text: string): Promise<string> {
  const write = () => {
    throw new TypeError("the record has no pass");
  };
  const record = { read: () => ({ text, version: 1 }), write };
  return (await relays.issuePrivacyPass(params, { record })).privacyPassToken;
}
