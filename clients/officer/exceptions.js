/**
 * Exceptions from the contact policy: an officer asks, a second person decides.
 * Implements specs/protocol.md section 4.2.
 */

import { Problem } from "../typescript/src/client.js";
import { announce, button, h } from "../web/elements.js";
import { clockTime, phone, say } from "../web/language.js";
import { problemWords } from "../web/page.js";
import { WORDS as SHARED } from "../web/words.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]} Schemas */

const LOOK_AGAIN_MS = 4_000;

/** @param {Page} page @param {AbortSignal} signal */
export async function exceptionsScreen(page, signal) {
  const list = h("ul", { class: "plain stack" });
  let shown = "";
  const load = async () => {
    const { requests } = await page.client.exceptions.list({ signal });
    // Redraw only after a change, so that a half-typed reason is not lost.
    const now = JSON.stringify(requests);
    if (now === shown) return;
    shown = now;
    list.replaceChildren(...requests.map((each) => h("li", { class: "card stack" }, requestEntry(page, each, load))));
    if (requests.length === 0) list.append(h("li", { class: "card" }, say(WORDS.noRequests)));
  };
  await load();
  const timer = setInterval(() => load().catch((error) => (signal.aborted ? undefined : page.fail(error))), LOOK_AGAIN_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  return h("div", { class: "stack" }, h("h1", {}, say(WORDS.exceptions)), h("p", { class: "small" }, say(WORDS.exceptionsWhat)), list);
}

/** @param {Page} page @param {Schemas["ExceptionRequest"]} request @param {() => Promise<void>} load */
function requestEntry(page, request, load) {
  const purpose = page.facts.purposes[request.purpose];
  const mine = request.officer.id === page.session.subject;
  return [
    h("h2", {}, `${request.customer_name} · ${purpose ? say(purpose) : request.purpose}`),
    h(
      "dl",
      {},
      [
        [WORDS.officer, say(SHARED.officerLine, request.officer)],
        [WORDS.reference, request.application_id],
        [WORDS.number, phone(request.number)],
        [WORDS.rulesToLift, request.rules.map((each) => say(WORDS.rules[each]?.name ?? WORDS.otherRule)).join("、")],
        [WORDS.reason, request.reason],
        [WORDS.askedAt, clockTime(request.asked_at)],
      ].map(([name, value]) => [h("dt", {}, say(/** @type {any} */ (name))), h("dd", {}, /** @type {any} */ (value))]),
    ),
    h("p", { class: `badge ${request.state === "granted" ? "good" : ""}` }, say(WORDS.requestStates[request.state])),
    request.state === "granted" && mine && h("a", { class: "button primary", href: `#/application/${encodeURIComponent(request.application_id)}` }, say(WORDS.toCall)),
    request.state === "waiting" && !mine && decision(page, request, load),
  ];
}

/** @param {Page} page @param {Schemas["ExceptionRequest"]} request @param {() => Promise<void>} load */
function decision(page, request, load) {
  const id = `reason-${request.request_id}`;
  const reason = h("input", { id, maxlength: 500 });
  const wrong = h("p", { class: "error", role: "alert" });
  const key = crypto.randomUUID();
  /** @param {boolean} granted */
  const decide = async (granted) => {
    const words = reason.value.trim();
    if (!words) {
      wrong.textContent = say(WORDS.reasonMissing);
      reason.focus();
      return;
    }
    try {
      await page.client.exceptions.decide(request.request_id, { granted, reason: words }, { idempotencyKey: `${key}-${granted}` });
      announce(say(granted ? WORDS.requestStates.granted : WORDS.requestStates.declined));
    } catch (error) {
      if (!(error instanceof Problem && error.slug === "call_closed")) return page.fail(error);
    }
    await load();
  };
  return h(
    "div",
    { class: "stack" },
    h("div", {}, h("label", { for: id }, say(WORDS.yourReason)), reason),
    wrong,
    h(
      "div",
      { class: "actions" },
      button(say(WORDS.grant), () => decide(true), { class: "primary" }),
      button(say(WORDS.decline), () => decide(false), { class: "danger" }),
    ),
  );
}

/**
 * The form to ask a second person to lift rules for one call.
 * @param {Page} page
 * @param {string} applicationId
 * @param {Schemas["IssueCall"]} asked
 * @param {Schemas["RequestException"]["rules"]} rules
 */
export function requestForm(page, applicationId, asked, rules) {
  const reason = h("input", { id: "request-reason", maxlength: 500 });
  const wrong = h("p", { class: "error", role: "alert" });
  const key = crypto.randomUUID();
  const send = async () => {
    const words = reason.value.trim();
    if (!words) {
      wrong.textContent = say(WORDS.reasonMissing);
      reason.focus();
      return;
    }
    try {
      const wanted = { purpose: asked.purpose, number: asked.number, rules, reason: words };
      await page.client.exceptions.request(applicationId, wanted, { idempotencyKey: key });
      page.go("/exceptions");
    } catch (error) {
      wrong.textContent = problemWords(error).title;
    }
  };
  return h(
    "div",
    { class: "stack" },
    h("p", {}, say(WORDS.askSecond)),
    h("div", {}, h("label", { for: "request-reason" }, say(WORDS.reason)), reason),
    wrong,
    button(say(WORDS.ask), send),
  );
}
