/** A good proof verifies wherever the leaf lies; however it is spoiled, it does not (specs/protocol.md section 8.1). */

import assert from "node:assert/strict";
import { test } from "node:test";
import { verifyEvidence } from "../src/receipts.js";
import * as made from "./log.js";

const bank = await made.openBank();
const [HASH = ""] = bank.proof.split("\n").slice(2);
const noteOf = (proof) => proof.slice(proof.indexOf("\n\n") + 2);

/** The figure of base64 after this one. @param {string} figure */
function nextFigure(figure) {
  const figures = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return figures[figures.indexOf(figure) + 1];
}

test("every leaf of every small log is proved", async () => {
  const { statement } = bank;
  for (let size = 1; size <= 17; size += 1) {
    for (let index = 0; index < size; index += 1) {
      const proof = made.prove(bank.signer, statement, { index, size });
      assert.equal((await verifyEvidence({ statement, proof }, bank.trust)).checkpoint.size, size);
    }
  }
});

test("no proof holds for another place or another size", async () => {
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

test("witnesses may cosign, the key may be rotated, lines may be added", async () => {
  const { statement, trust } = bank;
  const other = made.noteSigner("witness.example");
  const proof = made.prove(bank.signer, statement, { more: "extension\n" });
  const signed = proof.slice(proof.indexOf("\n\n") + 2).split("\n\n")[0] + "\n";
  const cosigned = proof + other.line(signed);
  const keys = [made.noteSigner(made.ORIGIN).vkey, ...trust.log.keys];
  await verifyEvidence({ statement, proof: cosigned }, { ...trust, log: { ...trust.log, keys } });
  await verifyEvidence({ statement, proof: proof.replace("\nindex", "\nextra YWJj\nindex") }, trust);
});

const edit = (from, to) => bank.proof.replace(from, to);
const stranger = made.noteSigner(made.ORIGIN);
const [TEXT, LINE] = noteOf(bank.proof).split("\n\n");

/** What is done to the proof; the statement stays good. @type {Record<string, [string, string]>} */
const SPOILED_PROOFS = {
  "nothing in it": ["", "invalid_proof"],
  "another first line": [edit("@v1", "@v2"), "invalid_proof"],
  "line ends of two characters": [bank.proof.replaceAll("\n", "\r\n"), "invalid_proof"],
  "no index": [edit("index 1\n", ""), "invalid_proof"],
  "an index with a leading zero": [edit("index 1", "index 01"), "invalid_proof"],
  "an index with a sign": [edit("index 1", "index +1"), "invalid_proof"],
  "an index in figures of another script": [edit("index 1", "index １"), "invalid_proof"],
  "an index beyond the log": [edit("index 1", "index 3"), "invalid_proof"],
  "an index beyond counting": [edit("index 1", "index 9007199254740993"), "invalid_proof"],
  "a hash changed": [edit(HASH, Buffer.alloc(32).toString("base64")), "invalid_proof"],
  "a hash left out": [edit(`${HASH}\n`, ""), "invalid_proof"],
  "a hash too many": [edit(`${HASH}\n`, `${HASH}\n${HASH}\n`), "invalid_proof"],
  "very many hashes": [edit(`${HASH}\n`, `${HASH}\n`.repeat(65)), "invalid_proof"],
  "a hash too short": [edit(HASH, Buffer.alloc(31).toString("base64")), "invalid_proof"],
  "a hash that is not base64": [edit(HASH, `${HASH.slice(0, -2)}!=`), "invalid_proof"],
  "a hash whose spare bits are set": [edit(HASH, HASH.slice(0, -2) + nextFigure(HASH.at(-2)) + "="), "invalid_proof"],
  "empty extra data": [edit("\nindex", "\nextra \nindex"), "invalid_proof"],
  "extra data that are not base64": [edit("\nindex", "\nextra ?\nindex"), "invalid_proof"],
  "no checkpoint": [bank.proof.slice(0, bank.proof.indexOf("\n\n") + 2), "invalid_proof"],
  "a checkpoint without signature": [edit(`\n\n${LINE}`, "\n\n"), "invalid_signature"],
  "a checkpoint of another size": [edit("\n3\n", "\n4\n"), "invalid_signature"],
  "a checkpoint with a line more": [edit(`${TEXT}\n`, `${TEXT}\nmore\n`), "invalid_signature"],
  "a checkpoint signed by a stranger of that name": [edit(LINE, stranger.line(`${TEXT}\n`)), "invalid_signature"],
  "a bad signature beside the good one": [bank.proof + bank.signer.line("something else\n"), "invalid_signature"],
  "a signature line that is malformed": [`${bank.proof}— x\n`, "invalid_signature"],
  "another dash": [edit("— ", "- "), "invalid_signature"],
  "no end": [bank.proof.slice(0, -1), "invalid_signature"],
  "a control character": [edit(`${TEXT}\n`, `${TEXT}\n\u0001\n`), "invalid_signature"],
  "half a character": [`${bank.proof}\uD800\n`, "invalid_signature"],
  "very many signatures": [bank.proof + made.noteSigner("w.example").line("x\n").repeat(100), "invalid_signature"],
  "too much in it": [bank.proof + "x".repeat(163_840), "invalid_proof"],
  "a note that is too long": [edit(`${TEXT}\n`, `${TEXT}\n${"x".repeat(131_072)}\n`), "invalid_signature"],
  "the proof of another log's origin": [
    made.prove(bank.signer, bank.statement, { origin: "elsewhere.example/log" }),
    "invalid_proof",
  ],
  "the proof of another statement": [made.prove(bank.signer, "another"), "invalid_proof"],
  "a control character that is signed": [
    made.prove(bank.signer, bank.statement, { more: "\u0001\n" }),
    "invalid_signature",
  ],
  "a long note that is signed": [
    made.prove(bank.signer, bank.statement, { more: `${"x".repeat(131_072)}\n` }),
    "invalid_signature",
  ],
  "a checkpoint with an empty line": [made.prove(bank.signer, bank.statement, { more: "\nx\n" }), "invalid_proof"],
};

for (const [what, [proof, slug]] of Object.entries(SPOILED_PROOFS)) {
  test(`a proof with ${what} is refused`, async () => {
    assert.notEqual(proof, bank.proof);
    await made.refused({ statement: bank.statement, proof }, slug, bank.trust);
  });
}
