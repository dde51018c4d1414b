/** A call code as a person types it, and its Damm check digit. Carries out specs/protocol.md section 5. */

export const LENGTH = 9;

/** The quasigroup of order 10 that H. Michael Damm's thesis gives. */
const TABLE = [
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
 * The figures in what was typed or pasted, at most nine. Full-width figures, spaces and dashes are taken as they are
 * meant; `strange` says that there was something else, or too much.
 * @param {string} typed
 */
export function figures(typed) {
  const plain = typed.normalize("NFKC").replace(/[\s\u00ad\u200b-\u200f\u2060\ufeff\-‐-―−.·]/g, "");
  const digits = plain.replace(/\D/g, "");
  return { digits: digits.slice(0, LENGTH), strange: digits.length < plain.length || digits.length > LENGTH };
}

/** Whether nine figures are a complete code. A slip of the finger is caught here, before anything is asked. @param {string} digits */
export function complete(digits) {
  if (!/^\d{9}$/.test(digits)) return false;
  let interim = 0;
  for (const digit of digits) interim = Number(TABLE[interim]?.[Number(digit)]);
  return interim === 0;
}
