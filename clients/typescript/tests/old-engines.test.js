/**
 * Evidence gets the same result on an engine as old as Chromium 80, which lacks Ed25519 in WebCrypto
 * (specs/decisions/0055). Each test of the imported files runs again without what such an engine lacks.
 */

import assert from "node:assert/strict";
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { after, test } from "node:test";
import { verifiesEd25519 } from "../src/ed25519.js";
import { CannotCheck, readReceipt, verifyEvidence } from "../src/receipts.js";
import { ExtendedPoint } from "@noble/ed25519";
import * as made from "./log.js";

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
// A point of order 8.
const TORSION = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";

const importKey = SubtleCrypto.prototype.importKey;
let refusedKeys = 0;
SubtleCrypto.prototype.importKey = function (format, key, algorithm, ...more) {
  if (algorithm !== "Ed25519") return importKey.call(this, format, key, algorithm, ...more);
  refusedKeys += 1;
  return Promise.reject(new DOMException("Algorithm: Unrecognized name", "NotSupportedError"));
};
after(() => assert.ok(refusedKeys > 100));

for (const [owner, name] of [
  [Object, "hasOwn"],
  [Array.prototype, "at"],
  [String.prototype, "replaceAll"],
]) {
  test(`evidence verifies without ${name}`, async () => {
    const bank = await made.openBank();
    const kept = owner[name];
    delete owner[name];
    try {
      await verifyEvidence(await readReceipt(JSON.stringify(bank)), bank.trust);
    } finally {
      Object.defineProperty(owner, name, { value: kept, configurable: true, writable: true });
    }
  });
}

test("without WebCrypto nothing is valid and nothing is invalid", async (t) => {
  const bank = await made.openBank();
  for (const missing of [undefined, {}]) {
    t.mock.getter(globalThis, "crypto", () => missing);
    await assert.rejects(verifyEvidence(bank, bank.trust), CannotCheck);
    t.mock.restoreAll();
  }
});

test("without a way to inflate, a printed receipt cannot be checked", async () => {
  const kept = globalThis.DecompressionStream;
  globalThis.DecompressionStream = undefined;
  await assert.rejects(readReceipt("CVR1:00"), CannotCheck).finally(() => (globalThis.DecompressionStream = kept));
});

const raw = (key) => new Uint8Array(key.export({ type: "spki", format: "der" }).subarray(-32));
const little = (octets) => BigInt(`0x${Buffer.from(octets).reverse().toString("hex")}`);
const octetsOf = (number) => Buffer.from(number.toString(16).padStart(64, "0"), "hex").reverse();

test("it accepts and refuses the signatures that OpenSSL does", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  for (let length = 0; length < 20; length += 1) {
    const text = Buffer.alloc(length, "x");
    const signature = new Uint8Array(sign(null, text, privateKey));
    assert.equal(await verifiesEd25519(raw(publicKey), signature, text), true);
    signature[length] ^= 1;
    assert.equal(verify(null, text, publicKey, signature), false);
    assert.equal(await verifiesEd25519(raw(publicKey), signature, text), false);
  }
});

test("it refuses a signature that only an equation with the cofactor accepts, as OpenSSL does", async () => {
  const key = createPrivateKey({ key: Buffer.from(`302e020100300506032b657004220420${"07".repeat(32)}`, "hex"), format: "der", type: "pkcs8" });
  const publicKey = createPublicKey(key);
  const clamped = createHash("sha512").update(Buffer.alloc(32, 7)).digest().subarray(0, 32);
  clamped[0] &= 248;
  clamped[31] = (clamped[31] & 127) | 64;
  const text = Buffer.from("checkpoint");
  for (const torsion of [null, ExtendedPoint.fromHex(TORSION)]) {
    const point = ExtendedPoint.BASE.multiply(5n);
    const encoded = (torsion ? point.add(torsion) : point).toRawBytes();
    const hash = createHash("sha512").update(encoded).update(raw(publicKey)).update(text).digest();
    const scalar = (5n + (little(hash) % ORDER) * little(clamped)) % ORDER;
    const signature = new Uint8Array(Buffer.concat([encoded, octetsOf(scalar)]));
    const valid = torsion === null;
    assert.equal(verify(null, text, publicKey, signature), valid);
    assert.equal(await verifiesEd25519(raw(publicKey), signature, text), valid);
  }
});

await import("./vectors.test.js");
await import("./receipts.test.js");
await import("./proofs.test.js");
