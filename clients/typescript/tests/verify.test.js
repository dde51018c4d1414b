/** The command that verifies a saved receipt (specs/protocol.md section 8.1). */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openBank, prove } from "./log.js";

const COMMAND = fileURLToPath(new URL("../src/verify.js", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "receipts-"));
after(() => rm(folder, { recursive: true }));

const { trust, signer, statement, proof } = await openBank();
const evidence = { statement, proof };
const trustFile = await saved("trust.json", trust);

/** @param {string} name @param {unknown} content */
async function saved(name, content) {
  const path = join(folder, name);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

/** @param {string[]} paths */
function run(...paths) {
  const { status, stdout } = spawnSync(process.execPath, [COMMAND, ...paths], { encoding: "utf8" });
  return { status, stdout };
}

for (const [what, content] of Object.entries({
  evidence,
  verdict: { verdict: "genuine", receipt: evidence },
  "issued call": { call: {}, ticket: evidence, code: null },
  exception: { exception_id: "exc_1", evidence },
})) {
  test(`a saved ${what} is valid`, async () => {
    const { status, stdout } = run(await saved(`${what}.json`, content), trustFile);
    assert.equal(status, 0);
    assert.match(stdout, /^valid call-receipt\+jwt, in the log bank\.example\/log of size 3\n\{/);
    assert.match(stdout, /"verdict": "genuine"/);
  });
}

for (const [what, content, slug] of [
  ["changed statement", { ...evidence, statement: `${statement.slice(0, -8)}AAAAAAAA` }, "invalid_signature"],
  ["proof of another statement", { ...evidence, proof: prove(signer, "another") }, "invalid_proof"],
  ["list", [evidence], "invalid_evidence"],
  ["verdict without receipt", { verdict: "genuine", receipt: null }, "invalid_evidence"],
  ["file that is not JSON", "valid", "invalid_evidence"],
  ["file that is too large", `${JSON.stringify(evidence)}${" ".repeat(262_144)}`, "invalid_evidence"],
]) {
  test(`a ${what} is invalid`, async () => {
    const { status, stdout } = run(await saved("wrong.json", content), trustFile);
    assert.equal(status, 1);
    assert.ok(stdout.startsWith(`invalid ${slug}: `), stdout);
  });
}

test("a missing file or an invalid trust file makes every receipt invalid", async () => {
  const good = await saved("good.json", evidence);
  for (const paths of [
    [join(folder, "none"), trustFile],
    [good, join(folder, "none")],
    [good, good],
  ]) {
    const { status, stdout } = run(...paths);
    assert.equal(status, 1);
    assert.match(stdout, /^invalid invalid_evidence: /);
  }
});

test("a wrong number of arguments exits with status 2", () => {
  assert.equal(run().status, 2);
  assert.equal(run(trustFile).status, 2);
  assert.equal(run(trustFile, trustFile, trustFile).status, 2);
});
