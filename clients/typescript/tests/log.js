/** A minimal bank with keys and a log, which issues valid and forged receipts for the tests. */

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { CompactSign, exportJWK, generateKeyPair } from "jose";
import { EvidenceError, verifyEvidence } from "../src/receipts.js";

export const ISSUER = "https://bank.example";
export const ORIGIN = "bank.example/log";

const hash = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const leafHash = (entry) => hash(Buffer.of(0), entry);
const nodeHash = (left, right) => hash(Buffer.of(1), left, right);

/** MTH of RFC 6962 section 2.1. @param {Buffer[]} leaves @returns {Buffer} */
function treeHash(leaves) {
  if (leaves.length === 1) return leaves[0];
  const half = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return nodeHash(treeHash(leaves.slice(0, half)), treeHash(leaves.slice(half)));
}

/** PATH of RFC 6962 section 2.1.1. @param {number} index @param {Buffer[]} leaves @returns {Buffer[]} */
function auditPath(index, leaves) {
  if (leaves.length === 1) return [];
  const half = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return index < half
    ? [...auditPath(index, leaves.slice(0, half)), treeHash(leaves.slice(half))]
    : [...auditPath(index - half, leaves.slice(half)), treeHash(leaves.slice(0, half))];
}

/** An Ed25519 key that signs notes, with its verifier key. @param {string} name */
export function noteSigner(name) {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const typed = Buffer.concat([Buffer.of(1), publicKey.export({ type: "spki", format: "der" }).subarray(-32)]);
  const id = hash(Buffer.from(`${name}\n`), typed).subarray(0, 4);
  const line = (text) =>
    `— ${name} ${Buffer.concat([id, sign(null, Buffer.from(text), privateKey)]).toString("base64")}\n`;
  return { vkey: `${name}+${id.toString("hex")}+${typed.toString("base64")}`, line };
}

/** Create a bank with one statement key, one log key and one valid receipt. */
export async function openBank() {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: "key-1", use: "sig", alg: "ES256" };
  const signer = noteSigner(ORIGIN);
  const trust = { issuer: ISSUER, jwks: { keys: [jwk] }, log: { origin: ORIGIN, keys: [signer.vkey] } };
  const seal = async (claims, header = {}) =>
    new CompactSign(Buffer.from(JSON.stringify(claims)))
      .setProtectedHeader({ alg: "ES256", typ: "call-receipt+jwt", kid: "key-1", ...header })
      .sign(privateKey);
  const statement = await seal(GENUINE);
  return { trust, seal, signer, statement, proof: prove(signer, statement) };
}

/**
 * Return the tlog-proof of a statement: the leaf `index` of a log of `size` leaves.
 * @param {{line: (text: string) => string}} signer
 * @param {string} statement
 * @param {{index?: number, size?: number}} [place]
 */
export function prove(signer, statement, { index = 1, size = 3 } = {}) {
  const leaves = Array.from({ length: size }, (_, each) => leafHash(hash(Buffer.of(each))));
  leaves[index] = leafHash(hash(Buffer.from(statement)));
  const text = `${ORIGIN}\n${size}\n${treeHash(leaves).toString("base64")}\n`;
  const path = auditPath(index, leaves).map((each) => `${each.toString("base64")}\n`);
  return `c2sp.org/tlog-proof@v1\nindex ${index}\n${path.join("")}\n${text}\n${signer.line(text)}`;
}

const OFFICER = { id: "4412", name: "李伟", branch: "北京" };
const SUBJECT = {
  officer: OFFICER,
  orig: { tn: "861082345678" },
  dest: { tn: ["8613800138000"] },
  purpose: "documents",
  asks: ["employer"],
};
const COMMON = { iss: ISSUER, jti: "rcpt_1", iat: 1_790_000_000, salt: "c2FsdA" };
const LEG = { mode: "required", connected_at: 1_790_000_000, ended_at: null };

export const REFUSAL = {
  ...COMMON,
  ...{ verdict: "not_genuine", channel: "app", customer: "c", code: "d", call: null, never_asks: ["password"] },
};
export const GENUINE = {
  ...REFUSAL,
  verdict: "genuine",
  call: { ...SUBJECT, call_id: "call_1", ticket: "t", leg: LEG },
};
export const TICKET = {
  ...COMMON,
  ...SUBJECT,
  ...{ jti: "call_1", nbf: 1, exp: 2, application: "a", policy: "p", exceptions: [] },
};
export const REPORT = { ...COMMON, report: "r" };
export const EXCEPTION = {
  ...COMMON,
  ...{ exp: 2, application: "a", officer_id: "4412", granted_by: "9001", rules: ["daily_cap"], reason: "r" },
};

/** Assert that evidence does not verify, with this slug. */
export async function refused(evidence, slug, trust, expected = {}) {
  await assert.rejects(verifyEvidence(evidence, trust, expected), (error) => {
    assert.ok(error instanceof EvidenceError, `${error}`);
    assert.equal(error.slug, slug, error.message);
    return true;
  });
}
