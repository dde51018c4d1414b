/**
 * The people of a loan, as its officer sees them: whom they may call, on which number, and why not the others.
 * Implements specs/protocol.md section 3.3.
 */

import { peopleOf } from "../typescript/src/client.js";
import { roleWords } from "../web/contacts.js";
import { h } from "../web/elements.js";
import { localTime, phone, say } from "../web/language.js";
import { numberBadges, refusedNow } from "./limits.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]} Schemas */
/** @typedef {ReturnType<typeof peopleOf>[number]} Person */

const LOOK_AGAIN_MS = 10_000;

/** Return the person whose number it is. @param {Schemas["Registration"]} registration @param {string} number */
export function personOf(registration, number) {
  return peopleOf(registration).find((each) => each.numbers.some((one) => one.number === number));
}

/** A number, and what limits calls to it now. @param {Schemas["ApplicationView"]} view @param {string} number */
export function numberLabel(view, number) {
  return h("span", { class: "reachable" }, h("span", { class: "number" }, phone(number)), numberBadges(view, number));
}

/**
 * Radio buttons for the numbers of all contacts who may be called. The others are shown with the reason.
 * @param {Page} page @param {AbortSignal} signal @param {Schemas["ApplicationView"]} view @param {string} [chosen]
 */
export function contactChoices(page, signal, view, chosen) {
  const people = peopleOf(view.registration);
  const callable = people.filter((each) => obstacle(each) === null).flatMap((each) => each.numbers);
  const free = callable.find((each) => refusedNow(view, each.number).length === 0) ?? callable[0];
  const first = callable.some((each) => each.number === chosen) ? chosen : free?.number;
  /** @type {HTMLInputElement[]} */
  const inputs = [];
  const entries = people.map((each, position) => {
    const id = `contact-${position}`;
    const why = obstacle(each);
    const numbers = each.numbers.map((one) => {
      const label = numberLabel(view, one.number);
      if (why) return h("p", { class: "choice" }, label);
      const input = h("input", { type: "radio", name: "number", value: one.number, checked: one.number === first });
      inputs.push(input);
      return h("label", { class: "choice" }, input, label);
    });
    return h(
      "div",
      { class: "contact", role: "group", "aria-labelledby": id },
      h("p", { id, class: "contact-name" }, h("b", {}, each.name), " ", h("span", {}, roleWords(each.role))),
      h("p", { class: "small" }, say(WORDS.speaks[each.language]), " · ", clock(page, each.time_zone, signal)),
      why && h("p", { class: "not-callable" }, say(why)),
      numbers.length > 0 && h("div", { class: "choices" }, numbers),
    );
  });
  const whole = h("fieldset", {}, h("legend", {}, say(WORDS.whom)), h("div", { class: "contacts" }, entries));
  const mark = () => entries.forEach((each) => each.classList.toggle("chosen", each.querySelector(":checked") !== null));
  whole.addEventListener("change", mark);
  mark();
  return {
    whole,
    value: () => inputs.find((each) => each.checked)?.value ?? "",
  };
}

/** Why a person must not be called, or null. @param {Person} person */
function obstacle({ rights, numbers, consents }) {
  if (!rights.includes("called")) return WORDS.notCalled;
  if (numbers.length === 0) return WORDS.noNumber;
  return consents.service_calls || consents.marketing_calls ? null : WORDS.noConsent;
}

/** The time where the person is. @param {Page} page @param {string} timeZone @param {AbortSignal} signal */
function clock(page, timeZone, signal) {
  const time = h("span", { class: "number" });
  const show = () => (time.textContent = say(WORDS.theirTime, { time: localTime(page.now(), timeZone) }));
  show();
  const timer = setInterval(show, LOOK_AGAIN_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  return time;
}
