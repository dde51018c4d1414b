/** A call code while a person types it; what is complete the SDK reads. Carries out specs/protocol.md section 5. */

export { isCode as complete } from "../typescript/src/codes.js";

export const LENGTH = 9;

/**
 * The figures in what was typed or pasted, at most nine. Full-width figures, spaces and dashes are taken as they are
 * meant; `strange` says that there was something else, or too much.
 * @param {string} typed
 */
export function figures(typed) {
  const plain = typed.normalize("NFKC").replace(/[\s\u00ad\u200b-\u200f\u2060\ufeff\-‐-―−.·]/g, "");
  const digits = plain.replace(/\D/g, "");
  return { digits: digits.slice(0, LENGTH), strange: digits.length < plain.length || digits.length > LENGTH };
}
