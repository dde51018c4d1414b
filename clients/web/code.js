/** Shows a call code while a person types it. The SDK parses the text. Implements specs/protocol.md section 5. */

import { LENGTH, readDigits } from "../typescript/src/codes.js";

export { LENGTH, isCode as possible } from "../typescript/src/codes.js";

/**
 * Return the digits to show. If the text contains exactly one code, they are that code. Otherwise, they are the first 9
 * digits, and `strange` says whether there were other characters or more digits.
 * @param {string} typed
 */
export function digitsOf(typed) {
  const { codes, digits, rest } = readDigits(typed);
  if (codes.length === 1) return { digits: codes[0] ?? "", strange: false };
  return { digits: digits.slice(0, LENGTH), strange: rest !== "" || digits.length > LENGTH };
}
