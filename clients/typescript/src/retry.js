/**
 * Timeouts, retries and backoff.
 * Implements specs/protocol.md sections 3.2 and 7.2.
 */

import { CannotCheck, NoAnswer, Problem } from "./errors.js";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 4_000;
const LONGEST_RETRY_AFTER_S = 10;
const TRY_AGAIN = [429, 503];

/** The abort signal of one try. It aborts with the caller's own signal, or after the timeout. */
export class Limit {
  #controller = new AbortController();
  #caller;
  #timer;
  #follow = () => this.#controller.abort(this.#caller?.reason);

  /** @param {AbortSignal | undefined} caller @param {number} ms */
  constructor(caller, ms) {
    this.#caller = caller;
    this.#timer = setTimeout(() => this.#controller.abort(new Error(`no answer within ${Math.ceil(ms)} ms`)), ms);
    if (caller?.aborted) this.#follow();
    else caller?.addEventListener("abort", this.#follow, { once: true });
  }

  get signal() {
    return this.#controller.signal;
  }

  /** Stop the timeout. From now on, only the caller's own signal aborts. */
  stopClock() {
    clearTimeout(this.#timer);
  }

  /** Release the timer and the caller's signal. */
  release() {
    this.stopClock();
    this.#caller?.removeEventListener("abort", this.#follow);
  }

  /**
   * Settle like a promise that has no signal of its own, or reject if this signal aborts first.
   * @template T
   * @param {Promise<T>} promise
   * @returns {Promise<T>}
   */
  race(promise) {
    return new Promise((resolve, reject) => {
      const end = () => reject(this.signal.reason);
      if (this.signal.aborted) end();
      this.signal.addEventListener("abort", end, { once: true });
      promise.then(resolve, reject).finally(() => this.signal.removeEventListener("abort", end));
    });
  }
}

/**
 * Return the milliseconds to wait before the next try, or null if there must be no retry. The backoff has full jitter,
 * so that clients that failed together do not retry together. It is never shorter than `Retry-After`.
 * @param {unknown} error the error of the last try
 * @param {number} tried the number of tries so far
 * @param {() => number} random returns a number from 0 to 1
 */
export function pauseAfter(error, tried, random) {
  const again =
    error instanceof NoAnswer ||
    ((error instanceof Problem || error instanceof CannotCheck) && TRY_AGAIN.includes(error.status ?? 0));
  if (!again) return null;
  const jitter = random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tried - 1));
  const asked = error.retryAfter ?? 0;
  return asked > LONGEST_RETRY_AFTER_S ? null : asked * 1000 + jitter;
}

/**
 * Sleep. Rejects with the signal's reason as soon as it aborts.
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function sleepFor(ms, signal) {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, ms);
    if (signal?.aborted) end();
    else signal?.addEventListener("abort", end, { once: true });
  });
}
