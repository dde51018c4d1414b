/** Reads [[receipt, trust], …] as JSON, each file in base64, and writes the result of the TypeScript SDK for each. */

import { readFileSync } from "node:fs";
import { EvidenceError, readReceipt, readTrust, verifyEvidence } from "../../clients/typescript/src/receipts.js";

async function told([receipt, trust]) {
  let trusted;
  try {
    trusted = readTrust(Buffer.from(trust, "base64"));
  } catch (error) {
    return error instanceof TypeError ? "no_trust" : String(error);
  }
  try {
    const { claims } = await verifyEvidence(await readReceipt(Buffer.from(receipt, "base64")), trusted);
    return `valid ${claims.jti} ${claims.iat}`;
  } catch (error) {
    return error instanceof EvidenceError ? error.slug : String(error);
  }
}

const batch = [];
for (const each of JSON.parse(readFileSync(0, "utf8"))) batch.push(await told(each));
console.log(JSON.stringify(batch));
