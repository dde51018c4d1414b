/** A server on loopback that gives the answers of a test. */

import { createServer } from "node:http";

/** @typedef {{method: string, url: string, headers: import("node:http").IncomingHttpHeaders, body: string}} Asked */
/** @typedef {import("node:http").ServerResponse} Response */

/**
 * Serve until the test ends. `before` is the number of earlier requests.
 * @param {import("node:test").TestContext} test
 * @param {(response: Response, before: number, asked: Asked) => void} answer
 */
export async function serve(test, answer) {
  /** @type {Asked[]} */
  const asked = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const { method = "", url = "", headers } = request;
    asked.push({ method, url, headers, body });
    answer(response, asked.length - 1, asked[asked.length - 1] ?? { method, url, headers, body });
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", () => ready(undefined)));
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { url: `http://127.0.0.1:${address.port}`, asked };
}

/** @param {Response} response @param {number} status @param {unknown} body @param {Record<string, string>} [headers] */
export function json(response, status, body, headers = {}) {
  response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
}

/** @param {Response} response @param {number} status @param {string} slug @param {Record<string, any>} [more] */
export function problem(response, status, slug, { retryAfter, ...more } = {}) {
  const headers = { "Content-Type": "application/problem+json", ...(retryAfter && { "Retry-After": retryAfter }) };
  const told = {
    type: `/docs#problem-${slug}`,
    title: "Title",
    status,
    slug,
    detail: "Detail",
    request_id: "r-1",
    ...more,
  };
  response.writeHead(status, headers).end(JSON.stringify(told));
}

/** @param {Response} response @param {string | Buffer} text @param {Record<string, string>} [headers] */
export function raw(response, text, headers = {}) {
  response.writeHead(200, { "Content-Type": "application/json", ...headers }).end(text);
}

/**
 * Add a receipt with the same verdict, id and call. It is not signed.
 * @template {{verdict: string, receipt_id: string, call: {call_id: string} | null}} Told
 * @param {Told} told
 */
export function withReceipt(told) {
  const claims = { jti: told.receipt_id, verdict: told.verdict, call: told.call && { call_id: told.call.call_id } };
  const payload = Buffer.from(JSON.stringify(claims)).toString("base64url");
  return { ...told, receipt: { statement: `e30.${payload}.AA`, proof: "p" } };
}

export const GENUINE = withReceipt({
  verdict: "genuine",
  at: "2026-10-01T04:00:00Z",
  given_before: false,
  words: [{ language: "en", text: "This is a genuine call." }],
  call: {
    call_id: "call_1",
    officer: { id: "4412", name: "李伟", branch: "北京" },
    purpose: "documents",
    asks: [],
    never_asks: [],
    number: "+8613800138000",
    caller_number: "+861082345678",
    leg: { mode: "required", connected_at: "2026-10-01T03:59:00Z", ended_at: null },
  },
  receipt_id: "rcpt_1",
});

export const NOT_GENUINE = withReceipt({ ...GENUINE, verdict: "not_genuine", call: null });
