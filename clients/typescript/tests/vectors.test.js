/** The SDK against every vector of specs/vectors that applies to it. See specs/vectors/README.md. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { openCheckpoint } from "../src/checkpoints.js";
import {
  CannotCheck,
  Client,
  InsufficientUserAuthentication,
  Problem,
  Unavailable,
  isCode,
  readCode,
} from "../src/client.js";
import { verifyProof } from "../src/proofs.js";
import { EvidenceError, readReceipt, readTrust, verifyEvidence } from "../src/receipts.js";
import { serve } from "./server.js";

/** Expand a text that a vector has whole or as repeated parts. @param {string | [string, number][]} text */
const whole = (text) =>
  typeof text === "string" ? text : text.map(([part, times]) => part.repeat(times)).join("");

/** Return the vectors of a file, each with the members that the file has for all. @param {string} subject */
function vectorsOf(subject) {
  const content = readFileSync(new URL(`../../../specs/vectors/${subject}.json`, import.meta.url), "utf8");
  const { vectors, ...file } = JSON.parse(content);
  assert.ok(vectors.length > 0, subject);
  return vectors.map((each) => ({ ...file, ...each, trust: { ...file.trust, ...each.trust } }));
}

/** Convert a checkpoint to the format of the vectors. */
const asVector = ({ origin, size, root }) => ({ origin, size, root: Buffer.from(root).toString("base64") });

async function checkEvidence({ statement, proof, trust, typ, outcome }) {
  const told = await verifyEvidence({ statement: whole(statement), proof: whole(proof) }, trust, { typ });
  // `verifyEvidence` does not return the root. The vectors in proofs.json test it.
  return { ...told, checkpoint: { ...told.checkpoint, root: outcome?.checkpoint.root } };
}

/** Return the bytes of a file. Each character is one byte, and placeholders stand for the valid members. */
const octets = (text, { trust_text, ...given }) =>
  Buffer.from(
    whole(text).replace(/<(evidence|trust|head|middle|tail)>/g, (_, name) => ({ ...given, trust: trust_text })[name]),
    "latin1",
  );

async function checkFiles(given) {
  let trust;
  try {
    trust = readTrust(octets(given.trust_file, given));
  } catch (error) {
    assert.ok(error instanceof TypeError, String(error));
    throw Object.assign(new EvidenceError("invalid_evidence", error.message), { slug: "no_trust" });
  }
  return verifyEvidence(await readReceipt(octets(given.receipt, given)), trust);
}

const CHECKS = {
  "check-digit": async ({ typed }) => {
    const digits = readCode(typed);
    if (!isCode(digits)) throw new RangeError("the check digit is wrong");
    return digits;
  },
  tickets: checkEvidence,
  receipts: checkEvidence,
  histories: checkEvidence,
  files: checkFiles,
  printed: checkFiles,
  contacts: checkEvidence,
  checkpoints: async ({ note, keys, origin }) => asVector(await openCheckpoint(whole(note), keys, origin)),
  proofs: async ({ entry, proof, keys, origin }) =>
    asVector(await verifyProof(whole(proof), new Uint8Array(Buffer.from(entry, "hex")), keys, origin)),
};

for (const [subject, check] of Object.entries(CHECKS)) {
  for (const each of vectorsOf(subject)) {
    test(`${subject} ${each.id}: ${each.about}`, async () => {
      if (!each.valid) {
        await assert.rejects(check(each), (error) => {
          if (each.error === "malformed_code") return error instanceof RangeError;
          assert.ok(error instanceof EvidenceError, String(error));
          assert.equal(error.slug, each.error, error.message);
          return true;
        });
        return;
      }
      const told = await check(each);
      assert.deepEqual(onlyMembersOf(told, each.outcome), each.outcome);
    });
  }
}

/** Return only the members that the vector has, at every level. The SDK may return more. */
function onlyMembersOf(told, outcome) {
  if (Array.isArray(outcome) && Array.isArray(told)) {
    return told.map((each, place) => (place < outcome.length ? onlyMembersOf(each, outcome[place]) : each));
  }
  if (typeof outcome !== "object" || outcome === null || Array.isArray(outcome)) return told;
  return Object.fromEntries(Object.keys(outcome).map((name) => [name, onlyMembersOf(told[name], outcome[name])]));
}

/** Convert an error of the SDK to the format of problems.json. */
function understood(error) {
  const { status, detail, requestId: request_id, retryAfter: retry_after } = error;
  if (error instanceof Unavailable) return { understood: "unavailable", status, detail, request_id, retry_after };
  if (!(error instanceof Problem)) return { understood: "cannot_check" };
  const { slug, title, errors, refusals } = error;
  const stepUp = error instanceof InsufficientUserAuthentication ? { acr_values: error.acrValues } : {};
  return { understood: "problem", slug, status, title, detail, request_id, retry_after, errors, refusals, ...stepUp };
}

for (const { id, about, status, headers, body, valid, outcome, try_again } of vectorsOf("problems")) {
  test(`problems ${id}: ${about}`, async (t) => {
    const { url, asked } = await serve(t, (response) => response.writeHead(status, headers).end(body));
    const client = new Client(url, { tries: 2, sleep: async () => {} });
    await assert.rejects(client.me.callStatus(), (error) => {
      assert.ok(error instanceof CannotCheck || error instanceof Problem, String(error));
      assert.deepEqual(understood(error), valid ? outcome : { understood: "cannot_check" });
      return true;
    });
    assert.equal(asked.length, try_again ? 2 : 1);
  });
}
