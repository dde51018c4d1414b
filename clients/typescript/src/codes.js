/**
 * A call code as people type it: a slip of the finger is told before anything is asked.
 * Carries out specs/protocol.md section 5.
 */

const MAX_TYPED = 64;
const SEPARATORS = /[ \t\r\n\-‐‑–—.·_\u00a0\u3000]/g;
/** The quasigroup of order ten of H. M. Damm's thesis (Marburg 2004). */
const DAMM = [
  "0317598642",
  "7092154863",
  "4206871359",
  "1750983426",
  "6123045978",
  "3674209581",
  "5869720134",
  "8945362017",
  "9438617205",
  "2581436790",
];

/**
 * The nine digits of a code; spaces, dashes and full-width figures are taken as they are meant.
 * @param {string} typed
 * @returns {string} raising RangeError, with words for whoever typed it, where the service would say `malformed_code`
 */
export function readCode(typed) {
  const digits = typed.length > MAX_TYPED ? "" : typed.normalize("NFKC").replace(SEPARATORS, "");
  if (!/^[0-9]{9}$/.test(digits)) throw new RangeError("The code has nine digits and nothing else");
  if (!isCode(digits)) {
    throw new RangeError("One of the digits is wrong or two are swapped; please enter the code again");
  }
  return digits;
}

/** Whether nine digits, and nothing else, are a complete code. @param {string} digits */
export function isCode(digits) {
  let interim = 0;
  for (const digit of digits) interim = Number(DAMM[interim]?.[Number(digit)]);
  return interim === 0 && /^[0-9]{9}$/.test(digits);
}
