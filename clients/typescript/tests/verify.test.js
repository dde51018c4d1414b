/** The command that checks a kept receipt (specs/protocol.md section 8.1). */

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
const trustFile = await kept("trust.json", trust);

/** @param {string} name @param {unknown} content */
async function kept(name, content) {
  const path = join(folder, name);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

/** @param {string[]} paths */
function run(...paths) {
  const { status, stdout } = spawnSync(process.execPath, [COMMAND, ...paths], { encoding: "utf8" });
  return { status, said: stdout };
}

for (const [what, content] of Object.entries({
  evidence,
  verdict: { verdict: "genuine", receipt: evidence },
  "issued call": { call: {}, ticket: evidence, code: null },
  exception: { exception_id: "exc_1", evidence },
})) {
  test(`a kept ${what} is valid`, async () => {
    const { status, said } = run(await kept(`${what}.json`, content), trustFile);
    assert.equal(status, 0);
    assert.match(said, /^valid call-receipt\+jwt, in the log bank\.example\/log of size 3\n\{/);
    assert.match(said, /"verdict": "genuine"/);
  });
}

for (const [what, content, slug] of [
  ["spoiled statement", { ...evidence, statement: `${statement.slice(0, -8)}AAAAAAAA` }, "invalid_signature"],
  ["spoiled proof", { ...evidence, proof: prove(signer, "another") }, "invalid_proof"],
  ["list", [evidence], "invalid_evidence"],
  ["verdict without receipt", { verdict: "genuine", receipt: null }, "invalid_evidence"],
  ["file that is not JSON", "valid", "invalid_evidence"],
  ["file that is too large", `${JSON.stringify(evidence)}${" ".repeat(262_144)}`, "invalid_evidence"],
]) {
  test(`a ${what} is invalid`, async () => {
    const { status, said } = run(await kept("wrong.json", content), trustFile);
    assert.equal(status, 1);
    assert.ok(said.startsWith(`invalid ${slug}: `), said);
  });
}

test("a missing file, or a trust file that is none, makes nothing valid", async () => {
  const good = await kept("good.json", evidence);
  for (const paths of [
    [join(folder, "none"), trustFile],
    [good, join(folder, "none")],
    [good, good],
  ]) {
    const { status, said } = run(...paths);
    assert.equal(status, 1);
    assert.match(said, /^invalid invalid_evidence: /);
  }
});

test("wrong arguments are neither", () => {
  assert.equal(run().status, 2);
  assert.equal(run(trustFile).status, 2);
  assert.equal(run(trustFile, trustFile, trustFile).status, 2);
});
