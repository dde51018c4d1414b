#!/usr/bin/env node
/**
 * The command `node src/verify.js RECEIPT TRUST` verifies a saved receipt or ticket. Exit status 0 if valid, 1 if not.
 * Implements specs/protocol.md section 8.1.
 */

import { createReadStream } from "node:fs";
import { MAX_FILE } from "./files.js";
import { EvidenceError, readReceipt, readTrust, verifyEvidence } from "./receipts.js";

const USAGE = `usage: verify.js RECEIPT TRUST
  RECEIPT  a receipt, a ticket, an answer that contains one, or the scanned texts of a printed receipt; - for stdin
  TRUST    the bank's /.well-known/callback-verification, saved earlier`;

/** Read a file or standard input, but little more than the largest valid size. @param {string} path */
async function contentOf(path) {
  const chunks = [];
  let length = 0;
  for await (const chunk of path === "-" ? process.stdin : createReadStream(path)) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_FILE) break;
  }
  return Buffer.concat(chunks);
}

/** @param {string} receiptPath @param {string} trustPath */
async function verify(receiptPath, trustPath) {
  const [receipt, trust] = [await contentOf(receiptPath), readTrust(await contentOf(trustPath))];
  const { typ, claims, checkpoint } = await verifyEvidence(await readReceipt(receipt), trust);
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
    // After any error, the receipt counts as invalid.
    const slug = error instanceof EvidenceError ? error.slug : "invalid_evidence";
    console.log(`invalid ${slug}: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
