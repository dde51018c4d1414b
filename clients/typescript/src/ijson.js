/**
 * A strict JSON parser for evidence (I-JSON, RFC 7493). It ensures that all verifiers read the same values.
 * Implements specs/protocol.md section 8.1.
 */

const MAX_DEPTH = 100;
// A string, terminated or not, a bracket or a comma. Each text matches in only one way, so the time is linear.
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
  // Numbers compare by value, so change minus zero to zero.
  const value = JSON.parse(text, (_, each) => (each === 0 ? 0 : each));
  mustBeUnambiguous(tokens);
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
  // With unbalanced brackets, it is not JSON at all.
  throw new (depth === 0 ? TooDeep : SyntaxError)(`the JSON is nested more than ${MAX_DEPTH} levels deep`);
}

/**
 * Refuse repeated members and lone surrogates. JSON.parse accepts both.
 * @param {string[]} tokens the tokens of valid JSON
 */
function mustBeUnambiguous(tokens) {
  /** The names in each open object so far, null for a list. @type {(Set<string> | null)[]} */
  const open = [];
  let before = "";
  for (const token of tokens) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(null);
    else if (token === "}" || token === "]") open.pop();
    else if (token !== ",") {
      const string = token.includes("\\") ? JSON.parse(token) : token.slice(1, -1);
      if (SURROGATE.test(string)) throw new SyntaxError("a string has a lone surrogate");
      const names = before === "{" || before === "," ? open[open.length - 1] : null;
      if (names?.has(string)) throw new SyntaxError("an object has two members with the same name");
      names?.add(string);
    }
    before = token;
  }
}
