/**
 * Checks a receipt on the device, with the SDK's own verifier, and says in one word what was found.
 * Implements specs/protocol.md sections 8.1, 8.5 and 8.6.
 */

import { readDigits } from "../typescript/src/codes.js";
import { CannotCheck } from "../typescript/src/errors.js";
import { MAX_FILE } from "../typescript/src/files.js";
import { readJson } from "../typescript/src/ijson.js";
import { fromBase64url } from "../typescript/src/octets.js";
import { EvidenceError, HISTORY, RECEIPT, REPORT, readReceipt, verifyEvidence } from "../typescript/src/receipts.js";

/** @typedef {import("../typescript/src/receipts.js").Checked} Checked */
/** @typedef {import("../typescript/src/receipts.js").Evidence} Evidence */
/** @typedef {import("../typescript/src/receipts.js").Trust} Trust */
/**
 * Why there is no valid receipt. Only `altered` and the three after it are about the receipt: `no_keys`, `old_browser`
 * and `unreadable` say nothing about it.
 * @typedef {"altered" | "other_bank" | "other_document" | "not_a_receipt" | "code" | "no_keys" | "old_browser"
 *   | "too_large" | "folder" | "several" | "unreadable" | "empty"} Fault
 */
/** @typedef {{checked: Checked, evidence: Evidence} | {fault: Fault}} Outcome */

const FOR_CUSTOMERS = [RECEIPT, REPORT, HISTORY];
const CODE_AND_WORDS = 100;

/**
 * Check the content of a file, or a text that was pasted. Every error of which nothing is known means that the receipt
 * cannot be checked, never that it is valid.
 * @param {Uint8Array | string} content
 * @param {Trust | null} trust null if the bank's keys were not loaded
 * @returns {Promise<Outcome>}
 */
export async function check(content, trust) {
  if (content.length > MAX_FILE) return { fault: "too_large" };
  const octets = typeof content === "string" ? new TextEncoder().encode(content.trimStart()) : content;
  if (octets.length === 0) return { fault: "empty" };
  if (isCode(octets)) return { fault: "code" };
  if (trust === null) return { fault: "no_keys" };
  try {
    return await verified(await readReceipt(octets), trust);
  } catch (error) {
    if (error instanceof EvidenceError) return { fault: "not_a_receipt" };
    if (!(error instanceof CannotCheck)) console.error(error);
    return { fault: "old_browser" };
  }
}

/**
 * @param {Evidence} evidence
 * @param {Trust} trust
 * @returns {Promise<Outcome>} raises CannotCheck
 */
export async function verified(evidence, trust) {
  try {
    const checked = await verifyEvidence(evidence, trust);
    return FOR_CUSTOMERS.includes(checked.typ) ? { checked, evidence } : { fault: "other_document" };
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    return { fault: namesAnother(evidence, trust) ? "other_bank" : "altered" };
  }
}

/**
 * The content of what a person chose or dropped: at most one file of a size that a receipt can have. A folder is known
 * by its entry, where the browser has one, and otherwise cannot be read.
 * @param {readonly File[]} files
 * @param {readonly (FileSystemEntry | null)[]} [entries]
 * @returns {Promise<{content: Uint8Array} | {fault: Fault}>}
 */
export async function contentOf(files, entries = []) {
  if (Math.max(files.length, entries.length) > 1) return { fault: "several" };
  if (entries.some((each) => each?.isDirectory)) return { fault: "folder" };
  const [file] = files;
  if (!file) return { fault: "empty" };
  if (file.size > MAX_FILE) return { fault: "too_large" };
  try {
    return { content: new Uint8Array(await file.arrayBuffer()) };
  } catch {
    return { fault: "unreadable" };
  }
}

/** Whether a person entered a call code here. This page takes none (CVP-13-1). @param {Uint8Array} octets */
function isCode(octets) {
  if (octets.length > CODE_AND_WORDS) return false;
  const { codes, digits } = readDigits(new TextDecoder().decode(octets));
  return codes.length > 0 || digits.length === 9;
}

/**
 * Whether a statement that does not verify says that somebody else issued it. Nobody has signed that, so it is only a
 * reason to say which of two refusals fits.
 * @param {Evidence} evidence @param {Trust} trust
 */
function namesAnother({ statement }, trust) {
  try {
    const { iss } = readJson(fromBase64url(statement.split(".")[1] ?? ""));
    return typeof iss === "string" && iss !== trust.issuer;
  } catch {
    return false;
  }
}
