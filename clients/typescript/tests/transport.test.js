/** Requests and retries (specs/protocol.md sections 2 and 3.2). */

import assert from "node:assert/strict";
import { test } from "node:test";
import { CannotCheck, Client, NoAnswer, Problem, Unavailable, bearer } from "../src/client.js";
import { GENUINE, json, problem, serve } from "./server.js";

const handlers = { genuine: () => "genuine", notGenuine: () => "no", ended: () => "no" };
const ASKED = { code: "482177306" };

/** A client that records its pauses instead of sleeping. */
function testClient(url, settings = {}) {
  const pauses = [];
  const sleep = async (ms) => void pauses.push(ms);
  const client = new Client(url, { credential: bearer("t0ken"), random: () => 0.5, sleep, ...settings });
  return { client, pauses };
}

test("a request sends the token, and uses no cache, cookie or redirect", async (t) => {
  const { url, asked } = await serve(t, (response) => json(response, 200, {}));
  const inits = [];
  const fetch = (target, init) => {
    inits.push(init);
    return globalThis.fetch(target, init);
  };
  await testClient(url, { fetch }).client.me.callStatus();
  const { headers, method } = asked[0];
  assert.equal(method, "GET");
  assert.equal(headers.authorization, "Bearer t0ken");
  assert.equal(headers.accept, "application/json, application/problem+json");
  assert.match(headers["x-request-id"], /^[0-9a-f-]{36}$/);
  assert.equal(headers["idempotency-key"], undefined);
  assert.equal(headers["content-type"], undefined);
  const { cache, credentials, redirect, referrerPolicy } = inits[0];
  assert.deepEqual([cache, credentials, redirect, referrerPolicy], ["no-store", "omit", "error", "no-referrer"]);
});

test("fetch is called without this, as browsers require", async () => {
  const fetch = async function () {
    assert.equal(this, undefined);
    return Response.json({});
  };
  await testClient("https://bank.example", { fetch }).client.me.callStatus();
});

test("each POST has its own idempotency key, or the caller's", async (t) => {
  const { url, asked } = await serve(t, (response) => json(response, 200, GENUINE));
  const { client } = testClient(url);
  await client.confirmations.confirm(ASKED, handlers);
  await client.confirmations.confirm(ASKED, handlers);
  await client.confirmations.confirm(ASKED, handlers, { idempotencyKey: "mine" });
  const [one, two, three] = asked.map((each) => each.headers["idempotency-key"]);
  assert.match(one, /^[0-9a-f-]{36}$/);
  assert.notEqual(one, two);
  assert.equal(three, "mine");
  for (const idempotencyKey of ["", "with space", "a\r\nB: c", "x".repeat(256), "钥", '"quoted"', "a\\b"]) {
    await assert.rejects(client.confirmations.confirm(ASKED, handlers, { idempotencyKey }), TypeError);
  }
});

test("a 503 is retried with the same key after Retry-After", async (t) => {
  const { url, asked } = await serve(t, (response, before) =>
    before === 0 ? problem(response, 503, "unavailable", { retryAfter: "2" }) : json(response, 200, GENUINE),
  );
  const { client, pauses } = testClient(url);
  assert.equal(await client.confirmations.confirm(ASKED, handlers), "genuine");
  assert.equal(asked.length, 2);
  assert.equal(asked[0].headers["idempotency-key"], asked[1].headers["idempotency-key"]);
  assert.equal(asked[0].headers["x-request-id"], asked[1].headers["x-request-id"]);
  assert.equal(asked[0].body, asked[1].body);
  assert.deepEqual(pauses, [2125]);
});

test("a 429 is retried, and after the last try raises Problem", async (t) => {
  const { url, asked } = await serve(t, (response) => problem(response, 429, "rate_limited", { retryAfter: "1" }));
  const { client, pauses } = testClient(url);
  await assert.rejects(client.me.callStatus(), (error) => error instanceof Problem && error.retryAfter === 1);
  assert.equal(asked.length, 3);
  assert.deepEqual(pauses, [1125, 1250]);
});

test("a long Retry-After raises at once", async (t) => {
  const { url, asked } = await serve(t, (response) => problem(response, 503, "unavailable", { retryAfter: "11" }));
  const { client, pauses } = testClient(url);
  await assert.rejects(client.me.callStatus(), (error) => error instanceof Unavailable && error.retryAfter === 11);
  assert.deepEqual([asked.length, pauses.length], [1, 0]);
});

test("a lost connection is retried, with growing pauses", async (t) => {
  const { url, asked } = await serve(t, (response, before) =>
    before < 2 ? response.destroy() : json(response, 200, GENUINE),
  );
  const { client, pauses } = testClient(url);
  assert.equal(await client.confirmations.confirm(ASKED, handlers), "genuine");
  assert.equal(new Set(asked.map((each) => each.headers["idempotency-key"])).size, 1);
  assert.deepEqual(pauses, [125, 250]);
});

test("a truncated answer is retried", async (t) => {
  const { url, asked } = await serve(t, (response, before) => {
    if (before > 0) return json(response, 200, GENUINE);
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "900" });
    return response.write("{", () => response.destroy());
  });
  assert.equal(await testClient(url).client.confirmations.confirm(ASKED, handlers), "genuine");
  assert.equal(asked.length, 2);
});

test("a silent server is retried, and then raises NoAnswer", async (t) => {
  const { url, asked } = await serve(t, () => {});
  const { client } = testClient(url, { timeoutMs: 60, deadlineMs: 1000, tries: 2 });
  await assert.rejects(client.me.callStatus(), NoAnswer);
  assert.equal(asked.length, 2);
});

for (const status of [400, 403, 404, 409, 410, 422, 500]) {
  test(`a ${status} is not retried`, async (t) => {
    const { url, asked } = await serve(t, (response) => problem(response, status, "a_slug"));
    await assert.rejects(testClient(url).client.me.callStatus(), status < 500 ? Problem : CannotCheck);
    assert.equal(asked.length, 1);
  });
}

test("an answer that is not understood is not retried", async (t) => {
  const { url, asked } = await serve(t, (response) => json(response, 200, { verdict: "?" }));
  await assert.rejects(testClient(url).client.confirmations.confirm(ASKED, handlers), CannotCheck);
  assert.equal(asked.length, 1);
});

test("the deadline applies to all tries together", async (t) => {
  const { url, asked } = await serve(t, (response) => problem(response, 503, "unavailable", { retryAfter: "1" }));
  const { client, pauses } = testClient(url, { deadlineMs: 1000, tries: 10 });
  await assert.rejects(client.me.callStatus(), Unavailable);
  assert.deepEqual([asked.length, pauses.length], [1, 0]);
});

test("the deadline ends a running try", async (t) => {
  const { url } = await serve(t, () => {});
  const began = performance.now();
  await assert.rejects(testClient(url, { timeoutMs: 5000, deadlineMs: 100 }).client.me.callStatus(), NoAnswer);
  assert.ok(performance.now() - began < 2000);
});

test("a fetch that ignores signals still times out", async () => {
  const fetch = () => new Promise(() => {});
  await assert.rejects(
    testClient("https://x.example", { fetch, timeoutMs: 50, tries: 1 }).client.me.callStatus(),
    NoAnswer,
  );
});

test("an aborted operation rejects with the signal's reason, and is not retried", async (t) => {
  const { url, asked } = await serve(t, () => {});
  const given = new AbortController();
  const reason = new Error("left the page");
  setTimeout(() => given.abort(reason), 50);
  await assert.rejects(testClient(url).client.me.callStatus({ signal: given.signal }), (error) => error === reason);
  assert.equal(asked.length, 1);
  await assert.rejects(testClient(url).client.me.callStatus({ signal: given.signal }), (error) => error === reason);
  assert.equal(asked.length, 1);
});

test("an abort ends a pause at once", async (t) => {
  const { url, asked } = await serve(t, (response) => problem(response, 503, "unavailable", { retryAfter: "9" }));
  const client = new Client(url);
  const began = performance.now();
  await assert.rejects(client.me.callStatus({ signal: AbortSignal.timeout(80) }), { name: "TimeoutError" });
  assert.ok(performance.now() - began < 2000);
  assert.equal(asked.length, 1);
});

test("the listeners on a signal are removed after the answer", async (t) => {
  const { url } = await serve(t, (response) => json(response, 200, {}));
  let listeners = 0;
  const signal = new AbortController().signal;
  const { addEventListener: add, removeEventListener: remove } = EventTarget.prototype;
  signal.addEventListener = (...given) => ((listeners += 1), add.apply(signal, given));
  signal.removeEventListener = (...given) => ((listeners -= 1), remove.apply(signal, given));
  await testClient(url).client.me.callStatus({ signal });
  assert.equal(listeners, 0);
});

test("every try gets the current token", async (t) => {
  const { url, asked } = await serve(t, (response, before) =>
    before === 0 ? problem(response, 503, "unavailable") : json(response, 200, {}),
  );
  let count = 0;
  await testClient(url, { credential: bearer(async () => `t${(count += 1)}`) }).client.me.callStatus();
  assert.deepEqual(
    asked.map((each) => each.headers.authorization),
    ["Bearer t1", "Bearer t2"],
  );
});

test("an error of the token function reaches the caller, and nothing is sent", async (t) => {
  const { url, asked } = await serve(t, (response) => json(response, 200, {}));
  class SignedOut extends Error {}
  const signedOut = () => {
    throw new SignedOut();
  };
  await assert.rejects(testClient(url, { credential: bearer(signedOut) }).client.me.callStatus(), SignedOut);
  for (const token of ["", "two words", "a\nb", undefined]) {
    const client = testClient(url, { credential: bearer(() => /** @type {any} */ (token)) }).client;
    await assert.rejects(client.me.callStatus(), TypeError);
  }
  assert.equal(asked.length, 0);
});

test("a token that never arrives raises NoAnswer", async () => {
  const credential = bearer(() => new Promise(() => {}));
  await assert.rejects(
    testClient("http://127.0.0.1:9", { credential, timeoutMs: 50, tries: 1 }).client.me.callStatus(),
    NoAnswer,
  );
});

test("ids cannot change the path", async (t) => {
  const { url, asked } = await serve(t, (response) => json(response, 200, {}));
  const { client } = testClient(url);
  await client.calls.get("a/../b?c#d");
  assert.equal(asked[0].url, "/v1/calls/a%2F..%2Fb%3Fc%23d");
  for (const id of ["", ".", "..", undefined, null, 7]) {
    await assert.rejects(async () => client.calls.get(/** @type {any} */ (id)), TypeError);
  }
});

test("query parameters are encoded, and missing ones are left out", async (t) => {
  const { url, asked } = await serve(t, (response) => json(response, 200, {}));
  const { client } = testClient(`${url}/prefix/`);
  await client.me.calls({ limit: 2, cursor: null });
  await client.calls.list({ since: "2026-10-01T12:00:00+08:00" });
  assert.deepEqual(
    asked.map((each) => each.url),
    ["/prefix/v1/me/calls?limit=2", "/prefix/v1/calls?since=2026-10-01T12%3A00%3A00%2B08%3A00"],
  );
});

test("a search query is not in the address", async (t) => {
  const { url, asked } = await serve(t, (response) => json(response, 200, {}));
  await testClient(url).client.applications.search({ query: "王 &" });
  assert.deepEqual([asked[0].url, asked[0].body], ["/v1/applications/search", '{"query":"王 &"}']);
});

test("a base address with a user, query or fragment is refused", () => {
  for (const url of ["ftp://x", "https://u:p@x", "https://x/?a", "https://x/#a", "nothing"]) {
    assert.throws(() => new Client(url), TypeError);
  }
});

test("a printed client does not show its token", async () => {
  const { inspect } = await import("node:util");
  const shown = inspect(new Client("https://x.example", { credential: bearer("s3cret") }), {
    depth: 9,
    showHidden: true,
  });
  assert.ok(!shown.includes("s3cret"));
});
