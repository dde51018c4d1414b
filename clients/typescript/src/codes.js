/**
 * Reads a typed call code and finds typing errors before a request is sent.
 * Implements specs/protocol.md section 5.
 */

export const LENGTH = 9;
const MAX_TYPED = 200;
/** The zero of the decimal digits of each script (category Nd of Unicode 14). The other 9 digits follow it. */
const ZEROS = `
  0030 0660 06F0 07C0 0966 09E6 0A66 0AE6 0B66 0BE6 0C66 0CE6 0D66 0DE6 0E50 0ED0 0F20 1040 1090 17E0 1810 1946
  19D0 1A80 1A90 1B50 1BB0 1C40 1C50 A620 A8D0 A900 A9D0 A9F0 AA50 ABF0 FF10 104A0 10D30 11066 110F0 11136 111D0
  112F0 11450 114D0 11650 116C0 11730 118E0 11950 11C50 11D50 11DA0 16A60 16AC0 16B50 1D7CE 1D7D8 1D7E2 1D7EC
  1D7F6 1E140 1E2F0 1E950 1FBF0
`;
const CHINESE = ["〇零", "一幺", "二", "三", "四", "五", "六", "七", "八", "九"];
const INVISIBLE = /[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g;
const SEPARATORS = " \\t\\r\\n\\u00a0\\u2000-\\u200a\\u202f\\u205f\\u3000.\\uff0e_\\uff3f\\u00b7\\u2010-\\u2015\\u2212\\uff0d-";
const GROUP = new RegExp(`[0-9](?:[${SEPARATORS}]*[0-9])*`, "g");
const BETWEEN = new RegExp(`[${SEPARATORS}]`, "g");
const ADJACENT = /[A-Za-z+#*]/;
/** @type {Map<string, string>} */
const MEANT = new Map(CHINESE.flatMap((each, n) => [...each].map((character) => [character, String(n)])));
for (const zero of ZEROS.trim().split(/\s+/)) {
  for (let n = 0; n < 10; n += 1) MEANT.set(String.fromCodePoint(Number.parseInt(zero, 16) + n), String(n));
}
/** The quasigroup of order 10 of H. M. Damm's thesis (Marburg 2004). */
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
 * Find the 9 digits of a code in a text, in any script.
 * @param {string} typed
 * @returns {string} raises RangeError if there are not 9 digits, or if there are two codes. Its message is for the person
 *   who typed. The service refuses such a code with `malformed_code`. Send all other digits, since they may be invented
 */
export function readCode(typed) {
  const { codes } = readDigits(typed);
  const [digits] = codes;
  if (digits === undefined || codes.length > 1) throw new RangeError("The code has nine digits, no more and no fewer");
  return digits;
}

/**
 * Split a typed text. `codes` are its different groups of 9 digits, `digits` all its digits, and `rest` everything else
 * except separators. A group next to a Latin letter, `+`, `#` or `*` is not a code.
 * @param {string} typed
 * @returns {{codes: string[], digits: string, rest: string}}
 */
export function readDigits(typed) {
  if (typed.length > 2 * MAX_TYPED || [...typed].length > MAX_TYPED) return { codes: [], digits: "", rest: typed };
  const text = [...typed.replace(INVISIBLE, "")].map((each) => MEANT.get(each) ?? each).join("");
  const codes = new Set();
  for (const group of text.matchAll(GROUP)) {
    const digits = group[0].replace(BETWEEN, "");
    const end = group.index + group[0].length;
    const beside = text.slice(Math.max(0, group.index - 1), group.index) + text.charAt(end);
    if (digits.length === LENGTH && !ADJACENT.test(beside)) codes.add(digits);
  }
  const plain = text.replace(BETWEEN, "");
  return { codes: [...codes], digits: plain.replace(/[^0-9]/g, ""), rest: plain.replace(/[0-9]/g, "") };
}

/**
 * Whether a text is exactly 9 digits with a valid check digit. If not, an app may ask to compare the digits once more.
 * @param {string} digits
 */
export function isCode(digits) {
  let interim = 0;
  for (const digit of digits) interim = Number(DAMM[interim]?.[Number(digit)]);
  return interim === 0 && /^[0-9]{9}$/.test(digits);
}
