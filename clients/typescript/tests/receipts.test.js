/** Good evidence verifies, and however it is spoiled it does not (specs/protocol.md section 8.1, law L8). */

import assert from "node:assert/strict";
import { test } from "node:test";
import { generateKeyPair } from "jose";
import { EXCEPTION, EvidenceError, RECEIPT, REPORT, TICKET, verifyEvidence } from "../src/receipts.js";
import * as made from "./log.js";

const bank = await made.openBank();

/** The evidence of other claims, or of another header, signed and logged as a careless bank would. */
async function evidenceOf(claims, header = {}, place = {}) {
  const statement = await bank.seal(claims, header);
  return { statement, proof: made.prove(bank.signer, statement, place) };
}

/** @param {string} text */
const base64url = (text) => Buffer.from(text).toString("base64url");

const KINDS = [
  [TICKET, made.TICKET],
  [RECEIPT, made.GENUINE],
  [RECEIPT, made.REFUSAL],
  [REPORT, made.REPORT],
  [EXCEPTION, made.EXCEPTION],
];

for (const [typ, claims] of KINDS) {
  test(`a good ${typ} (${claims.verdict ?? "-"}) verifies, also with members that are new`, async () => {
    for (const more of [{}, { new: 1 }]) {
      const checked = await verifyEvidence(await evidenceOf({ ...claims, ...more }, { typ }), bank.trust, { typ });
      assert.deepEqual(checked, { typ, claims: { ...claims, ...more }, checkpoint: { origin: made.ORIGIN, size: 3 } });
    }
  });

  test(`a ${typ} (${claims.verdict ?? "-"}) without any one of its members is refused`, async () => {
    for (const name of Object.keys(claims)) {
      const { [name]: _left, ...rest } = claims;
      await made.refused(await evidenceOf(rest, { typ }), "invalid_claims", bank.trust);
      await made.refused(
        await evidenceOf({ ...claims, [name]: { not: "this" } }, { typ }),
        "invalid_claims",
        bank.trust,
      );
    }
  });
}

const { publicKey: _p, privateKey: strangerKey } = await generateKeyPair("ES256");
const [HEADER, PAYLOAD, SIGNATURE] = bank.statement.split(".");
const headed = (header) => `${base64url(JSON.stringify(header))}.${PAYLOAD}.${SIGNATURE}`;
const good = { alg: "ES256", typ: RECEIPT, kid: "key-1" };
const lastChanged = (text) => text.slice(0, -1) + (text.endsWith("A") ? "B" : "A");

/** What is done to the statement; the proof stays that of the good one. @type {Record<string, [string, string]>} */
const SPOILED_STATEMENTS = {
  "an empty statement": ["", "invalid_signature"],
  "a statement of two parts": [`${HEADER}.${PAYLOAD}`, "invalid_signature"],
  "a statement of four parts": [`${bank.statement}.AA`, "invalid_signature"],
  "a changed claim": [
    `${HEADER}.${base64url(JSON.stringify({ ...made.GENUINE, code: "e" }))}.${SIGNATURE}`,
    "invalid_signature",
  ],
  "a changed signature": [`${HEADER}.${PAYLOAD}.A${SIGNATURE.slice(1)}`, "invalid_signature"],
  "no signature": [`${HEADER}.${PAYLOAD}.`, "invalid_signature"],
  "a short signature": [bank.statement.slice(0, -4), "invalid_signature"],
  "a signature of zeros": [`${HEADER}.${PAYLOAD}.${Buffer.alloc(64).toString("base64url")}`, "invalid_signature"],
  "spare bits set": [`${HEADER}.${PAYLOAD}.${lastChanged(SIGNATURE)}`, "invalid_signature"],
  padding: [`${bank.statement}==`, "invalid_signature"],
  "a space": [`${bank.statement} `, "invalid_signature"],
  "a line feed within": [bank.statement.replace(".", ".\n"), "invalid_signature"],
  "the algorithm none": [headed({ ...good, alg: "none" }), "invalid_signature"],
  "the algorithm none without signature": [`${base64url('{"alg":"none"}')}.${PAYLOAD}.`, "invalid_signature"],
  "the algorithm HS256": [headed({ ...good, alg: "HS256" }), "invalid_signature"],
  "a header that is not JSON": [`eA.${PAYLOAD}.${SIGNATURE}`, "invalid_signature"],
  "a header that is a list": [headed([good]), "invalid_signature"],
  "a header that is null": [headed(null), "invalid_signature"],
  "a header that is not UTF-8": [`_w.${PAYLOAD}.${SIGNATURE}`, "invalid_signature"],
  "a statement that is too long": ["A".repeat(16_385), "invalid_signature"],
};

for (const [what, [statement, slug]] of Object.entries(SPOILED_STATEMENTS)) {
  test(`a statement with ${what} is refused`, () => made.refused({ statement, proof: bank.proof }, slug, bank.trust));
}

/** What a bank that holds the right key might sign, and log, and still must not pass. */
const SIGNED_WRONGLY = {
  "no typ": [made.GENUINE, { typ: undefined }, "invalid_signature"],
  "an unknown typ": [made.GENUINE, { typ: "JWT" }, "invalid_claims"],
  "a typ that is a prototype's member": [made.GENUINE, { typ: "constructor" }, "invalid_claims"],
  "the typ of another kind": [made.GENUINE, { typ: TICKET }, "invalid_claims"],
  "another issuer": [{ ...made.GENUINE, iss: "https://elsewhere.example" }, {}, "invalid_claims"],
  "another verdict": [{ ...made.GENUINE, verdict: "unavailable" }, {}, "invalid_claims"],
  "genuine without a call": [{ ...made.GENUINE, call: null }, {}, "invalid_claims"],
  "not genuine with a call": [{ ...made.GENUINE, verdict: "not_genuine" }, {}, "invalid_claims"],
  "a time that is text": [{ ...made.GENUINE, iat: "1790000000" }, {}, "invalid_claims"],
  "a time with a fraction": [{ ...made.GENUINE, iat: 1.5 }, {}, "invalid_claims"],
  "a number in a list of words": [{ ...made.GENUINE, never_asks: [1] }, {}, "invalid_claims"],
  "an officer without a name": [
    { ...made.GENUINE, call: { ...made.GENUINE.call, officer: { id: "4412", branch: "b" } } },
    {},
    "invalid_claims",
  ],
  "claims that are not JSON": ["genuine", {}, "invalid_claims"],
  "claims in a list": [[made.GENUINE], {}, "invalid_claims"],
  "claims in a prototype": [`{"__proto__":${JSON.stringify(made.GENUINE)}}`, {}, "invalid_claims"],
  "claims with a byte order mark": [`\uFEFF${JSON.stringify(made.GENUINE)}`, {}, "invalid_claims"],
  "too many words": [{ ...made.GENUINE, more: "x".repeat(12_000) }, {}, "invalid_signature"],
  "no key id": [made.GENUINE, { kid: undefined }, "invalid_signature"],
  "an unknown key id": [made.GENUINE, { kid: "key-2" }, "invalid_signature"],
  "a key of its own": [made.GENUINE, { jwk: bank.trust.jwks.keys[0] }, "invalid_signature"],
  "an address of a key": [made.GENUINE, { jku: "https://bank.example/keys" }, "invalid_signature"],
  "a certificate": [made.GENUINE, { x5c: ["AA=="] }, "invalid_signature"],
  "a critical extension": [made.GENUINE, { crit: ["b64"], b64: true }, "invalid_signature"],
  "a member of its own": [made.GENUINE, { cty: "json" }, "invalid_signature"],
};

for (const [what, [claims, header, slug]] of Object.entries(SIGNED_WRONGLY)) {
  test(`a statement signed with ${what} is refused`, async () =>
    made.refused(await evidenceOf(claims, header), slug, bank.trust));
}

test("a statement that a stranger has signed is refused", async () => {
  const statement = await bank.seal(made.GENUINE, {}, strangerKey);
  await made.refused({ statement, proof: made.prove(bank.signer, statement) }, "invalid_signature", bank.trust);
});

test("a statement of another kind than the expected one is refused", async () => {
  await made.refused(bank, "invalid_claims", bank.trust, { typ: TICKET });
});

for (const evidence of [
  undefined,
  null,
  {},
  { statement: bank.statement },
  { ...bank, proof: null },
  { ...bank, statement: {} },
]) {
  test(`${JSON.stringify(evidence)?.slice(0, 30)} is no evidence`, () =>
    made.refused(/** @type {any} */ (evidence), "invalid_evidence", bank.trust));
}

const [KEY] = bank.trust.jwks.keys;
const keyed = (...keys) => ({ ...bank.trust, jwks: { keys } });
const logged = (log) => ({ ...bank.trust, log: { ...bank.trust.log, ...log } });
const [VKEY] = bank.trust.log.keys;

const OTHER_TRUST = {
  "another issuer": [{ ...bank.trust, issuer: "https://elsewhere.example" }, "invalid_claims"],
  "no keys": [keyed(), "invalid_signature"],
  "the key for something else": [keyed({ ...KEY, use: "enc" }), "invalid_signature"],
  "the key for another algorithm": [keyed({ ...KEY, alg: "ES384" }), "invalid_signature"],
  "a shared secret under that id": [keyed({ kty: "oct", kid: "key-1", k: "AAAA" }), "invalid_signature"],
  "a key without its numbers": [keyed({ ...KEY, x: undefined }), "invalid_signature"],
  "two keys of one id": [keyed(KEY, KEY), "invalid_signature"],
  "no log keys": [logged({ keys: [] }), "invalid_signature"],
  "another log key": [logged({ keys: [made.noteSigner(made.ORIGIN).vkey] }), "invalid_signature"],
  "a log key with another's id": [logged({ keys: [VKEY.replace(/\+[0-9a-f]{8}/, "+00000000")] }), "invalid_signature"],
  "a log key that is none": [logged({ keys: ["key"] }), "invalid_signature"],
  "another origin": [logged({ origin: "elsewhere.example/log" }), "invalid_proof"],
};

for (const [what, [trust, slug]] of Object.entries(OTHER_TRUST)) {
  test(`with ${what} in the trust file nothing verifies`, () => made.refused(bank, slug, trust));
}

test("what is not a trust file is a wrong argument", async () => {
  for (const trust of [
    undefined,
    null,
    {},
    { ...bank.trust, jwks: [] },
    { ...bank.trust, log: null },
    logged({ keys: [1] }),
  ]) {
    await assert.rejects(verifyEvidence(bank, /** @type {any} */ (trust)), TypeError);
  }
});

test("no single changed character survives", async () => {
  for (const name of ["statement", "proof"]) {
    for (let place = 0; place < bank[name].length; place += 1) {
      const other = bank[name][place] === "B" ? "C" : "B";
      const changed = { ...bank, [name]: bank[name].slice(0, place) + other + bank[name].slice(place + 1) };
      await assert.rejects(verifyEvidence(changed, bank.trust), EvidenceError, `${name}, character ${place}`);
    }
  }
});
