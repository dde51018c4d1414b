/**
 * How long one try may last, and when and after what pause another one is made.
 * Implements specs/protocol.md sections 3.2 and 7.2.
 */

import { CannotCheck, NoAnswer, Problem } from "./errors.js";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 4_000;
const LONGEST_RETRY_AFTER_S = 10;
const TRY_AGAIN = [429, 503];

/** The signal of one try: it ends with the caller's own signal, or when the time is over. */
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

  /** What has been waited for has come; only the caller's own signal still counts. */
  stopClock() {
    clearTimeout(this.#timer);
  }

  /** Everything is over: let go of the timer and of the caller's signal. */
  release() {
    this.stopClock();
    this.#caller?.removeEventListener("abort", this.#follow);
  }

  /**
   * The outcome of a promise that knows nothing of signals, unless this ends first.
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
 * The pause before another try in milliseconds, or null when there should be none. Full jitter, so that clients that
 * failed together do not come back together; never sooner than the service asks.
 * @param {unknown} error what the last try came to
 * @param {number} tried how often it has been tried
 * @param {() => number} random from 0 to 1
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
 * Wait. Raises the signal's reason as soon as it ends.
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
