/** Signatures of systems (RFC 9421; specs/protocol.md section 2). story.test.js sends them to the real service. */

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, verify } from "node:crypto";
import { test } from "node:test";
import { Client, systemKey } from "../src/client.js";
import { json, problem, serve } from "./server.js";

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const PEM = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const INPUT = /^sig=(\(([^)]*)\);created=([0-9]+);keyid="pbx";tag="callback-verification")$/;

/** Verify a request as it came over the wire. */
function verified({ method, url, headers }, base) {
  const [, parameters, list, created] = INPUT.exec(headers["signature-input"]) ?? assert.fail("no Signature-Input");
  const names = list.split(" ").map((each) => each.slice(1, -1));
  const derived = { "@method": method, "@target-uri": base + url };
  const lines = names.map((name) => `"${name}": ${derived[name] ?? headers[name]}`);
  const text = [...lines, `"@signature-params": ${parameters}`].join("\n");
  const [, signature] = /^sig=:(.+):$/.exec(headers["signature"]) ?? assert.fail("no Signature");
  const holds = verify(null, Buffer.from(text), publicKey, Buffer.from(signature, "base64"));
  return { names, created: Number(created), holds };
}

/** @param {import("node:test").TestContext} t @param {CryptoKey | string} key */
async function signing(t, key = PEM) {
  const { url, asked } = await serve(t, (response, before) =>
    before === 0 ? problem(response, 503, "unavailable") : json(response, 200, {}),
  );
  const credential = systemKey({ keyId: "pbx", privateKey: key });
  return { url, asked, client: new Client(url, { credential, sleep: async () => {} }) };
}

test("each try of a POST is signed, with its idempotency key and body", async (t) => {
  const { url, asked, client } = await signing(t);
  await client.legs.connected("call_1", { legId: "sip-1", number: "+8613800138000", at: "2026-10-01T04:00:00Z" });
  assert.equal(asked.length, 2);
  for (const each of asked) {
    const { names, created, holds } = verified(each, url);
    assert.deepEqual(names, ["@method", "@target-uri", "idempotency-key", "content-digest"]);
    assert.ok(Math.abs(created - Date.now() / 1000) < 5);
    assert.ok(holds);
    const digest = createHash("sha256").update(each.body).digest("base64");
    assert.equal(each.headers["content-digest"], `sha-256=:${digest}:`);
    assert.equal(each.headers["idempotency-key"], asked[0].headers["idempotency-key"]);
    assert.equal(each.headers.authorization, undefined);
  }
  assert.deepEqual(JSON.parse(asked[0].body), {
    ...{ event: "connected", leg_id: "sip-1", number: "+8613800138000", at: "2026-10-01T04:00:00Z" },
    caller_number: null,
  });
});

test("a retry one second later has another signature", async (t) => {
  const { asked, client } = await signing(t);
  const now = [1_790_000_000_000, 1_790_000_001_000];
  t.mock.method(Date, "now", () => now.shift() ?? 0);
  await client.applications.get("LN-1");
  assert.notEqual(asked[0].headers.signature, asked[1].headers.signature);
});

test("the signature of a GET covers the encoded address", async (t) => {
  const { url, asked, client } = await signing(t);
  await client.applications.get("a/王");
  const { names, holds } = verified(asked[1], url);
  assert.deepEqual([names, holds, asked[1].url], [["@method", "@target-uri"], true, "/v1/applications/a%2F%E7%8E%8B"]);
});

test("a CryptoKey signs as well as PEM", async (t) => {
  const der = privateKey.export({ type: "pkcs8", format: "der" });
  const key = await crypto.subtle.importKey("pkcs8", new Uint8Array(der), "Ed25519", false, ["sign"]);
  const { url, asked, client } = await signing(t, key);
  await client.applications.get("LN-1");
  assert.ok(verified(asked[1], url).holds);
});

test("an invalid signing key is refused before a request is sent", async (t) => {
  const rsa = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" });
  const open = publicKey.export({ type: "spki", format: "pem" });
  const verifying = await crypto.subtle.importKey(
    "raw",
    new Uint8Array(publicKey.export({ type: "spki", format: "der" }).subarray(-32)),
    "Ed25519",
    true,
    ["verify"],
  );
  for (const wrong of [
    "",
    "x",
    open.toString(),
    verifying,
    undefined,
    {},
    PEM.replace("PRIVATE", "ENCRYPTED PRIVATE"),
  ]) {
    assert.throws(() => systemKey({ keyId: "pbx", privateKey: /** @type {any} */ (wrong) }), TypeError);
  }
  for (const keyId of ["", 'a"b', "a b", "x".repeat(129), undefined]) {
    assert.throws(() => systemKey({ keyId: /** @type {any} */ (keyId), privateKey: PEM }), TypeError);
  }
  const { asked, client } = await signing(t, rsa.toString());
  await assert.rejects(client.applications.get("LN-1"), TypeError);
  assert.equal(asked.length, 0);
});
