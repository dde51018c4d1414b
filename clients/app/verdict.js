/**
 * The screen of the answer. Shape, words and colour all show the verdict, so that none is needed alone.
 * Implements specs/protocol.md section 7.
 */

import { CannotCheck } from "../typescript/src/client.js";
import { named } from "../web/contacts.js";
import { button, h, shape } from "../web/elements.js";
import { clockTime, dayAndTime, language, phone, said, say } from "../web/language.js";
import { WORDS as SHARED } from "../web/words.js";
import { receiptButtons } from "./receipts.js";
import { safetyFrame } from "./safety.js";
import { watchCall, watchCallToAnother } from "./watch.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["Verdict"]} Verdict */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CallDetails"]} CallDetails */
/** @typedef {import("../web/language.js").Both} Both */
/** @typedef {"check" | "stop" | "warning" | "idle" | "phone"} Icon */
/**
 * @typedef {{digits: string, key: string}} Asked
 * @typedef {{outcome: "of_a_call" | "past" | "not_genuine", verdict: Verdict, asked: Asked}
 *   | {outcome: "unavailable", asked: Asked}} Held
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
  const asked = { digits, key };
  try {
    held = await page.client.confirmations.confirm(
      { code: digits },
      {
        genuine: (verdict) => /** @type {Held} */ ({ outcome: "of_a_call", verdict, asked }),
        ended: (verdict) => /** @type {Held} */ ({ outcome: verdict.call.began_at ? "past" : "of_a_call", verdict, asked }),
        notGenuine: (verdict) => /** @type {Held} */ ({ outcome: "not_genuine", verdict, asked }),
      },
      { idempotencyKey: key },
    );
  } catch (error) {
    if (!(error instanceof CannotCheck)) throw error;
    held = { outcome: "unavailable", asked };
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
  if (shown.outcome === "unavailable") return unavailable(page, shown.asked);
  if (shown.outcome === "past") return pastCall(page, shown.verdict, shown.asked);
  return shown.outcome === "of_a_call" ? ofACall(page, shown.verdict, shown.asked, signal) : notGenuine(page, shown.verdict, shown.asked);
}

/**
 * The answer about a genuine call. It is green only while the status stream names this call (CVP-12.1-10). About a call
 * to another contact it is never green: a caller who gives this person its code is not the bank.
 * @param {Page} page
 * @param {Verdict} verdict
 * @param {Asked} asked
 * @param {AbortSignal} signal
 */
function ofACall(page, verdict, asked, signal) {
  const call = verdict.call;
  if (!call) throw new TypeError("the answer has no call");
  const time = clockTime(verdict.at);
  const { called } = call;
  const looks = called ? { ...LOOKS, on: TO_ANOTHER } : LOOKS;
  const top = h("div", { role: "status" }, banner("idle", WORDS.goesOn, say(WORDS.goesOnWhat)));
  const over = h("p", { class: "lead" }, say(WORDS.overLead));
  const on = h(
    "div",
    { class: "stack" },
    verdict.given_before && h("p", {}, say(WORDS.givenBefore)),
    // What follows is about a telephone that is not this person's, if the call is to another contact.
    !called && call.leg.mode !== "required" && !call.leg.connected_at && h("p", {}, say(SHARED.noLeg)),
    !called && call.asks.length > 0 && list(WORDS.asks, call.asks, page),
  );
  const safety = safetyFrame(page, { suspected: suspectedOf(verdict, asked) });
  const leave = button(say(WORDS.done), () => page.go("/"), { class: "primary wide" });
  const body = h(
    "div",
    { class: "verdict-body" },
    called && notToYou(called),
    over,
    h("p", { class: "who" }, h("b", {}, call.officer.name), ` · ${say(WORDS.staffNumber)} ${call.officer.id}`),
    h("dl", {}, facts(page, call)),
    h("p", { class: "warn" }, say(WORDS.neverTell)),
    on,
    list(WORDS.never, call.never_asks, page),
    safety,
    receiptButtons(verdict.receipt_id, verdict.receipt),
    leave,
  );
  const article = h("article", { class: "verdict asking" }, top, body);
  // Hide the answer until the state of the call is known.
  body.hidden = true;
  /** @param {State} state */
  const turn = (state) => {
    const { look, icon, title, what } = looks[state];
    article.className = `verdict ${look}`;
    retitle(page, top, icon, title, say(what, { time }));
    if (state !== "asking") body.hidden = false;
    on.hidden = state !== "on";
    over.hidden = state !== "over";
    leave.textContent = say(state === "on" ? WORDS.done : WORDS.checkAgain);
    safety.hidden = state === "on" && !called;
  };
  if (verdict.verdict === "ended") turn("over");
  else if (called) watchCallToAnother(page, asksAgain(page, asked), signal, turn);
  else watchCall(page, call, signal, turn);
  return article;
}

/** Asks for the same answer again. @param {Page} page @param {Asked} asked @returns {Parameters<typeof watchCallToAnother>[1]} */
function asksAgain(page, { digits, key }) {
  return {
    status: (options) => page.client.me.callStatus(options),
    verdict: (handlers, options) =>
      page.client.confirmations.confirm({ code: digits }, handlers, { ...options, idempotencyKey: key }),
  };
}

/** @typedef {import("./watch.js").State} State */
/** @typedef {{look: string, icon: Icon, title: Both, what: Both}} Look */
/** @type {Look} */
const TO_ANOTHER = { look: "to-another", icon: "phone", title: SHARED.toAnother, what: WORDS.checkedAt };
/** @type {Record<State, Look>} */
const LOOKS = {
  asking: { look: "asking", icon: "idle", title: WORDS.goesOn, what: WORDS.goesOnWhat },
  on: { look: "genuine", icon: "check", title: WORDS.genuine, what: WORDS.checkedAt },
  over: { look: "over", icon: "idle", title: WORDS.over, what: WORDS.overWhat },
  lost: { look: "lost", icon: "warning", title: WORDS.old, what: WORDS.oldWhat },
  blind: { look: "lost", icon: "warning", title: WORDS.blind, what: WORDS.blindWhat },
};

/** Whom the bank called, and what that means for this person. @param {NonNullable<CallDetails["called"]>} called */
export function notToYou(called) {
  return h(
    "div",
    { class: "stack" },
    h("p", { class: "lead" }, say(SHARED.toAnotherWhat, { contact: named(called) })),
    h("p", { class: "warn" }, say(SHARED.toAnotherNotYou)),
  );
}

/**
 * The answer about a code that was entered after its call. It is never green: a person who gives that code now is not the
 * bank (CVP-7.13-1).
 * @param {Page} page
 * @param {Verdict} verdict
 * @param {Asked} asked
 */
function pastCall(page, verdict, asked) {
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
      safetyFrame(page, { suspected: suspectedOf(verdict, asked) }),
      button(say(WORDS.another), () => page.go("/"), { class: "wide" }),
      receiptButtons(verdict.receipt_id, verdict.receipt),
    ),
  );
}

/** @param {Verdict} verdict @param {Asked} asked */
function suspectedOf(verdict, asked) {
  return { code: asked.digits, at: verdict.at };
}

/** @param {Page} page @param {Verdict} verdict @param {Asked} asked */
function notGenuine(page, verdict, asked) {
  return h(
    "article",
    { class: "verdict not-genuine" },
    banner("stop", WORDS.notGenuine, say(WORDS.checkedAt, { time: clockTime(verdict.at) })),
    h(
      "div",
      { class: "verdict-body" },
      h("p", { class: "lead" }, said(verdict.words)),
      safetyFrame(page, { suspected: suspectedOf(verdict, asked) }),
      button(say(WORDS.another), () => page.go("/"), { class: "wide" }),
      receiptButtons(verdict.receipt_id, verdict.receipt),
    ),
  );
}

/** @param {Page} page @param {Asked} asked */
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
      safetyFrame(page, { suspected: { code: digits, at: new Date(page.now()).toISOString() } }),
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
  const { called, loan, purpose } = call;
  const known = purpose === null ? null : page.facts.purposes[purpose];
  return [
    ...(called ? [[SHARED.toWhom, named(called)]] : []),
    [WORDS.branch, call.officer.branch],
    ...(purpose === null ? [] : [[WORDS.purpose, known ? say(known) : purpose]]),
    ...(loan ? [[WORDS.loan, `${loan.product} · ${loan.reference}`]] : []),
    [WORDS.fromNumber, h("span", { class: "number" }, phone(call.caller_number))],
  ].map(([name, value]) => [h("dt", {}, say(/** @type {any} */ (name))), h("dd", {}, /** @type {any} */ (value))]);
}

/** @param {import("../web/language.js").Both} title @param {readonly string[]} items @param {Page} page */
export function list(title, items, page) {
  const words = items.map((item) => page.facts.items[item]?.[language()] ?? item);
  return h("section", {}, h("h2", {}, say(title)), h("ul", {}, words.map((each) => h("li", {}, each))));
}
