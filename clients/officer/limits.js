/** What the contact policy allows on each number now, before a code is asked for. Implements specs/protocol.md section 4.2. */

import { h, shape } from "../web/elements.js";
import { dayAndTime, say } from "../web/language.js";
import { WORDS } from "./day_words.js";
import { WORDS as OFFICE } from "./words.js";

/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]} Schemas */

/** The limits of a number. @param {Schemas["ApplicationView"]} view @param {string} number */
function limitsOf({ limits }, number) {
  return limits?.numbers.find((each) => each.number === number);
}

/**
 * The badges beside a number: that it is too new, and how often its contact was called today.
 * @param {Schemas["ApplicationView"]} view @param {string} number
 */
export function numberBadges(view, number) {
  const found = limitsOf(view, number);
  if (!found) return [];
  const { cools_until: cools, calls_to_person: calls } = found;
  return [
    cools && h("span", { class: "badge doubt" }, say(WORDS.coolsUntil, { time: dayAndTime(cools) })),
    calls > 0 && h("span", { class: "badge" }, say(WORDS.calledToday, { count: calls })),
  ];
}

/**
 * Whether a call to a number would be refused now, whatever its purpose.
 * @param {Schemas["ApplicationView"]} view @param {string} number @param {readonly string[]} [lifted] rules
 */
export function refusedNow(view, number, lifted = []) {
  return (limitsOf(view, number)?.refusals ?? []).filter((each) => !lifted.includes(each.rule));
}

/** The rules of the policy in one sentence. @param {Schemas["ApplicationView"]} view */
export function policyLine({ limits }) {
  if (!limits) return undefined;
  const { hours_start: start, hours_end: end, daily_cap: cap, person_daily_cap: person, cooling_off_hours: hours } = limits;
  return h("p", { class: "small" }, say(WORDS.limits, { start, end, cap, person, hours }));
}

/**
 * Says why the chosen number cannot be called now, and whether a supervisor may allow it. Empty if it can be called.
 * @param {Schemas["ApplicationView"]} view @param {string} number @param {readonly string[]} lifted
 */
export function foreseen(view, number, lifted) {
  const refusals = refusedNow(view, number, lifted);
  if (refusals.length === 0) return [];
  const reasons = refusals.map(({ rule, detail }) => {
    const words = OFFICE.rules[rule];
    return h("li", {}, h("b", {}, words ? say(words.name) : detail), "　", words && say(words.what));
  });
  const liftable = refusals.every((each) => each.exception);
  return [
    h(
      "div",
      { class: "told doubt" },
      shape("warning"),
      h("div", {}, h("h2", {}, say(WORDS.foreseen)), h("ul", {}, reasons), liftable && h("p", { class: "small" }, say(WORDS.needsApproval))),
    ),
  ];
}
