/**
 * Reads saved receipts and trust files.
 * Implements specs/protocol.md section 8.
 */

import { EvidenceError } from "./errors.js";
import { TooDeep, readJson } from "./ijson.js";

export const MAX_FILE = 262_144;

/** @typedef {import("./receipts.js").Evidence} Evidence */
/** @typedef {import("./receipts.js").Trust} Trust */

/**
 * Read the evidence in a saved file. The file may also be an answer that contains it: a verdict, an issued call or an
 * exception.
 * @param {Uint8Array} content
 * @returns {Evidence} raises EvidenceError
 */
export function readEvidence(content) {
  const saved = readFile(content);
  const found = [saved, saved?.receipt, saved?.ticket, saved?.evidence].find(
    (each) => typeof each?.statement === "string" && typeof each.proof === "string",
  );
  if (found === undefined) throw new EvidenceError("invalid_evidence", "there is no statement with a proof");
  return { statement: found.statement, proof: found.proof };
}

/**
 * Read a saved trust file.
 * @param {Uint8Array} content
 * @returns {Trust} raises TypeError
 */
export function readTrust(content) {
  let trust;
  try {
    trust = parsed(content);
  } catch (cause) {
    throw new TypeError(`the trust file cannot be read: ${messageOf(cause)}`, { cause });
  }
  mustBeTrust(trust);
  return trust;
}

/** Raise TypeError unless a value has the shape of a trust file. @param {any} trust */
export function mustBeTrust(trust) {
  const { issuer, jwks, log } = trust ?? {};
  const strings = typeof issuer === "string" && typeof log?.origin === "string";
  const keys = Array.isArray(jwks?.keys) && Array.isArray(log?.keys);
  if (!strings || !keys || !log.keys.every((/** @type {unknown} */ each) => typeof each === "string")) {
    throw new TypeError("the trust file is not the document at /.well-known/callback-verification");
  }
}

/** @param {Uint8Array} content */
function readFile(content) {
  try {
    return parsed(content);
  } catch (cause) {
    const slug = cause instanceof TooDeep ? "invalid_claims" : "invalid_evidence";
    throw new EvidenceError(slug, `the file cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** @param {Uint8Array} content */
function parsed(content) {
  if (content.length > MAX_FILE) throw new RangeError(`it has more than ${MAX_FILE} bytes`);
  return readJson(content, { mark: true });
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
