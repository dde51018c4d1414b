/** Only the exact verdict reaches the genuine handler (specs/protocol.md sections 7.2 and 13, law L6). */

import assert from "node:assert/strict";
import { test } from "node:test";
import { CannotCheck, Client, Problem, bearer } from "../src/client.js";
import { GENUINE, NOT_GENUINE, json, problem, raw, serve, withReceipt } from "./server.js";

const ASKED = { code: "482177306", application_id: null };
const SPOKEN = {
  verdict: "genuine",
  at: "t",
  given_before: false,
  words: { language: "en", text: "w" },
  receipt_id: "rcpt_1",
  transfer_to: "4412",
};
const { call: _call, ...WITHOUT_CALL } = GENUINE;
const { verdict: _verdict, ...WITHOUT_VERDICT } = GENUINE;

const never = () => assert.fail("a handler was called");
const handlers = { genuine: never, notGenuine: never, ended: never };
const ENDED = { ...GENUINE, verdict: "ended" };
const TIMES = { began_at: "2026-11-23T03:00:00Z", ended_at: "2026-11-23T03:05:00Z" };
const PAST = withReceipt({ ...ENDED, call: { ...GENUINE.call, ...TIMES } });

/** A client with a short timeout and without pauses, so that tests with a silent server are fast. */
const quick = (url) =>
  new Client(url, { credential: bearer("token"), timeoutMs: 150, tries: 2, sleep: async () => {} });

test("the genuine handler gets the verdict, and its result is returned", async (t) => {
  const { url } = await serve(t, (response) => json(response, 200, GENUINE));
  const told = await quick(url).confirmations.confirm(ASKED, {
    ...handlers,
    genuine: (verdict) => verdict.call.officer.name,
  });
  assert.equal(told, "李伟");
});

test("the notGenuine handler gets a refusal", async (t) => {
  const { url, asked } = await serve(t, (response) => json(response, 200, NOT_GENUINE));
  const told = await quick(url).confirmations.confirm(ASKED, {
    ...handlers,
    notGenuine: async (verdict) => verdict.receipt_id,
  });
  assert.equal(told, "rcpt_1");
  assert.deepEqual(JSON.parse(asked[0].body), ASKED);
});

test("the ended handler gets the call, and a receipt that still says genuine", async (t) => {
  const { url } = await serve(t, (response) => json(response, 200, ENDED));
  const told = await quick(url).confirmations.confirm(ASKED, {
    ...handlers,
    ended: (verdict) => [verdict.call.officer.id, verdict.receipt_id],
  });
  assert.deepEqual(told, ["4412", "rcpt_1"]);
});

test("the ended handler gets a call that was over when its code was entered", async (t) => {
  const { url } = await serve(t, (response) => json(response, 200, PAST));
  const told = await quick(url).confirmations.confirm(ASKED, { ...handlers, ended: (verdict) => verdict.call.began_at });
  assert.equal(told, TIMES.began_at);
});

test("an error of a handler reaches the caller", async (t) => {
  const { url } = await serve(t, (response) => json(response, 200, GENUINE));
  const broken = () => {
    throw new RangeError("the page broke");
  };
  await assert.rejects(quick(url).confirmations.confirm(ASKED, { ...handlers, genuine: broken }), RangeError);
});

const WRONG = {
  "an unknown verdict": withReceipt({ ...GENUINE, verdict: "probably" }),
  "the verdict in capitals": withReceipt({ ...GENUINE, verdict: "Genuine" }),
  "the verdict with a space": withReceipt({ ...GENUINE, verdict: "genuine " }),
  "true as the verdict": { ...GENUINE, verdict: true },
  "a verdict in a list": { ...GENUINE, verdict: ["genuine"] },
  "a verdict that says unavailable": withReceipt({ ...GENUINE, verdict: "unavailable" }),
  "a verdict that is null": { ...GENUINE, verdict: null },
  "no verdict": WITHOUT_VERDICT,
  "genuine without the call": WITHOUT_CALL,
  "genuine with a null call": withReceipt({ ...GENUINE, call: null }),
  "genuine with an empty call": { ...GENUINE, call: {} },
  "genuine without the officer": { ...GENUINE, call: { ...GENUINE.call, officer: null } },
  "genuine with an officer without a name": {
    ...GENUINE,
    call: { ...GENUINE.call, officer: { id: "4412", name: "" } },
  },
  "genuine without a receipt": { ...GENUINE, receipt: null },
  "genuine without the id of a receipt": { ...GENUINE, receipt_id: "" },
  "not genuine with a call": withReceipt({ ...GENUINE, verdict: "not_genuine" }),
  "genuine with the receipt of a refusal": { ...GENUINE, receipt: NOT_GENUINE.receipt },
  "a refusal with the receipt of a genuine call": { ...NOT_GENUINE, receipt: GENUINE.receipt },
  "genuine with a receipt of another id": { ...GENUINE, receipt_id: "rcpt_2" },
  "genuine with a receipt of another call": { ...GENUINE, call: { ...GENUINE.call, call_id: "call_2" } },
  "genuine with a malformed receipt": { ...GENUINE, receipt: { statement: "a.b.c", proof: "p" } },
  "genuine over a required leg that was never connected": {
    ...GENUINE,
    call: { ...GENUINE.call, leg: { ...GENUINE.call.leg, connected_at: null } },
  },
  "ended without the call": { ...WITHOUT_CALL, verdict: "ended" },
  "ended with a null call": { ...ENDED, call: null },
  "ended with an empty call": { ...ENDED, call: {} },
  "ended without a receipt": { ...ENDED, receipt: null },
  "ended without the id of a receipt": { ...ENDED, receipt_id: "" },
  "ended with a receipt of another id": { ...ENDED, receipt_id: "rcpt_2" },
  "ended with a receipt of another call": { ...ENDED, call: { ...GENUINE.call, call_id: "call_2" } },
  "ended with the receipt of a refusal": { ...ENDED, receipt: NOT_GENUINE.receipt },
  "a past call without times": withReceipt(ENDED),
  "a past call that is said to be genuine": { ...PAST, verdict: "genuine" },
  "times with a genuine receipt": { ...PAST, receipt: GENUINE.receipt },
  "ended over a required leg that was never connected": {
    ...ENDED,
    call: { ...GENUINE.call, leg: { ...GENUINE.call.leg, connected_at: null } },
  },
  "ended in capitals": { ...ENDED, verdict: "ENDED" },
  "the verdict in a prototype": JSON.parse(`{"__proto__": ${JSON.stringify(GENUINE)}}`),
};

for (const [what, answer] of Object.entries(WRONG)) {
  test(`${what} raises CannotCheck`, async (t) => {
    const { url } = await serve(t, (response) => json(response, 200, answer));
    await assert.rejects(quick(url).confirmations.confirm(ASKED, handlers), CannotCheck);
  });
}

/** @type {Record<string, (response: import("node:http").ServerResponse) => void>} */
const BAD_ANSWERS = {
  "nothing at all": () => {},
  "headers, and then nothing": (response) =>
    response.writeHead(200, { "Content-Type": "application/json" }).flushHeaders(),
  "a connection lost before the answer": (response) => response.destroy(),
  "a connection lost in the answer": (response) => {
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "5000" });
    response.write(JSON.stringify(GENUINE), () => response.destroy());
  },
  "a connection lost in a chunk": (response) => {
    response.writeHead(200, { "Content-Type": "application/json" });
    response.write(JSON.stringify(GENUINE), () => response.destroy());
  },
  "truncated JSON": (response) => raw(response, JSON.stringify(GENUINE).slice(0, -1)),
  "JSON with a character after it": (response) => raw(response, `${JSON.stringify(GENUINE)}x`),
  "an empty body": (response) => raw(response, ""),
  "a JSON list": (response) => raw(response, JSON.stringify([GENUINE])),
  "a JSON string": (response) => raw(response, '"genuine"'),
  null: (response) => raw(response, "null"),
  "a body that is not UTF-8": (response) =>
    raw(
      response,
      Buffer.concat([Buffer.from('{"more":"'), Buffer.of(0xff), Buffer.from(`",${JSON.stringify(GENUINE).slice(1)}`)]),
    ),
  "a body that ends within a character": (response) =>
    raw(response, Buffer.from(JSON.stringify(GENUINE) + "李").subarray(0, -1)),
  "the right body as HTML": (response) => raw(response, JSON.stringify(GENUINE), { "Content-Type": "text/html" }),
  "the right body as a problem": (response) =>
    raw(response, JSON.stringify(GENUINE), { "Content-Type": "application/problem+json" }),
  "the right body with application/jsonp": (response) =>
    raw(response, JSON.stringify(GENUINE), { "Content-Type": "application/jsonp" }),
  "the right body with 202": (response) => json(response, 202, GENUINE),
  "the right body with 500": (response) => json(response, 500, GENUINE),
  "the right body with 404": (response) => json(response, 404, GENUINE),
  "no content": (response) => response.writeHead(204).end(),
  "an answer of two mebibytes": (response) => json(response, 200, { ...GENUINE, more: "x".repeat(2 << 20) }),
  "an endless answer": (response) => {
    response.writeHead(200, { "Content-Type": "application/json" });
    const more = () => response.write(" ".repeat(65_536)) && setImmediate(more);
    response.on("drain", more);
    more();
  },
  "a redirect to the right answer": (response) => response.writeHead(307, { Location: "/elsewhere" }).end(),
  "500 with HTML": (response) => response.writeHead(500, { "Content-Type": "text/html" }).end("<h1>genuine</h1>"),
  "502 with HTML": (response) => response.writeHead(502, { "Content-Type": "text/html" }).end("<h1>genuine</h1>"),
  "200 with a login page": (response) => raw(response, "<h1>genuine</h1>", { "Content-Type": "text/html" }),
  "a problem that is not JSON": (response) =>
    response.writeHead(409, { "Content-Type": "application/problem+json" }).end("genuine"),
  "a problem without a slug": (response) => problem(response, 400, "x", { slug: undefined }),
  "503 without a problem": (response) => response.writeHead(503).end(),
  "503 unavailable": (response) => problem(response, 503, "unavailable", { verdict: "unavailable", retryAfter: "1" }),
  "500 that says unavailable": (response) => problem(response, 500, "internal_error", { verdict: "unavailable" }),
};

for (const [what, answer] of Object.entries(BAD_ANSWERS)) {
  test(`${what} raises CannotCheck`, async (t) => {
    const { url } = await serve(t, (response, _before, { url: path }) => {
      if (path === "/elsewhere") json(response, 200, GENUINE);
      else answer(response);
    });
    await assert.rejects(quick(url).confirmations.confirm(ASKED, handlers), (error) => {
      assert.ok(error instanceof CannotCheck, String(error));
      assert.ok(error.requestId);
      return true;
    });
  });
}

test("an unreachable server raises CannotCheck", async () => {
  await assert.rejects(quick("http://127.0.0.1:9").confirmations.confirm(ASKED, handlers), CannotCheck);
});

test("a refusal raises Problem with all members", async (t) => {
  const errors = [{ pointer: "/code", detail: "d" }];
  const { url, asked } = await serve(t, (response) => problem(response, 422, "malformed_code", { errors }));
  await assert.rejects(quick(url).confirmations.confirm(ASKED, handlers), (error) => {
    assert.ok(error instanceof Problem);
    const { slug, status, title, detail, requestId, refusals, retryAfter } = error;
    assert.deepEqual(
      { slug, status, title, detail, requestId, refusals, retryAfter, errors: error.errors },
      {
        ...{ slug: "malformed_code", status: 422, title: "Title", detail: "Detail", requestId: "r-1" },
        ...{ refusals: [], retryAfter: null, errors },
      },
    );
    return true;
  });
  assert.equal(asked.length, 1);
});

test("without all handlers, nothing is sent", async (t) => {
  const { url, asked } = await serve(t, (response) => json(response, 200, GENUINE));
  const client = quick(url);
  for (const wrong of [
    undefined,
    {},
    { genuine: never },
    { notGenuine: never },
    { genuine: true, notGenuine: never, ended: never },
    { genuine: never, notGenuine: never },
    { genuine: never, notGenuine: never, ended: null },
  ]) {
    await assert.rejects(client.confirmations.confirm(ASKED, /** @type {any} */ (wrong)), TypeError);
  }
  const { ended: _ended, ...withoutEnded } = spokenHandlers;
  for (const wrong of [handlers, withoutEnded]) {
    await assert.rejects(client.ivr.confirm(/** @type {any} */ ({}), /** @type {any} */ (wrong)), TypeError);
  }
  assert.equal(asked.length, 0);
});

const spokenHandlers = {
  genuine: () => "genuine",
  notGenuine: () => "notGenuine",
  ended: () => "ended",
  unavailable: () => "unavailable",
};

for (const [verdict, told] of [
  ["genuine", "genuine"],
  ["not_genuine", "notGenuine"],
  ["ended", "ended"],
  ["unavailable", "unavailable"],
]) {
  test(`by telephone, ${verdict} reaches its handler`, async (t) => {
    const receipt_id = verdict === "unavailable" ? null : "rcpt_1";
    const transfer_to = verdict === "genuine" || verdict === "ended" ? "4412" : null;
    const answer = { ...SPOKEN, verdict, receipt_id, transfer_to };
    const { url } = await serve(t, (response) => json(response, 200, answer));
    assert.equal(await quick(url).ivr.confirm(/** @type {any} */ ({}), spokenHandlers), told);
  });
}

test("by telephone, the code of a past call reaches its handler and names nobody", async (t) => {
  const { url } = await serve(t, (response) => json(response, 200, { ...SPOKEN, verdict: "ended", transfer_to: null }));
  assert.equal(await quick(url).ivr.confirm(/** @type {any} */ ({}), spokenHandlers), "ended");
});

for (const wrong of [
  { verdict: "yes" },
  { verdict: "genuine", receipt_id: null },
  { verdict: "genuine", transfer_to: null },
  { verdict: "not_genuine" },
  { verdict: "ended", receipt_id: null },
  { verdict: "unavailable", receipt_id: null },
  { verdict: "unavailable", transfer_to: null },
  { words: null },
  { words: { text: "" } },
]) {
  test(`by telephone, ${JSON.stringify(wrong)} raises CannotCheck`, async (t) => {
    const { url } = await serve(t, (response) => json(response, 200, { ...SPOKEN, ...wrong }));
    await assert.rejects(quick(url).ivr.confirm(/** @type {any} */ ({}), spokenHandlers), CannotCheck);
  });
}
