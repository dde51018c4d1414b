/**
 * A strict check of Ed25519 signatures (RFC 8032). Platforms differ on points of small order, so this refuses them.
 * Implements specs/protocol.md section 8.1.
 */

import { CannotCheck } from "./errors.js";
import { equal, joined } from "./octets.js";
import { ExtendedPoint } from "@noble/ed25519";

const PRIME = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const ORDER_8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;
// The y coordinates of the 8 points of small order.
const SMALL = [0n, 1n, PRIME - 1n, ORDER_8, PRIME - ORDER_8];

/** @typedef {import("./octets.js").Octets} Octets */

/**
 * Whether 32 bytes are the canonical encoding of an edwards25519 point that is not of small order.
 * @param {Octets} octets
 */
export function isPoint(octets) {
  const y = BigInt.asUintN(255, number(octets));
  return octets.length === 32 && y < PRIME && !SMALL.includes(y);
}

/**
 * Whether a signature is valid. Raises CannotCheck if the platform has no WebCrypto.
 * @param {Octets} publicKey @param {Octets} signature @param {Octets} signed
 */
export async function verifiesEd25519(publicKey, signature, signed) {
  const reduced = signature.length === 64 && number(signature.slice(32)) < ORDER;
  if (!reduced || !isPoint(publicKey) || !isPoint(signature.slice(0, 32))) return false;
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) throw new CannotCheck("this platform cannot check signatures");
  try {
    const key = await subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
    return await subtle.verify("Ed25519", key, signature, signed);
  } catch (cause) {
    const lacking = cause instanceof DOMException && cause.name === "NotSupportedError";
    return lacking ? verifiesWithPoints(publicKey, signature, signed) : false;
  }
}

/**
 * The check without Ed25519 in WebCrypto (specs/decisions/0055): the encoding of S·B − k·A is R. WebCrypto decides by
 * the same equation, without the cofactor.
 * @param {Octets} publicKey @param {Octets} signature @param {Octets} signed
 */
async function verifiesWithPoints(publicKey, signature, signed) {
  const encoded = signature.slice(0, 32);
  const hashed = new Uint8Array(await crypto.subtle.digest("SHA-512", joined(encoded, publicKey, signed)));
  try {
    const minusKey = ExtendedPoint.fromHex(publicKey).negate().multiply(number(hashed) % ORDER, false);
    const found = ExtendedPoint.BASE.multiply(number(signature.slice(32)), false).add(minusKey);
    return equal(Uint8Array.from(found.toRawBytes()), encoded);
  } catch {
    // The key is not on the curve, or the result is no point of a signature.
    return false;
  }
}

/** Read a little-endian number. @param {Octets} octets */
function number(octets) {
  return octets.reduceRight((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
}
