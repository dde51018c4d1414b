/**
 * One request to the service: addressed, keyed, signed, sent within a time, and tried again where that is safe.
 * Implements specs/protocol.md sections 2, 3.2 and 7.2.
 */

import { mustSucceed, readJson, readText } from "./answers.js";
import { CallbackVerificationError, NoAnswer } from "./errors.js";
import { readEvents } from "./events.js";
import { Limit, pauseAfter, sleepFor } from "./patience.js";

const IDEMPOTENCY_KEY = /^[!#-\[\]-~]{1,255}$/;

/** @typedef {import("./answers.js").Kind} Kind */
/** @typedef {import("./signatures.js").Credential} Credential */
/** @typedef {Record<string, string | number | boolean | null | undefined>} Query */

/**
 * What every operation takes last. `idempotencyKey` goes with a POST, and is made up where it is not given: give your
 * own to ask again, later or elsewhere, for an answer that was lost. `signal` ends the operation with its own reason.
 * @typedef {{idempotencyKey?: string, signal?: AbortSignal}} Options
 */

/**
 * `timeoutMs` bounds one try and `deadlineMs` all of them together, pauses included; `tries` is how many there may be.
 * `fetch`, `sleep` and `random` are for tests and for unusual networks.
 * @typedef {object} Settings
 * @property {Credential} [credential] without one, only the public operations answer
 * @property {number} [timeoutMs]
 * @property {number} [deadlineMs]
 * @property {number} [tries]
 * @property {typeof globalThis.fetch} [fetch]
 * @property {(ms: number, signal?: AbortSignal) => Promise<void>} [sleep]
 * @property {() => number} [random]
 */

/** @typedef {import("./signatures.js").Asked} Asked */

export class Transport {
  #base;
  #credential;
  #timeoutMs;
  #deadlineMs;
  #tries;
  #fetch;
  #sleep;
  #random;

  /** @param {string | URL} baseUrl @param {Settings} settings */
  constructor(baseUrl, settings) {
    const { credential, timeoutMs = 10_000, deadlineMs = 2 * timeoutMs, tries = 3 } = settings;
    const { fetch = globalThis.fetch, sleep = sleepFor, random = Math.random } = settings;
    this.#base = readBase(baseUrl);
    this.#credential = credential;
    this.#timeoutMs = timeoutMs;
    this.#deadlineMs = deadlineMs;
    this.#tries = tries;
    // Not as a method: a browser's fetch refuses to be called on anything but its window.
    this.#fetch = (/** @type {string} */ url, /** @type {RequestInit} */ init) => fetch(url, init);
    this.#sleep = sleep;
    this.#random = random;
  }

  /**
   * Send one operation and read its answer, JSON unless `kind` says otherwise.
   * @param {string} method
   * @param {string} path
   * @param {{body?: unknown, query?: Query, options?: Options, kind?: Kind}} [asked]
   * @returns {Promise<any>} raising Problem or CannotCheck
   */
  async request(method, path, { body, query, options = {}, kind = "application/json" } = {}) {
    const requestId = crypto.randomUUID();
    const asked = this.#asked(method, path, query, body, options, requestId, kind);
    const read = kind === "text/plain" ? readText : readJson;
    const end = performance.now() + this.#deadlineMs;
    for (let tried = 1; ; tried += 1) {
      const limit = new Limit(options.signal, Math.min(this.#timeoutMs, end - performance.now()));
      try {
        return await this.#once(asked, limit, options.signal, requestId, async (response) => {
          await mustSucceed(response, kind, requestId);
          return read(response, requestId);
        });
      } catch (error) {
        const pause = options.signal?.aborted ? null : pauseAfter(error, tried, this.#random);
        if (pause === null || tried >= this.#tries || performance.now() + pause >= end) throw error;
        limit.release();
        await this.#sleep(pause, options.signal);
      } finally {
        limit.release();
      }
    }
  }

  /**
   * Server-sent events of an address, decoded. They end when the service ends the stream; asking again is the
   * caller's business. Raises Problem or CannotCheck, and the signal's reason when it ends.
   * @param {string} path
   * @param {Options} [options]
   * @returns {AsyncGenerator<any, void, void>}
   */
  async *events(path, options = {}) {
    const requestId = crypto.randomUUID();
    const kind = /** @type {const} */ ("text/event-stream");
    const asked = this.#asked("GET", path, undefined, undefined, options, requestId, kind);
    const limit = new Limit(options.signal, this.#timeoutMs);
    try {
      const response = await this.#once(asked, limit, options.signal, requestId, async (opened) => {
        await mustSucceed(opened, kind, requestId);
        return opened;
      });
      limit.stopClock();
      yield* readEvents(response, options.signal);
    } finally {
      limit.release();
    }
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Query | undefined} query
   * @param {unknown} body
   * @param {Options} options
   * @param {string} requestId
   * @param {Kind} kind
   * @returns {Asked}
   */
  #asked(method, path, query, body, options, requestId, kind) {
    const url = new URL(this.#base + path);
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined && value !== null) url.searchParams.set(name, String(value));
    }
    /** @type {Record<string, string>} */
    const headers = { Accept: `${kind}, application/problem+json`, "X-Request-ID": requestId };
    if (method === "POST") {
      const key = options.idempotencyKey ?? crypto.randomUUID();
      if (!IDEMPOTENCY_KEY.test(key)) {
        throw new TypeError('idempotencyKey is 1 to 255 visible ASCII characters without " and \\');
      }
      headers["Idempotency-Key"] = key;
    }
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const content = body === undefined ? null : new TextEncoder().encode(JSON.stringify(body));
    return { method, url: url.href, body: content, headers };
  }

  /**
   * One try. What goes wrong on the way is NoAnswer; what the caller's own signal or credential raises stays as it is.
   * @template T
   * @param {Asked} asked
   * @param {Limit} limit
   * @param {AbortSignal | undefined} caller
   * @param {string} requestId
   * @param {(response: Response) => Promise<T>} read
   * @returns {Promise<T>}
   */
  async #once(asked, limit, caller, requestId, read) {
    caller?.throwIfAborted();
    const shown = await this.#show(asked, limit, requestId);
    try {
      const answer = this.#fetch(asked.url, {
        method: asked.method,
        headers: { ...asked.headers, ...shown },
        body: asked.body,
        signal: limit.signal,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        referrerPolicy: "no-referrer",
      });
      return await limit.race(answer.then(read));
    } catch (cause) {
      if (cause instanceof CallbackVerificationError) throw cause;
      caller?.throwIfAborted();
      throw new NoAnswer("the service has given no answer", { cause, requestId });
    }
  }

  /** @param {Asked} asked @param {Limit} limit @param {string} requestId */
  async #show(asked, limit, requestId) {
    if (this.#credential === undefined) return {};
    try {
      return await limit.race(this.#credential.headers(asked));
    } catch (cause) {
      if (limit.signal.aborted && cause === limit.signal.reason) {
        // Fetching a token took all the time there was, or the caller has given up.
        throw new NoAnswer("there was no credential in time", { cause, requestId });
      }
      throw cause;
    }
  }
}

/** @param {string | URL} baseUrl */
function readBase(baseUrl) {
  const url = new URL(baseUrl);
  if (!/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new TypeError("baseUrl is an http or https address without user, query and fragment");
  }
  return url.href.replace(/\/+$/, "");
}

/**
 * An id as one segment of a path. Raises TypeError for what would change the path.
 * @param {string} id
 */
export function segment(id) {
  if (typeof id !== "string" || /^\.{0,2}$/.test(id)) throw new TypeError("an id is a string that is not empty");
  return encodeURIComponent(id);
}
