/**
 * Canonical base64 (RFC 4648) and SHA-256 of bytes.
 * Implements specs/protocol.md section 8.
 */

const STANDARD = /^[A-Za-z0-9+/]*={0,2}$/;
const URL_SAFE = /^[A-Za-z0-9_-]*$/;

/** @typedef {Uint8Array<ArrayBuffer>} Octets */

/**
 * Decode canonical base64 with padding. Raises RangeError for any other text.
 * @param {string} text
 * @returns {Octets}
 */
export function fromBase64(text) {
  if (!STANDARD.test(text)) throw new RangeError("not base64");
  let binary;
  try {
    binary = atob(text);
  } catch {
    throw new RangeError("not base64");
  }
  // Otherwise, unused bits or other padding would allow several texts for the same bytes.
  if (btoa(binary) !== text) throw new RangeError("base64 is not canonical");
  return Uint8Array.from(binary, (each) => each.charCodeAt(0));
}

/**
 * Decode canonical base64url without padding (RFC 7515 section 2). Raises RangeError for any other text.
 * @param {string} text
 */
export function fromBase64url(text) {
  if (!URL_SAFE.test(text)) throw new RangeError("not base64url");
  const padded = text.padEnd(Math.ceil(text.length / 4) * 4, "=");
  return fromBase64(padded.replace(/-/g, "+").replace(/_/g, "/"));
}

/** @param {string} text @returns {Octets} its UTF-8 */
export function utf8(text) {
  return new TextEncoder().encode(text);
}

/** The number of bytes of a text in UTF-8. @param {string} text */
export function byteLength(text) {
  return utf8(text).length;
}

/** @param {Octets[]} parts @returns {Octets} all parts together */
export function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}

/** @param {Octets[]} parts @returns {Promise<Octets>} the SHA-256 of all parts together */
export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
}

/**
 * Compare bytes. They are not secret, so the time need not be constant.
 * @param {Octets} one @param {Octets} other
 */
export function equal(one, other) {
  return one.length === other.length && one.every((octet, place) => octet === other[place]);
}
