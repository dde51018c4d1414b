/**
 * Whether a confirmed call still goes on, for the screen of its verdict.
 * Implements specs/protocol.md sections 7.5, 7.12 and 12.1.
 */

import { repeat } from "../web/live.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CallDetails"]} CallDetails */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CallStatus"]} CallStatus */
/** @typedef {import("../typescript/src/client.js").Options} Options */
/** @typedef {"asking" | "on" | "over" | "lost" | "blind"} State */

const LOOK_AGAIN_MS = 5_000;
const NO_ANSWER_MS = 10_000;

/**
 * Follow the confirmed call. Its state is `on` only while the stream names it. It is not `on` before the first event,
 * between two streams, after the stream is silent or lost, or when the stream names no call or another one. It is
 * `blind` while the telephone exchange is silent.
 * @param {Page} page
 * @param {CallDetails} call
 * @param {AbortSignal} signal
 * @param {(state: State) => void} changed
 */
export function watchCall(page, call, signal, changed) {
  const turn = changes(changed);
  /** @param {CallStatus} status */
  const names = (status) =>
    // Without required legs, no status says `on_call`.
    (status.on_call || call.leg.mode !== "required") &&
    status.calls.some((each) => each.call_id === call.call_id && each.state === "confirmed");
  page.follow(
    (options) => page.client.me.events(options),
    signal,
    (status) => turn(status.state === "unknown" ? "blind" : names(status) ? "on" : "over"),
    () => turn("lost"),
    () => turn("asking"),
  );
}

/**
 * Follow a confirmed call to somebody else: another contact, or the person whom a helper helps. The person's own status
 * stream does not name it. So ask for the verdict again and again: with the same key, the answer is `genuine` during the
 * call, and `ended` afterwards.
 * @param {Page} page
 * @param {{status: (options: Options) => Promise<{state: string}>,
 *   verdict: (handlers: import("../typescript/src/client.js").Handlers<State>, options: Options) => Promise<State>}} asks
 * @param {AbortSignal} signal
 * @param {(state: State) => void} changed
 */
export async function watchCallToAnother(page, asks, signal, changed) {
  const turn = changes(changed);
  /** @type {(state: State) => () => State} */
  const as = (state) => () => state;
  const look = async () => {
    const within = { signal: AbortSignal.any([signal, AbortSignal.timeout(NO_ANSWER_MS)]) };
    const status = await asks.status(within);
    if (status.state === "unknown") return "blind";
    return asks.verdict({ genuine: as("on"), ended: as("over"), notGenuine: as("over") }, within);
  };
  const again = async () => {
    /** @type {State} */
    const state = await look().catch((error) => {
      if (!signal.aborted) page.barred(error);
      return "lost";
    });
    if (!signal.aborted) turn(state);
  };
  await again();
  await repeat(LOOK_AGAIN_MS, signal, again);
}

/** Pass on a state that differs from the one before. @param {(state: State) => void} changed */
function changes(changed) {
  /** @type {State | null} */
  let before = null;
  return (/** @type {State} */ state) => {
    // An ended call stays ended when the stream ends, unless the service names it again.
    if (state === before || (before === "over" && state !== "on")) return;
    before = state;
    changed(state);
  };
}
