/** A proof verifies for its own leaf and size only (specs/protocol.md section 8.1). */

import assert from "node:assert/strict";
import { test } from "node:test";
import { verifyEvidence } from "../src/receipts.js";
import * as made from "./log.js";

const bank = await made.openBank();

test("the proof of every leaf of every small log verifies", async () => {
  const { statement } = bank;
  for (let size = 1; size <= 17; size += 1) {
    for (let index = 0; index < size; index += 1) {
      const proof = made.prove(bank.signer, statement, { index, size });
      assert.equal((await verifyEvidence({ statement, proof }, bank.trust)).checkpoint.size, size);
    }
  }
});

test("a proof does not verify for another index", async () => {
  const { statement } = bank;
  for (const [index, size, other] of [
    [1, 3, 0],
    [1, 3, 2],
    [6, 7, 5],
    [4, 5, 3],
    [0, 8, 1],
    [7, 8, 8],
    [2, 3, 3],
  ]) {
    const proof = made.prove(bank.signer, statement, { index, size }).replace(`index ${index}`, `index ${other}`);
    await made.refused({ statement, proof }, "invalid_proof", bank.trust);
  }
});

test("a proof with a lone surrogate does not verify", async () => {
  await made.refused({ ...bank, proof: `${bank.proof}\uD800\n` }, "invalid_signature", bank.trust);
});
