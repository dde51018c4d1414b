/** What is sent, and what is sent again (specs/protocol.md sections 2 and 3.2). */

import assert from "node:assert/strict";
import { test } from "node:test";
import { CannotCheck, Client, NoAnswer, Problem, Unavailable, bearer } from "../src/client.js";
import { GENUINE, json, problem, serve } from "./server.js";

const told = { genuine: () => "genuine", notGenuine: () => "no", ended: () => "no" };
const ASKED = { code: "482177306" };

/** A client that notes its pauses instead of making them. */
function patient(url, settings = {}) {
  const pauses = [];
  const sleep = async (ms) => void pauses.push(ms);
  const client = new Client(url, { credential: bearer("t0ken"), random: () => 0.5, sleep, ...settings });
  return { client, pauses };
}

test("a request shows who is asking, and asks for no cache, cookie or redirect", async (t) => {
  const { url, asked } = await serve(t, (response) => json(response, 200, {}));
  const inits = [];
  const fetch = (target, init) => {
    inits.push(init);
    return globalThis.fetch(target, init);
  };
  await patient(url, { fetch }).client.me.callStatus();
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

test("fetch is called on nothing, as browsers want it", async () => {
  const fetch = async function () {
    assert.equal(this, undefined);
    return Response.json({});
  };
  await patient("https://bank.example", { fetch }).client.me.callStatus();
});

test("each POST has a key of its own, and the caller's where there is one", async (t) => {
  const { url, asked } = await serve(t, (response) => json(response, 200, GENUINE));
  const { client } = patient(url);
  await client.confirmations.confirm(ASKED, told);
  await client.confirmations.confirm(ASKED, told);
  await client.confirmations.confirm(ASKED, told, { idempotencyKey: "mine" });
  const [one, two, three] = asked.map((each) => each.headers["idempotency-key"]);
  assert.match(one, /^[0-9a-f-]{36}$/);
  assert.notEqual(one, two);
  assert.equal(three, "mine");
  for (const idempotencyKey of ["", "with space", "a\r\nB: c", "x".repeat(256), "钥", '"quoted"', "a\\b"]) {
    await assert.rejects(client.confirmations.confirm(ASKED, told, { idempotencyKey }), TypeError);
  }
});

test("503, then an answer: asked again with the same key after the time named", async (t) => {
  const { url, asked } = await serve(t, (response, before) =>
    before === 0 ? problem(response, 503, "unavailable", { retryAfter: "2" }) : json(response, 200, GENUINE),
  );
  const { client, pauses } = patient(url);
  assert.equal(await client.confirmations.confirm(ASKED, told), "genuine");
  assert.equal(asked.length, 2);
  assert.equal(asked[0].headers["idempotency-key"], asked[1].headers["idempotency-key"]);
  assert.equal(asked[0].headers["x-request-id"], asked[1].headers["x-request-id"]);
  assert.equal(asked[0].body, asked[1].body);
  assert.deepEqual(pauses, [2125]);
});

test("429 is tried again, and in the end it is the Problem", async (t) => {
  const { url, asked } = await serve(t, (response) => problem(response, 429, "rate_limited", { retryAfter: "1" }));
  const { client, pauses } = patient(url);
  await assert.rejects(client.me.callStatus(), (error) => error instanceof Problem && error.retryAfter === 1);
  assert.equal(asked.length, 3);
  assert.deepEqual(pauses, [1125, 1250]);
});

test("anyone who is told to come back much later is told so at once", async (t) => {
  const { url, asked } = await serve(t, (response) => problem(response, 503, "unavailable", { retryAfter: "11" }));
  const { client, pauses } = patient(url);
  await assert.rejects(client.me.callStatus(), (error) => error instanceof Unavailable && error.retryAfter === 11);
  assert.deepEqual([asked.length, pauses.length], [1, 0]);
});

test("a lost connection is tried again, and each pause may be longer", async (t) => {
  const { url, asked } = await serve(t, (response, before) =>
    before < 2 ? response.destroy() : json(response, 200, GENUINE),
  );
  const { client, pauses } = patient(url);
  assert.equal(await client.confirmations.confirm(ASKED, told), "genuine");
  assert.equal(new Set(asked.map((each) => each.headers["idempotency-key"])).size, 1);
  assert.deepEqual(pauses, [125, 250]);
});

test("an answer that is cut is asked for again", async (t) => {
  const { url, asked } = await serve(t, (response, before) => {
    if (before > 0) return json(response, 200, GENUINE);
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "900" });
    return response.write("{", () => response.destroy());
  });
  assert.equal(await patient(url).client.confirmations.confirm(ASKED, told), "genuine");
  assert.equal(asked.length, 2);
});

test("a silent server is asked again, and then there is no answer", async (t) => {
  const { url, asked } = await serve(t, () => {});
  const { client } = patient(url, { timeoutMs: 60, deadlineMs: 1000, tries: 2 });
  await assert.rejects(client.me.callStatus(), NoAnswer);
  assert.equal(asked.length, 2);
});

for (const status of [400, 403, 404, 409, 410, 422, 500]) {
  test(`${status} is not tried again`, async (t) => {
    const { url, asked } = await serve(t, (response) => problem(response, status, "a_slug"));
    await assert.rejects(patient(url).client.me.callStatus(), status < 500 ? Problem : CannotCheck);
    assert.equal(asked.length, 1);
  });
}

test("an answer that is not understood is not asked for again", async (t) => {
  const { url, asked } = await serve(t, (response) => json(response, 200, { verdict: "?" }));
  await assert.rejects(patient(url).client.confirmations.confirm(ASKED, told), CannotCheck);
  assert.equal(asked.length, 1);
});

test("all tries together have a deadline", async (t) => {
  const { url, asked } = await serve(t, (response) => problem(response, 503, "unavailable", { retryAfter: "1" }));
  const { client, pauses } = patient(url, { deadlineMs: 1000, tries: 10 });
  await assert.rejects(client.me.callStatus(), Unavailable);
  assert.deepEqual([asked.length, pauses.length], [1, 0]);
});

test("a deadline ends the try that is under way", async (t) => {
  const { url } = await serve(t, () => {});
  const began = performance.now();
  await assert.rejects(patient(url, { timeoutMs: 5000, deadlineMs: 100 }).client.me.callStatus(), NoAnswer);
  assert.ok(performance.now() - began < 2000);
});

test("a fetch that knows no signals is not waited for", async () => {
  const fetch = () => new Promise(() => {});
  await assert.rejects(
    patient("https://x.example", { fetch, timeoutMs: 50, tries: 1 }).client.me.callStatus(),
    NoAnswer,
  );
});

test("anyone who gives up gets his own reason, and nothing is tried again", async (t) => {
  const { url, asked } = await serve(t, () => {});
  const given = new AbortController();
  const reason = new Error("left the page");
  setTimeout(() => given.abort(reason), 50);
  await assert.rejects(patient(url).client.me.callStatus({ signal: given.signal }), (error) => error === reason);
  assert.equal(asked.length, 1);
  await assert.rejects(patient(url).client.me.callStatus({ signal: given.signal }), (error) => error === reason);
  assert.equal(asked.length, 1);
});

test("anyone who gives up in a pause does not wait for its end", async (t) => {
  const { url, asked } = await serve(t, (response) => problem(response, 503, "unavailable", { retryAfter: "9" }));
  const client = new Client(url);
  const began = performance.now();
  await assert.rejects(client.me.callStatus({ signal: AbortSignal.timeout(80) }), { name: "TimeoutError" });
  assert.ok(performance.now() - began < 2000);
  assert.equal(asked.length, 1);
});

test("a signal is let go of when the answer is there", async (t) => {
  const { url } = await serve(t, (response) => json(response, 200, {}));
  let listeners = 0;
  const signal = new AbortController().signal;
  const { addEventListener: add, removeEventListener: remove } = EventTarget.prototype;
  signal.addEventListener = (...given) => ((listeners += 1), add.apply(signal, given));
  signal.removeEventListener = (...given) => ((listeners -= 1), remove.apply(signal, given));
  await patient(url).client.me.callStatus({ signal });
  assert.equal(listeners, 0);
});

test("a token is fetched again for every try", async (t) => {
  const { url, asked } = await serve(t, (response, before) =>
    before === 0 ? problem(response, 503, "unavailable") : json(response, 200, {}),
  );
  let count = 0;
  await patient(url, { credential: bearer(async () => `t${(count += 1)}`) }).client.me.callStatus();
  assert.deepEqual(
    asked.map((each) => each.headers.authorization),
    ["Bearer t1", "Bearer t2"],
  );
});

test("an error of the token's source is the caller's own, and nothing is sent", async (t) => {
  const { url, asked } = await serve(t, (response) => json(response, 200, {}));
  class SignedOut extends Error {}
  const signedOut = () => {
    throw new SignedOut();
  };
  await assert.rejects(patient(url, { credential: bearer(signedOut) }).client.me.callStatus(), SignedOut);
  for (const token of ["", "two words", "a\nb", undefined]) {
    const client = patient(url, { credential: bearer(() => /** @type {any} */ (token)) }).client;
    await assert.rejects(client.me.callStatus(), TypeError);
  }
  assert.equal(asked.length, 0);
});

test("a token that never comes is no answer", async () => {
  const credential = bearer(() => new Promise(() => {}));
  await assert.rejects(
    patient("http://127.0.0.1:9", { credential, timeoutMs: 50, tries: 1 }).client.me.callStatus(),
    NoAnswer,
  );
});

test("ids cannot change the path", async (t) => {
  const { url, asked } = await serve(t, (response) => json(response, 200, {}));
  const { client } = patient(url);
  await client.calls.get("a/../b?c#d");
  assert.equal(asked[0].url, "/v1/calls/a%2F..%2Fb%3Fc%23d");
  for (const id of ["", ".", "..", undefined, null, 7]) {
    await assert.rejects(async () => client.calls.get(/** @type {any} */ (id)), TypeError);
  }
});

test("queries are written out, and what is not given is left out", async (t) => {
  const { url, asked } = await serve(t, (response) => json(response, 200, {}));
  const { client } = patient(`${url}/prefix/`);
  await client.me.calls({ limit: 2, cursor: null });
  await client.calls.list({ since: "2026-10-01T12:00:00+08:00" });
  assert.deepEqual(
    asked.map((each) => each.url),
    ["/prefix/v1/me/calls?limit=2", "/prefix/v1/calls?since=2026-10-01T12%3A00%3A00%2B08%3A00"],
  );
});

test("what is searched for is not in the address", async (t) => {
  const { url, asked } = await serve(t, (response) => json(response, 200, {}));
  await patient(url).client.applications.search({ query: "王 &" });
  assert.deepEqual([asked[0].url, asked[0].body], ["/v1/applications/search", '{"query":"王 &"}']);
});

test("a base address with more than a place in it is refused", () => {
  for (const url of ["ftp://x", "https://u:p@x", "https://x/?a", "https://x/#a", "nothing"]) {
    assert.throws(() => new Client(url), TypeError);
  }
});

test("neither a token nor a key shows when a client is printed", async () => {
  const { inspect } = await import("node:util");
  const shown = inspect(new Client("https://x.example", { credential: bearer("s3cret") }), {
    depth: 9,
    showHidden: true,
  });
  assert.ok(!shown.includes("s3cret"));
});
