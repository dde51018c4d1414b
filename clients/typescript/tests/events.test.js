/** Server-sent events, split in every way that a network may split them (specs/protocol.md section 7.5). */

import assert from "node:assert/strict";
import { test } from "node:test";
import { CannotCheck, Client, NoAnswer, Problem, bearer } from "../src/client.js";
import { MAX_EVENT, readEvents } from "../src/events.js";
import { problem, serve } from "./server.js";

/** A response whose body arrives in these pieces. @param {(string | Uint8Array)[]} pieces */
function answer(...pieces) {
  const octets = pieces.map((piece) => (typeof piece === "string" ? new TextEncoder().encode(piece) : piece));
  const stream = new ReadableStream({
    pull(controller) {
      const next = octets.shift();
      if (next === undefined) controller.close();
      else controller.enqueue(next);
    },
  });
  return new Response(stream, { headers: { "X-Request-ID": "r-1" } });
}

async function all(events) {
  const seen = [];
  for await (const event of events) seen.push(event);
  return seen;
}

const READS = {
  "one event": ['data: {"a":1}\n\n', [{ a: 1 }]],
  "two events": ["data: 1\n\ndata: 2\n\n", [1, 2]],
  "ignored fields": ["id: 7\nevent: call\nretry: 10\ndata: 1\n\n", [1]],
  comments: [": ping\n\n:\n\ndata: 1\n: in between\n\n", [1]],
  "data in several lines": ["data: [1,\ndata: 2]\n\n", [[1, 2]]],
  "no space after the colon": ["data:1\n\n", [1]],
  "data with two spaces before it": ['data:  "x"\n\n', ["x"]],
  "CRLF line ends": ["data: 1\r\n\r\ndata: 2\r\n\r\n", [1, 2]],
  "CR line ends": ["data: 1\r\rdata: 2\r\r", [1, 2]],
  "a byte order mark": ["\uFEFFdata: 1\n\n", [1]],
  "blank lines without data": ["\n\n\nevent: x\n\ndata: 1\n\n", [1]],
  "an incomplete last event": ["data: 1\n\ndata: 2\n", [1]],
  "an event that ends within a line": ['data: 1\n\ndata: {"on_call":tr', [1]],
  "a field whose name only begins with data": ["database: 2\n\ndata: 1\n\n", [1]],
  nothing: ["", []],
  "colons in the data": ['data: "a:b"\n\n', ["a:b"]],
  "other characters that look like line ends": ['data: "a\u2028b\u0085c"\n\n', ["a\u2028b\u0085c"]],
};

for (const [what, [text, expected]] of Object.entries(READS)) {
  test(`reads ${what}, at once and byte by byte`, async () => {
    assert.deepEqual(await all(readEvents(answer(text))), expected);
    const octets = Array.from(new TextEncoder().encode(text), (octet) => Uint8Array.of(octet));
    assert.deepEqual(await all(readEvents(answer(...octets))), expected);
  });
}

test("characters may arrive in pieces", async () => {
  const octets = new TextEncoder().encode('data: "李伟 𠮷"\n\n');
  for (let cut = 1; cut < octets.length; cut += 1) {
    assert.deepEqual(await all(readEvents(answer(octets.slice(0, cut), octets.slice(cut)))), ["李伟 𠮷"]);
  }
});

test("CR and LF in two pieces end one line", async () => {
  assert.deepEqual(await all(readEvents(answer("data: [1,\r", "\ndata: 2]\r", "\n\r", "\n"))), [[1, 2]]);
});

const UNREADABLE = {
  "data that are not JSON": ["data: genuine\n\n"],
  "a stream that is not UTF-8": ["data: 1", Uint8Array.of(0xff), "\n\n"],
  "an endless line": ["data: ", ...Array(9).fill("x".repeat(MAX_EVENT / 8))],
  "an event that is too long": Array(9).fill(`data: ${"1".repeat(MAX_EVENT / 8)}\n`),
};

for (const [what, pieces] of Object.entries(UNREADABLE)) {
  test(`${what} raises CannotCheck`, async () => {
    await assert.rejects(all(readEvents(answer(...pieces))), (error) => {
      assert.ok(error instanceof CannotCheck);
      assert.equal(error.requestId, "r-1");
      return true;
    });
  });
}

test("an event before a malformed one is yielded", async () => {
  const events = readEvents(answer("data: 1\n\ndata: x\n\n"));
  assert.deepEqual((await events.next()).value, 1);
  await assert.rejects(events.next(), CannotCheck);
});

test("a silent stream raises NoAnswer", async () => {
  const silent = new Response(new ReadableStream());
  await assert.rejects(all(readEvents(silent, undefined, { idleMs: 30 })), NoAnswer);
});

test("a caller that stops early closes the connection", async () => {
  let cancelled = false;
  const stream = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode("data: 1\n\n")),
    cancel: () => void (cancelled = true),
  });
  for await (const event of readEvents(new Response(stream))) {
    assert.equal(event, 1);
    break;
  }
  assert.ok(cancelled);
});

const STREAM = { "Content-Type": "text/event-stream; charset=utf-8" };
const client = (url) => new Client(url, { credential: bearer("token"), timeoutMs: 300 });

test("the client sends its token, and the events end with the stream", async (t) => {
  const { url, asked } = await serve(t, (response) => {
    response.writeHead(200, STREAM);
    response.end('data: {"on_call":true}\r\n\r\n');
  });
  assert.deepEqual(await all(client(url).me.events()), [{ on_call: true }]);
  assert.equal(asked[0].headers.authorization, "Bearer token");
  assert.equal(asked[0].headers.accept, "text/event-stream, application/problem+json");
});

test("the timeout applies to the headers, not to the stream", async (t) => {
  const { url } = await serve(t, (response) => {
    response.writeHead(200, STREAM);
    response.flushHeaders();
    setTimeout(() => response.end("data: 1\n\n"), 500);
  });
  assert.deepEqual(await all(client(url).calls.events("call_1")), [1]);
});

test("a stream that does not begin raises NoAnswer", async (t) => {
  const { url } = await serve(t, () => {});
  await assert.rejects(all(client(url).me.events()), NoAnswer);
});

test("an interrupted stream raises NoAnswer", async (t) => {
  const { url } = await serve(t, (response) => {
    response.writeHead(200, STREAM);
    response.write("data: 1\n\ndata: 2", () => setTimeout(() => response.destroy(), 30));
  });
  const events = client(url).me.events();
  assert.equal((await events.next()).value, 1);
  await assert.rejects(events.next(), NoAnswer);
});

test("a refused stream raises Problem, and another media type raises CannotCheck", async (t) => {
  const { url } = await serve(t, (response, before) => {
    if (before === 0) problem(response, 401, "unauthenticated");
    else response.writeHead(200, { "Content-Type": "text/html" }).end("data: 1\n\n");
  });
  await assert.rejects(all(client(url).me.events()), Problem);
  await assert.rejects(all(client(url).me.events()), CannotCheck);
});

test("a signal ends the stream with the signal's reason", async (t) => {
  const { url } = await serve(t, (response) => {
    response.writeHead(200, STREAM);
    response.write("data: 1\n\n");
  });
  const left = new AbortController();
  const events = client(url).me.events({ signal: left.signal });
  assert.equal((await events.next()).value, 1);
  const reason = new Error("offline");
  setTimeout(() => left.abort(reason), 30);
  await assert.rejects(events.next(), (error) => error === reason);
});
