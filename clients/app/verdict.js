/** The one answer, as a screen that cannot be misread: shape and words first, then colour. Carries out section 7 of specs/protocol.md. */

import { CannotCheck } from "../typescript/src/client.js";
import { button, h, shape } from "../web/elements.js";
import { clockTime, language, phone, said, say } from "../web/language.js";
import { keepButtons } from "./receipts.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["Verdict"]} Verdict */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CallDetails"]} CallDetails */
/** @typedef {{outcome: "genuine" | "not_genuine", verdict: Verdict} | {outcome: "unavailable", digits: string, key: string}} Held */

/**
 * The answer that is being shown. It is dropped when its screen is left, so that neither the back button nor a second
 * call can ever show it again.
 * @type {Held | null}
 */
let held = null;

/**
 * Ask about a code and show the answer. Asking again with the same key after a lost answer gives the answer that was
 * lost. Whatever is not an answer throws, or shows that we cannot check.
 * @param {Page} page
 * @param {string} digits
 * @param {string} key
 */
export async function ask(page, digits, key = crypto.randomUUID()) {
  try {
    held = await page.client.confirmations.confirm(
      { code: digits },
      {
        genuine: (verdict) => /** @type {Held} */ ({ outcome: "genuine", verdict }),
        notGenuine: (verdict) => /** @type {Held} */ ({ outcome: "not_genuine", verdict }),
      },
      { idempotencyKey: key },
    );
  } catch (error) {
    if (!(error instanceof CannotCheck)) throw error;
    held = { outcome: "unavailable", digits, key };
  }
  page.go("/verdict");
}

/** @param {Page} page @param {AbortSignal} signal */
export function verdictScreen(page, signal) {
  const shown = held;
  if (shown === null) {
    page.go("/");
    return h("p", {});
  }
  signal.addEventListener("abort", () => {
    if (held === shown) held = null;
  });
  if (shown.outcome === "unavailable") return unavailable(page, shown);
  return shown.outcome === "genuine" ? genuine(page, shown.verdict, signal) : notGenuine(page, shown.verdict);
}

/** @param {Page} page @param {Verdict} verdict @param {AbortSignal} signal */
function genuine(page, verdict, signal) {
  const call = verdict.call;
  if (!call) throw new TypeError("a genuine verdict names its call");
  const time = clockTime(verdict.at);
  const top = h("div", { role: "status" }, banner("check", WORDS.genuine, say(WORDS.checkedAt, { time })));
  const article = h(
    "article",
    { class: "verdict genuine" },
    top,
    h(
      "div",
      { class: "verdict-body" },
      h("p", { class: "who" }, h("b", {}, call.officer.name), ` · ${say(WORDS.staffNumber)} ${call.officer.id}`),
      h("dl", {}, facts(page, call)),
      verdict.given_before && h("p", {}, say(WORDS.givenBefore)),
      call.leg.mode !== "required" && !call.leg.connected_at && h("p", {}, say(WORDS.noLeg)),
      h("p", { class: "warn" }, say(WORDS.neverTell)),
      list(WORDS.asks, call.asks, page),
      list(WORDS.never, call.never_asks, page),
      keepButtons(verdict.receipt_id, verdict.receipt),
      button(say(WORDS.done), () => page.go("/"), { class: "primary wide" }),
    ),
  );
  watch(page, call.call_id, signal, (state) => {
    article.className = `verdict ${state === "on" ? "genuine" : "over"}`;
    if (state === "on") top.replaceChildren(banner("check", WORDS.genuine, say(WORDS.checkedAt, { time })));
    if (state === "over") top.replaceChildren(banner("idle", WORDS.over, say(WORDS.overWhat, { time })));
    if (state === "lost") top.replaceChildren(banner("warning", WORDS.old, say(WORDS.oldWhat, { time })));
  });
  return article;
}

/** @param {Page} page @param {Verdict} verdict */
function notGenuine(page, verdict) {
  return h(
    "article",
    { class: "verdict not-genuine" },
    banner("stop", WORDS.notGenuine, say(WORDS.checkedAt, { time: clockTime(verdict.at) })),
    h(
      "div",
      { class: "verdict-body" },
      h("p", { class: "lead" }, said(verdict.words)),
      ringLink(page),
      button(say(WORDS.reportIt), () => page.go("/report"), { class: "danger wide" }),
      button(say(WORDS.another), () => page.go("/"), { class: "wide" }),
      keepButtons(verdict.receipt_id, verdict.receipt),
    ),
  );
}

/** @param {Page} page @param {{digits: string, key: string}} asked */
function unavailable(page, { digits, key }) {
  return h(
    "article",
    { class: "verdict unavailable" },
    banner("warning", WORDS.unavailable),
    h(
      "div",
      { class: "verdict-body" },
      h("p", { class: "lead" }, say(WORDS.unavailableWhat)),
      button(say(WORDS.sameTry), () => ask(page, digits, key).catch((error) => page.fail(error)), { class: "primary wide" }),
      ringLink(page),
      button(say(WORDS.another), () => page.go("/"), { class: "wide" }),
    ),
  );
}

/** @param {"check" | "stop" | "warning" | "idle"} icon @param {import("../web/language.js").Both} title @param {string} [what] */
function banner(icon, title, what) {
  return h("div", { class: "verdict-banner" }, shape(icon), h("h1", {}, say(title)), what && h("p", {}, what));
}

/** @param {Page} page @param {CallDetails} call */
function facts(page, call) {
  const purpose = page.facts.purposes[call.purpose];
  return [
    [WORDS.branch, call.officer.branch],
    [WORDS.purpose, purpose ? say(purpose) : call.purpose],
    [WORDS.fromNumber, h("span", { class: "number" }, phone(call.caller_number))],
  ].map(([name, value]) => [h("dt", {}, say(/** @type {any} */ (name))), h("dd", {}, /** @type {any} */ (value))]);
}

/** @param {import("../web/language.js").Both} title @param {readonly string[]} items @param {Page} page */
function list(title, items, page) {
  const words = items.map((item) => page.facts.items[item]?.[language()] ?? item);
  return h("section", {}, h("h2", {}, say(title)), h("ul", {}, words.map((each) => h("li", {}, each))));
}

/** @param {Page} page */
function ringLink(page) {
  const number = page.facts.published_numbers[0];
  return number && h("a", { class: "button wide", href: `tel:${number}` }, shape("phone"), `${say(WORDS.ring)} ${phone(number)}`);
}

/**
 * Follow the call that was confirmed: an answer of a while ago is never shown as one of now. A deployment without legs
 * may never list it as being on the phone; then nothing is said of its end.
 * @param {Page} page
 * @param {string} callId
 * @param {AbortSignal} signal
 * @param {(state: "on" | "over" | "lost") => void} changed
 */
function watch(page, callId, signal, changed) {
  let listed = false;
  let before = "on";
  /** @param {"on" | "over" | "lost"} state */
  const turn = (state) => {
    if (state !== before) changed(state);
    before = state;
  };
  page.follow(
    (options) => page.client.me.events(options),
    signal,
    (status) => {
      const on = status.calls.some((/** @type {{call_id: string}} */ each) => each.call_id === callId);
      listed ||= on;
      turn(listed && !on ? "over" : "on");
    },
    () => turn("lost"),
  );
}
