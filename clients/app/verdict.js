/**
 * The screen of the answer. Shape, words and colour all show the verdict, so that none is needed alone.
 * Implements specs/protocol.md section 7.
 */

import { CannotCheck } from "../typescript/src/client.js";
import { button, h, shape } from "../web/elements.js";
import { clockTime, dayAndTime, language, phone, said, say } from "../web/language.js";
import { receiptButtons } from "./receipts.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["Verdict"]} Verdict */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CallDetails"]} CallDetails */
/** @typedef {import("../web/language.js").Both} Both */
/** @typedef {"check" | "stop" | "warning" | "idle"} Icon */
/**
 * @typedef {{outcome: "of_a_call" | "past" | "not_genuine", verdict: Verdict}
 *   | {outcome: "unavailable", digits: string, key: string}} Held
 */

/**
 * The answer on the screen. It is deleted when the person leaves the screen, so neither the back button nor a second
 * call can show it again.
 * @type {Held | null}
 */
let held = null;

/**
 * Ask for the verdict on a code, and show it. After a lost answer, the same key gets the same answer. Without a
 * reliable answer, show that we cannot check. Raises Problem if the service refuses.
 * @param {Page} page
 * @param {string} digits
 * @param {string} key
 */
export async function ask(page, digits, key = crypto.randomUUID()) {
  try {
    held = await page.client.confirmations.confirm(
      { code: digits },
      {
        genuine: (verdict) => /** @type {Held} */ ({ outcome: "of_a_call", verdict }),
        ended: (verdict) => /** @type {Held} */ ({ outcome: verdict.call.began_at ? "past" : "of_a_call", verdict }),
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
  if (shown.outcome === "past") return pastCall(page, shown.verdict);
  return shown.outcome === "of_a_call" ? ofACall(page, shown.verdict, signal) : notGenuine(page, shown.verdict);
}

/**
 * The answer about a genuine call. It is green only while the status stream names this call (CVP-12.1-10).
 * @param {Page} page
 * @param {Verdict} verdict
 * @param {AbortSignal} signal
 */
function ofACall(page, verdict, signal) {
  const call = verdict.call;
  if (!call) throw new TypeError("the answer has no call");
  const time = clockTime(verdict.at);
  const top = h("div", { role: "status" }, banner("idle", WORDS.goesOn, say(WORDS.goesOnWhat)));
  const over = h("p", { class: "lead" }, say(WORDS.overLead));
  const on = h(
    "div",
    { class: "stack" },
    verdict.given_before && h("p", {}, say(WORDS.givenBefore)),
    call.leg.mode !== "required" && !call.leg.connected_at && h("p", {}, say(WORDS.noLeg)),
    list(WORDS.asks, call.asks, page),
  );
  const ring = ringLink(page);
  const leave = button(say(WORDS.done), () => page.go("/"), { class: "primary wide" });
  const body = h(
    "div",
    { class: "verdict-body" },
    over,
    h("p", { class: "who" }, h("b", {}, call.officer.name), ` · ${say(WORDS.staffNumber)} ${call.officer.id}`),
    h("dl", {}, facts(page, call)),
    h("p", { class: "warn" }, say(WORDS.neverTell)),
    on,
    list(WORDS.never, call.never_asks, page),
    ring,
    receiptButtons(verdict.receipt_id, verdict.receipt),
    leave,
  );
  const article = h("article", { class: "verdict asking" }, top, body);
  // Hide the answer until the state of the call is known.
  body.hidden = true;
  /** @param {State} state */
  const turn = (state) => {
    const { look, icon, title, what } = LOOKS[state];
    article.className = `verdict ${look}`;
    retitle(page, top, icon, title, say(what, { time }));
    if (state !== "asking") body.hidden = false;
    on.hidden = state !== "on";
    over.hidden = state !== "over";
    leave.textContent = say(state === "on" ? WORDS.done : WORDS.checkAgain);
    if (ring) ring.hidden = state === "on";
  };
  if (verdict.verdict === "ended") turn("over");
  else watch(page, call, signal, turn);
  return article;
}

/** @typedef {"asking" | "on" | "over" | "lost" | "blind"} State */
/** @type {Record<State, {look: string, icon: Icon, title: Both, what: Both}>} */
const LOOKS = {
  asking: { look: "asking", icon: "idle", title: WORDS.goesOn, what: WORDS.goesOnWhat },
  on: { look: "genuine", icon: "check", title: WORDS.genuine, what: WORDS.checkedAt },
  over: { look: "over", icon: "idle", title: WORDS.over, what: WORDS.overWhat },
  lost: { look: "lost", icon: "warning", title: WORDS.old, what: WORDS.oldWhat },
  blind: { look: "lost", icon: "warning", title: WORDS.blind, what: WORDS.blindWhat },
};

/**
 * The answer about a code that was entered after its call. It is never green: a person who gives that code now is not the
 * bank (CVP-7.13-1).
 * @param {Page} page
 * @param {Verdict} verdict
 */
function pastCall(page, verdict) {
  const call = verdict.call;
  if (!call) throw new TypeError("the answer has no call");
  const times = [
    [WORDS.began, dayAndTime(call.began_at ?? "")],
    // If only the code has expired, the call may still go on.
    [call.leg.connected_at && !call.leg.ended_at ? WORDS.codeEnded : WORDS.ended, dayAndTime(call.ended_at ?? "")],
  ].map(([name, value]) => [h("dt", {}, say(/** @type {Both} */ (name))), h("dd", {}, /** @type {string} */ (value))]);
  return h(
    "article",
    { class: "verdict past" },
    banner("warning", WORDS.past, say(WORDS.checkedAt, { time: clockTime(verdict.at) })),
    h(
      "div",
      { class: "verdict-body" },
      h("p", { class: "lead" }, said(verdict.words)),
      h("h2", {}, say(WORDS.pastCall)),
      h("p", { class: "who" }, h("b", {}, call.officer.name), ` · ${say(WORDS.staffNumber)} ${call.officer.id}`),
      h("dl", {}, facts(page, call), times),
      list(WORDS.never, call.never_asks, page),
      ringLink(page),
      button(say(WORDS.reportIt), () => page.go("/report"), { class: "danger wide" }),
      button(say(WORDS.another), () => page.go("/"), { class: "wide" }),
      receiptButtons(verdict.receipt_id, verdict.receipt),
    ),
  );
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
      receiptButtons(verdict.receipt_id, verdict.receipt),
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

/** @param {Icon} icon @param {Both} title @param {string} [what] */
function banner(icon, title, what) {
  return h("div", { class: "verdict-banner" }, shape(icon), h("h1", {}, say(title)), what && h("p", {}, what));
}

/**
 * Change the words of a banner, and keep the focus on its heading.
 * @param {Page} page
 * @param {Element} top
 * @param {Icon} icon
 * @param {Both} title
 * @param {string} what
 */
function retitle(page, top, icon, title, what) {
  const [figure, heading, more] = /** @type {[Element, Element, Element]} */ ([...(top.firstElementChild?.children ?? [])]);
  figure.replaceWith(shape(icon));
  heading.textContent = say(title);
  more.textContent = what;
  page.setTitle(say(title));
}

/** @param {Page} page @param {CallDetails} call */
function facts(page, call) {
  const purpose = page.facts.purposes[call.purpose];
  const loan = call.loan;
  return [
    [WORDS.branch, call.officer.branch],
    [WORDS.purpose, purpose ? say(purpose) : call.purpose],
    ...(loan ? [[WORDS.loan, `${loan.product} · ${loan.reference}`]] : []),
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
 * Follow the confirmed call. Its state is `on` only while the stream names it. It is not `on` before the first event,
 * between two streams, after the stream is silent or lost, or when the stream names no call or another one. It is
 * `blind` while the telephone exchange is silent.
 * @param {Page} page
 * @param {CallDetails} call
 * @param {AbortSignal} signal
 * @param {(state: State) => void} changed
 */
function watch(page, call, signal, changed) {
  /** @type {State | null} */
  let before = null;
  /** @param {State} state */
  const turn = (state) => {
    // An ended call stays ended when the stream ends, unless the service names it again.
    if (state === before || (before === "over" && state !== "on")) return;
    before = state;
    changed(state);
  };
  /** @param {import("../typescript/src/openapi.d.ts").components["schemas"]["CallStatus"]} status */
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
