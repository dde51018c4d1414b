/**
 * JSON as evidence holds it (I-JSON, RFC 7493): bounded before it is read, and read in one way by every verifier.
 * Implements specs/protocol.md section 8.1.
 */

const MAX_DEPTH = 100;
// A quoted text, also one without an end, a bracket or a comma. No two ways to match, so the work is linear.
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"?|[[\]{},]/gs;
const SURROGATE = /\p{Surrogate}/u;

/** JSON that nests deeper than a verifier reads. */
export class TooDeep extends SyntaxError {}

/**
 * The value of a JSON text in UTF-8. `mark` passes over one byte-order mark at the beginning.
 * @param {Uint8Array | undefined} octets
 * @param {{mark?: boolean}} [options]
 * @returns {any} raising SyntaxError or TypeError; TooDeep for JSON that is nested too deeply
 */
export function readJson(octets, { mark = false } = {}) {
  // With ignoreBOM a mark is kept, and JSON.parse refuses it.
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: !mark }).decode(octets);
  const tokens = text.match(TOKEN) ?? [];
  mustBeShallow(tokens);
  // Minus zero is zero: numbers count by their value.
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
 * Refuse a member that is given twice, and half of a surrogate pair. JSON.parse takes both.
 * @param {string[]} tokens of a text that is JSON
 */
function mustSayOnce(tokens) {
  /** The names that each open object has so far; nothing for a list. @type {(Set<string> | null)[]} */
  const open = [];
  let before = "";
  for (const token of tokens) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(null);
    else if (token === "}" || token === "]") open.pop();
    else if (token !== ",") {
      const said = token.includes("\\") ? JSON.parse(token) : token.slice(1, -1);
      if (SURROGATE.test(said)) throw new SyntaxError("half of a surrogate pair is no text");
      const names = before === "{" || before === "," ? open.at(-1) : null;
      if (names?.has(said)) throw new SyntaxError("a member is given twice");
      names?.add(said);
    }
    before = token;
  }
}
