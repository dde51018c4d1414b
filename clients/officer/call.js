/** The screen of a call: dial, read out the code, see the confirmation. Implements specs/protocol.md sections 5, 6. */

import { Problem, borrowerOf } from "../typescript/src/client.js";
import { roleWords } from "../web/contacts.js";
import { announce, button, h, shape } from "../web/elements.js";
import { clockTime, grouped, inLanguage, phone, say } from "../web/language.js";
import { problemWords } from "../web/page.js";
import { personOf } from "./contacts.js";
import { exchangeLine } from "./exchange.js";
import { spoken } from "./spoken.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CallView"]} CallView */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["Code"]} Code */
/** @typedef {import("../web/language.js").Language} Language */

/** @param {Page} page @param {AbortSignal} signal @param {string} callId */
export async function callScreen(page, signal, callId) {
  const first = await page.client.calls.get(callId, { signal });
  const { registration } = await page.client.applications.get(first.application_id, { signal });
  const person = personOf(registration, first.number);
  const state = h("div", { class: "stack", "aria-live": "polite" });
  const revoke = button(say(WORDS.revoke), () => page.client.calls.revoke(callId).catch((error) => page.fail(error)), { class: "danger" });
  // Aborted and replaced whenever the code and its countdown disappear.
  let reading = new AbortController();
  let readable = false;

  const several = registration.contacts !== undefined;

  /** @param {CallView} call */
  const show = async (call) => {
    revoke.hidden = !["issued", "ringing", "live", "confirmed"].includes(call.state);
    const mayRead = revealAllowed(call);
    if (mayRead && readable) return;
    hide();
    readable = mayRead;
    const { signal: seen } = reading;
    const code = mayRead ? await codeOf(page, callId, seen) : null;
    if (seen.aborted) return;
    readable = code !== null;
    state.replaceChildren(...(code ? codeView(page, call, code, person?.language ?? "zh-CN", seen) : [stateView(call)]));
  };
  const hide = () => {
    reading.abort();
    reading = new AbortController();
    readable = false;
  };
  signal.addEventListener("abort", hide);
  await show(first);
  page.follow(
    (options) => page.client.calls.events(callId, options),
    signal,
    (call) => show(call).catch((error) => (signal.aborted ? undefined : page.fail(error))),
    (error) => {
      // The leg may have ended by now, so hide the code (law L5).
      hide();
      const { title } = problemWords(error);
      state.replaceChildren(card("doubt", "warning", title, say(WORDS.lost)));
    },
  );
  return h(
    "div",
    { class: "stack" },
    h("p", {}, h("a", { href: "#/" }, `← ${say(WORDS.applications)}`)),
    h("h1", {}, borrowerOf(registration).name || first.application_id),
    h("p", { class: "small" }, `${say(page.facts.purposes[first.purpose] ?? WORDS.otherRule)} · ${first.application_id}`),
    several && callee(person, first),
    exchangeLine(page, signal),
    state,
    revoke,
  );
}

/**
 * Whom the officer is calling. Nobody, if the person is no longer a contact.
 * @param {ReturnType<typeof personOf>} person @param {CallView} call
 */
function callee(person, call) {
  return h(
    "p",
    { class: "callee" },
    `${say(WORDS.calling)} `,
    person ? [h("b", {}, person.name), ` · ${roleWords(person.role)}`] : say(WORDS.noLongerContact),
    " · ",
    h("span", { class: "number" }, phone(call.number)),
  );
}

/** Whether law L5 allows the code to be shown. The service decides in the end. @param {CallView} call */
function revealAllowed(call) {
  const connected = call.connected_at !== null && call.leg_ended_at === null;
  return ["issued", "ringing", "live"].includes(call.state) && (call.leg_mode !== "required" || connected);
}

/**
 * Fetch the code. Return null if the service does not show it.
 * @param {Page} page
 * @param {string} callId
 * @param {AbortSignal} signal
 */
async function codeOf(page, callId, signal) {
  try {
    return await page.client.calls.code(callId, { signal });
  } catch (error) {
    if (error instanceof Problem && ["leg_not_connected", "call_closed"].includes(error.slug)) return null;
    if (signal.aborted) return null;
    throw error;
  }
}

/** @param {CallView} call */
function stateView(call) {
  const dial = { number: phone(call.number), caller: phone(call.caller_number) };
  if (call.state === "issued") return card("calm", "phone", say(WORDS.dial, dial), say(WORDS.dialWhat));
  if (call.state === "ringing") return card("calm", "bell", say(WORDS.rings, dial), say(WORDS.dialWhat));
  if (call.state === "confirmed") return card("good", "check", confirmedAt(call), say(WORDS.confirmedWhat));
  if (call.state === "live") return card("doubt", "warning", say(WORDS.legEnded), say(WORDS.legEndedWhat));
  const what = call.confirmed_at ? confirmedAt(call) : say(WORDS.neverConfirmed);
  return card(call.confirmed_at ? "good" : "calm", call.confirmed_at ? "check" : "idle", say(WORDS.states[call.state]), what);
}

/** @param {CallView} call */
function confirmedAt(call) {
  return say(WORDS.confirmedAt, { time: clockTime(call.confirmed_at ?? "") });
}

/** @param {Page} page @param {CallView} call @param {Code} code @param {Language} theirs @param {AbortSignal} signal */
function codeView(page, call, code, theirs, signal) {
  const left = h("p", { class: "left" });
  const count = () => {
    const seconds = Math.max(0, Math.floor((Date.parse(code.expires_at) - page.now()) / 1000));
    left.textContent = say(WORDS.left, { time: `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` });
  };
  count();
  const timer = setInterval(count, 1000);
  signal.addEventListener("abort", () => clearInterval(timer));
  const script = inLanguage(theirs, WORDS.script, {
    bank: page.facts.bank_name,
    name: call.officer.name,
    id: call.officer.id,
    number: phone(page.facts.published_numbers[0] ?? ""),
    code: spoken(code.digits, theirs),
  });
  announce(say(WORDS.codeHere));
  return [
    h(
      "section",
      { class: "card code-card" },
      h("h2", {}, say(WORDS.code)),
      h("p", { class: "code", translate: "no" }, grouped(code.digits)),
      h("p", { class: "spoken", lang: theirs }, spoken(code.digits, theirs)),
      left,
    ),
    h("section", { class: "card stack" }, h("h2", {}, say(WORDS.readOut)), h("blockquote", { lang: theirs }, script), h("p", { class: "small" }, say(WORDS.readOutNever))),
  ];
}

/** @param {string} kind @param {"phone" | "bell" | "check" | "idle" | "warning"} icon @param {string} title @param {string} what */
function card(kind, icon, title, what) {
  return h("div", { class: `told ${kind}` }, shape(icon), h("div", {}, h("h2", {}, title), h("p", {}, what)));
}
