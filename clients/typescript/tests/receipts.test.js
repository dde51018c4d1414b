/** Valid evidence verifies, and changed evidence does not (law L8). See vectors.test.js for more invalid evidence. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EXCEPTION, EvidenceError, RECEIPT, REPORT, TICKET, verifyEvidence } from "../src/receipts.js";
import * as made from "./log.js";

const bank = await made.openBank();

/** Sign and log claims, with another header if given, without checking them. */
async function evidenceOf(claims, header = {}) {
  const statement = await bank.seal(claims, header);
  return { statement, proof: made.prove(bank.signer, statement) };
}

const KINDS = [
  [TICKET, made.TICKET],
  [RECEIPT, made.GENUINE],
  [RECEIPT, made.REFUSAL],
  [REPORT, made.REPORT],
  [EXCEPTION, made.EXCEPTION],
];

for (const [typ, claims] of KINDS) {
  test(`a valid ${typ} (${claims.verdict ?? "-"}) verifies, also with unknown members`, async () => {
    for (const more of [{}, { new: 1 }]) {
      const checked = await verifyEvidence(await evidenceOf({ ...claims, ...more }, { typ }), bank.trust, { typ });
      assert.deepEqual(checked, { typ, claims: { ...claims, ...more }, checkpoint: { origin: made.ORIGIN, size: 3 } });
    }
  });
}

for (const evidence of [
  undefined,
  null,
  {},
  { statement: bank.statement },
  { ...bank, proof: null },
  { ...bank, statement: {} },
]) {
  test(`${JSON.stringify(evidence)?.slice(0, 30)} is not evidence`, () =>
    made.refused(/** @type {any} */ (evidence), "invalid_evidence", bank.trust));
}

test("an invalid trust file raises TypeError", async () => {
  for (const trust of [
    undefined,
    null,
    {},
    { ...bank.trust, jwks: [] },
    { ...bank.trust, log: null },
    { ...bank.trust, log: { ...bank.trust.log, keys: [1] } },
  ]) {
    await assert.rejects(verifyEvidence(bank, /** @type {any} */ (trust)), TypeError);
  }
});

test("a change of any single character is detected", async () => {
  for (const name of ["statement", "proof"]) {
    for (let place = 0; place < bank[name].length; place += 1) {
      const other = bank[name][place] === "B" ? "C" : "B";
      const changed = { ...bank, [name]: bank[name].slice(0, place) + other + bank[name].slice(place + 1) };
      await assert.rejects(verifyEvidence(changed, bank.trust), EvidenceError, `${name}, character ${place}`);
    }
  }
});
