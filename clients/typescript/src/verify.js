#!/usr/bin/env node
/**
 * The command `node src/verify.js RECEIPT TRUST`: is a kept receipt or ticket valid? Exit status 0 if it is, 1 if not.
 * Carries out specs/protocol.md section 8.1.
 */

import { readFile, stat } from "node:fs/promises";
import { EvidenceError, verifyEvidence } from "./receipts.js";

const MAX_FILE = 262_144;
const USAGE = `usage: verify.js RECEIPT TRUST
  RECEIPT  a receipt, a ticket, or an answer that holds one
  TRUST    the bank's /.well-known/callback-verification, kept from a time you trust`;

/** @typedef {import("./receipts.js").Evidence} Evidence */

/** @param {string} path */
async function readJson(path) {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE) throw new RangeError("it is too large");
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path)));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new EvidenceError("invalid_evidence", `the file ${path} cannot be read: ${why}`, { cause });
  }
}

/**
 * The evidence in what was kept. A whole answer also serves: a verdict, a report or an issued call carries it inside.
 * @param {any} kept
 * @returns {Evidence}
 */
function evidenceIn(kept) {
  return [kept, kept?.receipt, kept?.ticket, kept?.evidence].find((each) => typeof each?.statement === "string") ?? {};
}

/** @param {string} receiptPath @param {string} trustPath */
async function verify(receiptPath, trustPath) {
  const [kept, trust] = [await readJson(receiptPath), await readJson(trustPath)];
  const { typ, claims, checkpoint } = await verifyEvidence(evidenceIn(kept), trust);
  return `valid ${typ}, in the log ${checkpoint.origin} of size ${checkpoint.size}\n${JSON.stringify(claims, null, 2)}`;
}

/** @param {string[]} paths @returns {Promise<number>} the exit status */
async function main(paths) {
  const [receiptPath, trustPath, ...more] = paths;
  if (receiptPath === undefined || trustPath === undefined || more.length > 0) {
    console.error(USAGE);
    return 2;
  }
  try {
    console.log(await verify(receiptPath, trustPath));
    return 0;
  } catch (error) {
    // Whatever went wrong, it has not been shown to be valid.
    const slug = error instanceof EvidenceError ? error.slug : "invalid_evidence";
    console.log(`invalid ${slug}: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
