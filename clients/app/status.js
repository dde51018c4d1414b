/**
 * The live call status: what the bank can say before there is a code (law L13). Words, shape, colour and sound all show
 * the state, so that none is needed alone. None of them is green: only a confirmed code is.
 * Implements specs/protocol.md sections 7.5 and 12.1.
 */

import { h, shape } from "../web/elements.js";
import { clockTime, said, say } from "../web/language.js";
import { problemWords } from "../web/page.js";
import { WORDS as SHARED } from "../web/words.js";
import { sound } from "./sound.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CallStatus"]} CallStatus */
/** @typedef {"none" | "expected" | "ringing" | "connected" | "unknown"} State */

/** @type {Record<State, {kind: string, icon: "idle" | "clock" | "bell" | "phone" | "warning"}>} */
export const LOOKS = {
  none: { kind: "calm", icon: "idle" },
  expected: { kind: "expected", icon: "clock" },
  ringing: { kind: "ringing", icon: "bell" },
  connected: { kind: "connected", icon: "phone" },
  unknown: { kind: "doubt", icon: "warning" },
};

/**
 * The status in one line of a fixed height, so that a change moves nothing. A press opens the whole text over what is
 * below. It disappears when it may be out of date. The time is no part of what is announced.
 * @param {Page} page @param {AbortSignal} signal
 */
export function statusCard(page, signal) {
  const heard = h("p", { class: "heard", role: "status" });
  const line = h("details", {});
  /** @param {{kind: string, icon: Parameters<typeof shape>[0]}} look @param {string} title @param {string} what @param {string} [time] */
  const show = ({ kind, icon }, title, what, time) => {
    line.className = `told ${kind}`;
    const brief = h("summary", {}, shape(icon), h("h2", {}, title), time && h("span", { class: "as-of number" }, time));
    line.replaceChildren(brief, h("p", {}, what, time && h("span", { class: "small" }, ` ${say(WORDS.asOf, { time })}`)));
    if (heard.textContent !== what) heard.textContent = what;
  };
  /** @type {State | null} */
  let before = null;
  const asking = () => show(LOOKS.none, say(WORDS.asking), say(WORDS.asking));
  asking();
  page.follow(
    (options) => page.client.me.events(options),
    signal,
    (/** @type {CallStatus} */ status) => {
      // A state that this page does not know says nothing that a person may rely on (law L6).
      const known = Object.hasOwn(LOOKS, status.state);
      const state = known ? status.state : "unknown";
      show(LOOKS[state], say(WORDS.brief[state]), known ? said(status.words) : say(WORDS.lost), clockTime(status.at));
      if (before !== null && state !== before) sound(state);
      before = state;
    },
    (error) => {
      const { title, what } = lostWords(error);
      show(LOOKS.unknown, title, what);
      if (before !== null && before !== "unknown") sound("unknown");
      before = "unknown";
    },
    asking,
  );
  return h("section", { class: "status" }, line, heard);
}

/** @param {unknown} error */
function lostWords(error) {
  const known = problemWords(error);
  return known.title === say(SHARED.cannotReach) ? { title: say(WORDS.lost), what: say(WORDS.lostWhat) } : known;
}
