/** Shows a call code while a person types it. The SDK parses the text. Implements specs/protocol.md section 5. */

import { LENGTH, readDigits } from "../typescript/src/codes.js";

export { LENGTH, isCode as possible } from "../typescript/src/codes.js";

/** What comes before a code in a message. */
const NAMED = /核实码|\bcode/i;

/**
 * Return the digits to show. If the text contains exactly one code, they are that code, and else the code after its name
 * or the only 9 digits in one piece. Otherwise, they are the first 9 digits. `strange` says that the person should look:
 * there were other characters or more digits.
 * @param {string} typed
 */
export function digitsOf(typed) {
  const { codes, digits, rest } = readDigits(typed);
  if (codes.length === 1) return { digits: codes[0] ?? "", strange: false };
  const [, ...after] = typed.split(NAMED);
  const named = after.map((each) => readDigits(each).codes[0]).find(Boolean);
  const whole = new Set(typed.split(/[^0-9]+/).filter((each) => each.length === LENGTH));
  const found = named ?? (whole.size === 1 ? [...whole][0] : undefined);
  return { digits: found ?? digits.slice(0, LENGTH), strange: rest !== "" || digits.length > LENGTH };
}

/**
 * Where the caret belongs in a grouped code, so that it stays behind the same digit.
 * @param {string} shown @param {number} count the number of digits before the caret
 */
export function caretAfter(shown, count) {
  let at = 0;
  for (let seen = 0; seen < count && at < shown.length; at += 1) if (shown[at] !== " ") seen += 1;
  return at;
}
