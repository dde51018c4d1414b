/**
 * Verifies tickets and receipts offline, with nothing but a trust file that was saved earlier.
 * Implements specs/protocol.md section 8.1.
 */

import { shapeOf } from "./claims.js";
import { CannotCheck, EvidenceError } from "./errors.js";
import { readJson } from "./ijson.js";
import { mustBeTrust } from "./files.js";
import { byteLength, fromBase64url, sha256, utf8 } from "./octets.js";
import { verifyProof } from "./proofs.js";

export { EXCEPTION, HISTORY, RECEIPT, REPORT, TICKET } from "./claims.js";
export { CallbackVerificationError, CannotCheck, EvidenceError } from "./errors.js";
export { readEvidence, readTrust } from "./files.js";
export { readReceipt } from "./printed.js";

const ALGORITHM = "ES256";
const MAX_STATEMENT = 16_384;
const MAX_KID = 1_024;
const HEADER = ["alg", "kid", "typ"];

/** @typedef {import("./claims.js").Claims} Claims */
/** @typedef {import("./claims.js").Typ} Typ */
/** @typedef {import("./octets.js").Octets} Octets */
/** A signed statement and its inclusion proof. @typedef {{statement: string, proof: string}} Evidence */

/**
 * The trust file of a verifier: the document at `/.well-known/callback-verification`. Other members are ignored.
 * @typedef {{issuer: string, jwks: {keys: Record<string, any>[]}, log: {origin: string, keys: string[]}}} Trust
 */

/** @typedef {{typ: Typ, claims: Claims, checkpoint: {origin: string, size: number}}} Checked */

/**
 * Verify a statement, and that the log contains it. Raises EvidenceError for everything that does not verify. Its slug
 * is `invalid_signature`, `invalid_claims`, `invalid_proof` or `invalid_evidence`, as in the service. Check
 * `claims.verdict` afterwards: a receipt that says `not_genuine` verifies too.
 * @param {Evidence} evidence
 * @param {Trust} trust raises TypeError if it is not a trust file
 * @param {{typ?: Typ}} [expected] the only type of statement to accept (RFC 8725 section 3.11)
 * @returns {Promise<Checked>}
 */
export async function verifyEvidence(evidence, trust, { typ } = {}) {
  mustBeTrust(trust);
  const { statement, proof } = evidence ?? {};
  if (typeof statement !== "string" || typeof proof !== "string") {
    throw new EvidenceError("invalid_evidence", "there is no statement with a proof");
  }
  const checked = await verifyStatement(statement, trust, typ);
  const entry = await sha256(utf8(statement));
  const { origin, size } = await verifyProof(proof, entry, trust.log.keys, trust.log.origin);
  return { ...checked, checkpoint: { origin, size } };
}

/**
 * Verify the signature, type, issuer and shape.
 * @param {string} statement
 * @param {Trust} trust
 * @param {Typ | undefined} expected
 * @returns {Promise<{typ: Typ, claims: Claims}>}
 */
async function verifyStatement(statement, trust, expected) {
  if (byteLength(statement) > MAX_STATEMENT) throw invalidSignature("the statement is too long");
  const parts = statement.split(".");
  if (parts.length !== 3) throw invalidSignature("the statement is not a compact JWS");
  const [header, payload, signature = new Uint8Array()] = parts.map(decoded);
  const { kid, typ } = readHeader(header);
  await mustBeSigned(utf8(statement.slice(0, statement.lastIndexOf("."))), signature, keyOf(trust, kid));
  const shape = shapeOf(typ);
  if (shape === undefined || (expected !== undefined && typ !== expected)) {
    throw invalidClaims(`the statement has typ ${quoted(typ)}`);
  }
  const claims = decodeJson(payload, invalidClaims);
  if (!shape(claims)) throw invalidClaims(`the claims do not have the shape of a ${typ}`);
  if (claims.iss !== trust.issuer) {
    throw invalidClaims(`the statement was issued by ${quoted(claims.iss)}, not by ${quoted(trust.issuer)}`);
  }
  return { typ: /** @type {Typ} */ (typ), claims };
}

/**
 * Read the header. Only the 3 members that the service writes are allowed. A statement must not supply its own key or
 * a key's address, and there are no extensions.
 * @param {Uint8Array | undefined} octets
 */
function readHeader(octets) {
  const header = decodeJson(octets, invalidSignature);
  if (typeof header !== "object" || header === null || header.alg !== ALGORITHM || typeof header.kid !== "string") {
    throw invalidSignature(`the statement's header must have alg ${ALGORITHM} and a kid`);
  }
  const length = byteLength(header.kid);
  if (length < 1 || length > MAX_KID) throw invalidSignature(`a kid must have 1 to ${MAX_KID} bytes`);
  if (typeof header.typ !== "string") throw invalidSignature("the statement's header has no typ");
  const unknown = Object.keys(header).find((name) => !HEADER.includes(name));
  if (unknown !== undefined) throw invalidSignature(`the statement's header has the unknown member ${quoted(unknown)}`);
  return header;
}

/**
 * Return the trusted key with this id. Other keys are ignored.
 * @param {Trust} trust
 * @param {string} kid
 */
function keyOf(trust, kid) {
  const found = trust.jwks.keys.filter((each) => each?.["kid"] === kid);
  const [key] = found;
  if (key === undefined || found.length > 1) throw invalidSignature("the statement is not signed by a known key");
  // A key with another purpose must not verify statements.
  const { kty, crv, use = "sig", alg = ALGORITHM } = key;
  if (kty !== "EC" || crv !== "P-256" || use !== "sig" || alg !== ALGORITHM) {
    throw invalidSignature(`the statement's key is not a key for ${ALGORITHM}`);
  }
  return { kty, crv, x: coordinate(key["x"]), y: coordinate(key["y"]) };
}

/** Check a coordinate of P-256 (RFC 7518), since platforms differ on other encodings. @param {unknown} text */
function coordinate(text) {
  if (typeof text !== "string" || decoded(text).length !== 32) {
    throw invalidSignature("the key is not a point of P-256");
  }
  return text;
}

/**
 * Raises CannotCheck if the platform has no WebCrypto. A browser has it only on pages that were loaded over HTTPS.
 * @param {Octets} signed @param {Octets} signature r and s @param {JsonWebKey} jwk
 */
async function mustBeSigned(signed, signature, jwk) {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) throw new CannotCheck("this platform cannot check signatures");
  let valid = false;
  let cause;
  try {
    const key = await subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: jwk.crv ?? "" }, false, ["verify"]);
    valid = signature.length === 64 && (await subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, signed));
  } catch (error) {
    // The key is not a point of the curve.
    cause = error;
  }
  if (!valid) throw invalidSignature("the statement's signature does not verify", { cause });
}

/** @param {string} part */
function decoded(part) {
  try {
    return fromBase64url(part);
  } catch (cause) {
    throw invalidSignature("a part of the statement or its key is not canonical base64url", { cause });
  }
}

/**
 * @param {Uint8Array | undefined} octets
 * @param {(message: string, options: ErrorOptions) => EvidenceError} fault the error to raise if it is not JSON
 * @returns {any}
 */
function decodeJson(octets, fault) {
  try {
    return readJson(octets);
  } catch (cause) {
    throw fault("a part of the statement is not JSON", { cause });
  }
}

/** Quote and shorten a value, since anyone may have made the file. @param {unknown} value */
function quoted(value) {
  return String(JSON.stringify(value)).slice(0, 100);
}

/** @param {string} message @param {ErrorOptions} [options] */
function invalidSignature(message, options) {
  return new EvidenceError("invalid_signature", message, options);
}

/** @param {string} message @param {ErrorOptions} [options] */
function invalidClaims(message, options) {
  return new EvidenceError("invalid_claims", message, options);
}
