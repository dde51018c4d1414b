/**
 * A strict JSON parser for evidence (I-JSON, RFC 7493). It checks bounds first, and all verifiers read the same.
 * Implements specs/protocol.md section 8.1.
 */

const MAX_DEPTH = 100;
// A string, terminated or not, a bracket or a comma. There is one way to match, so the time is linear.
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"?|[[\]{},]/gs;
const SURROGATE = /\p{Surrogate}/u;

/** The JSON is nested too deeply. */
export class TooDeep extends SyntaxError {}

/**
 * Parse JSON in UTF-8. With `mark`, ignore one byte-order mark at the beginning.
 * @param {Uint8Array | undefined} octets
 * @param {{mark?: boolean}} [options]
 * @returns {any} raises SyntaxError or TypeError, and TooDeep for JSON that is nested too deeply
 */
export function readJson(octets, { mark = false } = {}) {
  // With ignoreBOM, the text keeps the mark, and JSON.parse refuses it.
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: !mark }).decode(octets);
  const tokens = text.match(TOKEN) ?? [];
  mustBeShallow(tokens);
  // Numbers compare by value, so minus zero becomes zero.
  const value = JSON.parse(text, (_, each) => (each === 0 ? 0 : each));
  mustSayOnce(tokens);
  return value;
}

/** @param {string[]} tokens */
function mustBeShallow(tokens) {
  let depth = 0;
  let deepest = 0;
  for (const token of tokens) {
    if (token === "[" || token === "{") deepest = Math.max(deepest, ++depth);
    else if (token === "]" || token === "}") depth -= 1;
  }
  if (deepest <= MAX_DEPTH) return;
  throw new (depth === 0 ? TooDeep : SyntaxError)(`JSON may be nested ${MAX_DEPTH} levels deep`);
}

/**
 * Refuse repeated members and lone surrogates. JSON.parse accepts both.
 * @param {string[]} tokens the tokens of valid JSON
 */
function mustSayOnce(tokens) {
  /** The names in each open object so far, null for a list. @type {(Set<string> | null)[]} */
  const open = [];
  let before = "";
  for (const token of tokens) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(null);
    else if (token === "}" || token === "]") open.pop();
    else if (token !== ",") {
      const said = token.includes("\\") ? JSON.parse(token) : token.slice(1, -1);
      if (SURROGATE.test(said)) throw new SyntaxError("a string has a lone surrogate");
      const names = before === "{" || before === "," ? open.at(-1) : null;
      if (names?.has(said)) throw new SyntaxError("a member is given twice");
      names?.add(said);
    }
    before = token;
  }
}
