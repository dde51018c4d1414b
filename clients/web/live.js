/** Following what changes, over lost connections, for as long as a screen lasts. Implements specs/protocol.md section 7.5. */

import { CannotCheck } from "../typescript/src/client.js";

// A service that ends its streams as soon as they have begun is not asked without a pause.
const SHORT_MS = 5_000;

/**
 * Follow something live for as long as `signal` lasts, over lost connections. `lost` is called as soon as what was
 * shown may no longer be true, `asking` whenever nothing is known yet: at first, and after the service has ended a stream.
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

/** Wait, but not once the network is back or the signal has gone. @param {number} ms @param {AbortSignal} signal */
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
