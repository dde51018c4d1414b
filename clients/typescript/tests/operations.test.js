/** The client has every operation of specs/openapi.yaml, and runs unchanged in a browser. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Client, bearer } from "../src/client.js";

// Keys and tiles are for verifiers with their own copy of the log. The description also has the keys. One method fetches
// the checkpoints of all shards; a test below calls it.
const LEFT_OUT = ["jwks", "log_tile", "log_shard_checkpoint", "log_shard_tile", "log_consistency"];
const HANDLERS = { genuine: () => 0, notGenuine: () => 0, ended: () => 0, unavailable: () => 0 };
const LEG = { legId: "l", number: "n" };

/** Call every method with valid arguments. @param {Client} client @returns {Promise<unknown>[]} */
const calls = (client) => [
  client.applications.put("ID", /** @type {any} */ ({})),
  client.applications.get("ID"),
  client.applications.erase("ID"),
  client.applications.grantException("ID", /** @type {any} */ ({})),
  client.applications.search(),
  client.calls.issue("ID", /** @type {any} */ ({})),
  client.calls.get("ID"),
  client.calls.code("ID"),
  client.calls.identity("ID"),
  client.calls.revoke("ID"),
  client.calls.queue(),
  client.calls.list(),
  client.calls.events("ID").next(),
  client.exceptions.request("ID", /** @type {any} */ ({})),
  client.exceptions.list(),
  client.exceptions.decide("ID", /** @type {any} */ ({})),
  client.legs.ringing("ID", LEG),
  client.legs.connected("ID", LEG),
  client.legs.ended("ID", LEG),
  client.legs.exchanges(),
  client.legs.byNumber(/** @type {any} */ ({})),
  client.legs.alive(),
  client.reconciliation.list(),
  client.staff.me(),
  client.staff.suspend("ID", { reason: "r" }),
  client.staff.lift("ID"),
  client.staff.suspensions(),
  client.looks.search(),
  client.confirmations.confirm(/** @type {any} */ ({}), HANDLERS),
  client.counter.find(/** @type {any} */ ({})),
  client.counter.checkCalls(/** @type {any} */ ({})),
  client.counter.confirm(/** @type {any} */ ({}), HANDLERS),
  client.counter.report(/** @type {any} */ ({})),
  client.ivr.confirm(/** @type {any} */ ({}), HANDLERS),
  client.ivr.begin(/** @type {any} */ ({})),
  client.ivr.step("ID", {}),
  client.me.calls(),
  client.me.checkCalls(/** @type {any} */ ({})),
  client.me.callStatus(),
  client.me.verifyCall(/** @type {any} */ ({})),
  client.me.events().next(),
  client.me.applications(),
  client.me.looks(),
  client.me.receipts(),
  client.me.preferences(),
  client.me.putPreferences(/** @type {any} */ ({})),
  client.helpers.list(),
  client.helpers.invite({ name: "女儿" }),
  client.helpers.accept("ID"),
  client.helpers.end("ID"),
  client.helping.list(),
  client.helping.enter({ invitation: "BCDFG-HJKLM", name: "小美", person: "妈妈" }),
  client.helping.stop("ID"),
  client.helping.confirm("ID", /** @type {any} */ ({}), HANDLERS),
  client.helping.callStatus("ID"),
  client.reports.send(/** @type {any} */ ({})),
  client.receipts.get("ID"),
  client.receipts.verify(/** @type {any} */ ({})),
  client.receipts.draw(/** @type {any} */ ({})),
  client.log.checkpoint(),
  client.description(),
];

test("each operation of openapi.yaml has a method", async () => {
  const sent = new Map();
  const fetch = async (url, { method, body, headers }) => {
    sent.set(`${method} ${new URL(url).pathname}`, { body: body !== null, kind: headers.Accept.split(",")[0] });
    return Response.json({}, { status: 400 });
  };
  await Promise.allSettled(calls(new Client("https://bank.example", { credential: bearer("t"), fetch })));
  const text = await readFile(new URL("../../../specs/openapi.yaml", import.meta.url), "utf8");
  const { paths } = JSON.parse(text.slice(text.indexOf("{")));
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      if (LEFT_OUT.includes(operation.operationId)) continue;
      const key = `${method.toUpperCase()} ${path.replace(/\{[a-z_]+\}/g, "ID")}`;
      const success = operation.responses["200"] ?? operation.responses["201"];
      const expected = { body: operation.requestBody !== undefined, kind: Object.keys(success.content)[0] };
      assert.deepEqual(sent.get(key), expected, `${operation.operationId}: ${key}`);
      sent.delete(key);
    }
  }
  assert.deepEqual([...sent.keys()], []);
});

test("the test above calls every method of the client", () => {
  const client = new Client("https://bank.example");
  const groups = Object.values(client).flatMap((group) => Object.keys(group));
  // `description` is in no group.
  assert.equal(
    groups.length + 1,
    calls(new Client("https://bank.example", { fetch: async () => Response.error() })).map((each) =>
      each.catch(() => {}),
    ).length,
  );
});

test("the first shard has the checkpoint address of the log, and every other shard its own", async () => {
  const sent = [];
  const fetch = async (url) => {
    sent.push(new URL(url).pathname);
    return new Response("", { headers: { "Content-Type": "text/plain" } });
  };
  const client = new Client("https://bank.example", { fetch });
  await client.log.checkpoint();
  await client.log.checkpoint(0);
  await client.log.checkpoint(7);
  assert.deepEqual(sent, ["/log/checkpoint", "/log/checkpoint", "/log/7/checkpoint"]);
});

/** Return the source of a module and of its imports, without comments. @param {URL} url @param {Map<string, string>} [found] */
async function modulesOf(url, found = new Map()) {
  const code = (await readFile(url, "utf8")).replace(/\/\*[\s\S]*?\*\//g, "");
  found.set(url.href, code);
  for (const [, from = ""] of code.matchAll(/^(?:import|export)\b[^;]*?\bfrom "([^"]+)";/gm)) {
    assert.match(from, /^\.\/[a-z]+\.js$/, `${url.pathname} imports ${from}`);
    const next = new URL(from, url);
    if (!found.has(next.href)) await modulesOf(next, found);
  }
  return found;
}

test("the client uses nothing that a browser refuses under a strict content security policy", async () => {
  const modules = await modulesOf(new URL("../src/client.js", import.meta.url));
  assert.ok(modules.size >= 8);
  for (const [name, code] of modules) {
    assert.doesNotMatch(
      code,
      /\beval\b|\bFunction\(|innerHTML|\bimport\s*\(|\brequire\s*\(|\bprocess\b|\bBuffer\b|node:|jose/,
      name,
    );
  }
});
