/**
 * Sends requests to the service, with idempotency keys, signatures, timeouts, and retries where they are safe.
 * Implements specs/protocol.md sections 2, 3.2 and 7.2.
 */

import { mustSucceed, readJson, readText } from "./answers.js";
import { CallbackVerificationError, NoAnswer } from "./errors.js";
import { readEvents } from "./events.js";
import { Limit, pauseAfter, sleepFor } from "./retry.js";

const IDEMPOTENCY_KEY = /^[!#-\[\]-~]{1,255}$/;

/** @typedef {import("./answers.js").Kind} Kind */
/** @typedef {import("./signatures.js").Credential} Credential */
/** @typedef {Record<string, string | number | boolean | null | undefined>} Query */

/**
 * The options of every operation. `idempotencyKey` is for POST, and random by default. Pass your own to get a lost
 * answer later, or from another process. `signal` aborts the operation with its own reason.
 * @typedef {{idempotencyKey?: string, signal?: AbortSignal}} Options
 */

/**
 * `timeoutMs` limits one try, `deadlineMs` all tries with their pauses, and `tries` their number. `fetch`, `sleep` and
 * `random` are for tests and unusual networks.
 * @typedef {object} Settings
 * @property {Credential} [credential] without one, only public operations succeed
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
    // Browsers refuse to call fetch as a method of any object but the window.
    this.#fetch = (/** @type {string} */ url, /** @type {RequestInit} */ init) => fetch(url, init);
    this.#sleep = sleep;
    this.#random = random;
  }

  /**
   * Send one operation and read its answer, which is JSON unless `kind` says otherwise.
   * @param {string} method
   * @param {string} path
   * @param {{body?: unknown, query?: Query, options?: Options, kind?: Kind}} [asked]
   * @returns {Promise<any>} raises Problem or CannotCheck
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
   * Yield the decoded server-sent events of an address, until the service ends the stream. There are no retries.
   * Raises Problem or CannotCheck, and the signal's reason if it aborts.
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
        throw new TypeError('idempotencyKey must have 1 to 255 visible ASCII characters other than " and \\');
      }
      headers["Idempotency-Key"] = key;
    }
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const content = body === undefined ? null : new TextEncoder().encode(JSON.stringify(body));
    return { method, url: url.href, body: content, headers };
  }

  /**
   * Make one try. Transport errors become NoAnswer. Errors of the caller's own signal or credential stay unchanged.
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
    const authentication = await this.#authenticate(asked, limit, requestId);
    try {
      const answer = this.#fetch(asked.url, {
        method: asked.method,
        headers: { ...asked.headers, ...authentication },
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
      throw new NoAnswer("there was no answer from the service", { cause, requestId });
    }
  }

  /** Return the headers of the credential. @param {Asked} asked @param {Limit} limit @param {string} requestId */
  async #authenticate(asked, limit, requestId) {
    if (this.#credential === undefined) return {};
    try {
      return await limit.race(this.#credential.headers(asked));
    } catch (cause) {
      if (limit.signal.aborted && cause === limit.signal.reason) {
        // The timeout expired while a token was fetched, or the caller aborted.
        throw new NoAnswer("there was no credential before the timeout", { cause, requestId });
      }
      throw cause;
    }
  }
}

/** @param {string | URL} baseUrl */
function readBase(baseUrl) {
  const url = new URL(baseUrl);
  if (!/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new TypeError("baseUrl must be an http or https address without user, query and fragment");
  }
  return url.href.replace(/\/+$/, "");
}

/**
 * Encode an id as one segment of a path. Raises TypeError for `""`, `.` and `..`, which would change the path.
 * @param {string} id
 */
export function segment(id) {
  if (typeof id !== "string" || /^\.{0,2}$/.test(id)) {
    throw new TypeError("an id must be a string, and not empty, . or ..");
  }
  return encodeURIComponent(id);
}
