/** Follows what changes: event streams, and answers that are asked for again. Implements specs/protocol.md section 7.5. */

import { CannotCheck } from "../typescript/src/client.js";

// A stream that ends sooner is requested again only after a pause.
const SHORT_MS = 5_000;

/**
 * Follow a stream until `signal` aborts, and reconnect after errors. `seen` gets each value. `lost` is called after an
 * error, when the last value may be out of date. `asking` is called before the first stream, and before each new stream
 * after the service has ended one.
 * @template T
 * @param {(options: {signal: AbortSignal}) => AsyncIterable<T>} events
 * @param {AbortSignal} signal
 * @param {(value: T) => void} seen
 * @param {(error: unknown) => void} lost
 * @param {() => void} [asking]
 */
export async function follow(events, signal, seen, lost, asking = () => {}) {
  let failures = 0;
  while (!signal.aborted) {
    if (failures === 0) asking();
    const began = performance.now();
    const broken = new AbortController();
    const offline = () => broken.abort(new CannotCheck("the network is gone"));
    addEventListener("offline", offline, { once: true });
    try {
      for await (const value of events({ signal: AbortSignal.any([signal, broken.signal]) })) {
        failures = 0;
        if (signal.aborted) return;
        seen(value);
      }
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      lost(error);
    } finally {
      removeEventListener("offline", offline);
    }
    if (failures > 0) await pause(Math.min(500 * 2 ** failures, 10_000) * (0.5 + Math.random() / 2), signal);
    else if (performance.now() - began < SHORT_MS) await pause(1_000, signal);
  }
}

/**
 * Do something until `signal` aborts, with a pause before each time.
 * @param {number} ms the pause
 * @param {AbortSignal} signal
 * @param {() => Promise<void>} act
 */
export async function repeat(ms, signal, act) {
  while (!signal.aborted) {
    await pause(ms, signal);
    if (!signal.aborted) await act();
  }
}

/** Wait, but stop when the network is back or the signal aborts. @param {number} ms @param {AbortSignal} signal */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve(undefined);
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done, { once: true });
    signal.addEventListener("abort", done, { once: true });
  });
}
