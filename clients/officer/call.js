/** The screen of a call: dial, read out the code, see the confirmation. Implements specs/protocol.md sections 5, 6. */

import { Problem, borrowerOf } from "../typescript/src/client.js";
import { roleWords } from "../web/contacts.js";
import { announce, h, shape } from "../web/elements.js";
import { clockTime, phone, say } from "../web/language.js";
import { problemWords } from "../web/page.js";
import { chime } from "./chime.js";
import { codeCard, copyCode } from "./code_card.js";
import { personOf } from "./contacts.js";
import { WORDS as DAY } from "./day_words.js";
import { exchangeLine } from "./exchange.js";
import { goToNext, nextButton } from "./line.js";
import { revocation } from "./revoke.js";
import { keyMark, useKeys } from "./shortcuts.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CallView"]} CallView */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["Code"]} Code */

/** @param {Page} page @param {AbortSignal} signal @param {string} callId */
export async function callScreen(page, signal, callId) {
  const first = await page.client.calls.get(callId, { signal });
  const { registration } = await page.client.applications.get(first.application_id, { signal });
  const person = personOf(registration, first.number);
  const name = borrowerOf(registration).name || first.application_id;
  const state = h("div", { class: "stack" });
  const revoke = revocation(() => page.client.calls.revoke(callId).catch((error) => page.fail(error)));
  // Aborted and replaced whenever the code and its countdown disappear.
  let reading = new AbortController();
  /** @type {Code | null} */
  let code = null;
  // The first state is read as part of the screen, so it is not announced.
  let begun = false;

  const several = registration.contacts !== undefined;

  /** @param {CallView} call */
  const show = async (call) => {
    revoke.follow(call.state);
    const mayRead = revealAllowed(call);
    if (mayRead && code) return;
    hide();
    const { signal: seen } = reading;
    const shown = mayRead ? await codeOf(page, callId, seen) : null;
    if (seen.aborted) return;
    code = shown;
    state.replaceChildren(...(shown ? codeCard(page, call, shown, person?.language ?? "zh-CN", seen) : [stateView(call)]));
    if (shown) {
      chime();
      page.setTitle(`${say(DAY.codeInTitle)} · ${name}`);
      announce(say(WORDS.codeHere));
    } else if (begun) announce(state.querySelector("h2")?.textContent ?? "");
    begun = true;
  };
  const hide = () => {
    reading.abort();
    reading = new AbortController();
    if (code && !signal.aborted) page.setTitle(name);
    code = null;
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
      announce(title);
    },
  );
  useKeys(signal, [
    { key: "d", words: DAY.keyDial, act: () => state.querySelector("a")?.click() },
    { key: "c", words: DAY.keyCopy, act: () => code && copyCode(code) },
    { key: "x", words: DAY.keyRevoke, act: revoke.ask },
    { key: "n", words: DAY.keyNext, act: () => goToNext(page, first.application_id) },
  ]);
  return h(
    "div",
    { class: "stack" },
    h("p", {}, h("a", { href: "#/" }, `← ${say(WORDS.applications)}`)),
    h("h1", {}, name),
    h("p", { class: "small" }, `${say(page.facts.purposes[first.purpose] ?? WORDS.otherRule)} · ${first.application_id}`),
    several && callee(person, first),
    exchangeLine(page, signal),
    state,
    nextButton(page, first.application_id),
    revoke.whole,
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
  if (call.state === "issued") return card("calm", "phone", say(WORDS.dial, dial), say(WORDS.dialWhat), dialLink(call));
  if (call.state === "ringing") return card("calm", "bell", say(WORDS.rings, dial), say(WORDS.dialWhat));
  if (call.state === "confirmed") return card("good", "check", confirmedAt(call), say(WORDS.confirmedWhat));
  if (call.state === "live") return card("doubt", "warning", say(WORDS.legEnded), say(WORDS.legEndedWhat));
  const what = call.confirmed_at ? confirmedAt(call) : say(WORDS.neverConfirmed);
  return card(call.confirmed_at ? "good" : "calm", call.confirmed_at ? "check" : "idle", say(WORDS.states[call.state]), what);
}

/** A link that the officer's telephone program opens (RFC 3966). @param {CallView} call */
function dialLink(call) {
  return h("p", {}, h("a", { class: "button primary", href: `tel:${call.number}` }, say(DAY.dialIt, { number: phone(call.number) }), keyMark("d")));
}

/** @param {CallView} call */
function confirmedAt(call) {
  return say(WORDS.confirmedAt, { time: clockTime(call.confirmed_at ?? "") });
}

/**
 * @param {string} kind @param {"phone" | "bell" | "check" | "idle" | "warning"} icon @param {string} title
 * @param {string} what @param {HTMLElement} [more]
 */
function card(kind, icon, title, what, more) {
  return h("div", { class: `told ${kind}` }, shape(icon), h("div", { class: "stack" }, h("h2", {}, title), h("p", {}, what), more));
}
