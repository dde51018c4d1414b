/** A call code while a person types it. The SDK reads the text. Source: specs/protocol.md section 5. */

import { LENGTH, readDigits } from "../typescript/src/codes.js";

export { LENGTH, isCode as complete } from "../typescript/src/codes.js";

/**
 * The digits to show: of a pasted text its one code, else everything typed, at most nine. `strange` says that there
 * was something else, or too much.
 * @param {string} typed
 */
export function digitsOf(typed) {
  const { codes, digits, rest } = readDigits(typed);
  if (codes.length === 1) return { digits: codes[0] ?? "", strange: false };
  return { digits: digits.slice(0, LENGTH), strange: rest !== "" || digits.length > LENGTH };
}
