/**
 * Who is called next: those of the queue whom the officer has not opened yet, then those after the current one in the
 * list. It lives in memory only.
 */

import { button, h } from "../web/elements.js";
import { say } from "../web/language.js";
import { WORDS } from "./day_words.js";
import { keyMark } from "./shortcuts.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {{id: string, name: string}} Customer */

/** A customer who was opened as "later" is met again when they are due. @type {readonly (Customer & {state: string})[]} */
let queued = [];
/** @type {readonly Customer[]} */
let listed = [];
/** Each customer that was opened, with the state that they had in the queue. @type {Set<string>} */
const opened = new Set();

/** @param {readonly (Customer & {state: string})[]} calls */
export function keepQueue(calls) {
  queued = calls;
}

/** @param {readonly Customer[]} customers */
export function keepList(customers) {
  listed = customers;
}

/** Remember that the officer has opened a customer. @param {string} id an application id */
export function markOpened(id) {
  for (const each of queued) if (each.id === id) opened.add(`${id} ${each.state}`);
}

/** Return the customer to call after this one. @param {string} [id] an application id @returns {Customer | undefined} */
export function nextInLine(id) {
  const waiting = queued.find((each) => each.id !== id && !opened.has(`${each.id} ${each.state}`));
  if (waiting) return waiting;
  const done = new Set(queued.map((each) => each.id));
  const at = listed.findIndex((each) => each.id === id);
  return listed.slice(at + 1).find((each) => !done.has(each.id));
}

/** Go to the next customer, if there is one. @param {Page} page @param {string} [id] */
export function goToNext(page, id) {
  const next = nextInLine(id);
  if (next) page.go(`/application/${encodeURIComponent(next.id)}`);
}

/** A button that leads to the next customer, or nothing. @param {Page} page @param {string} id */
export function nextButton(page, id) {
  const next = nextInLine(id);
  return next && h("div", { class: "actions" }, button([say(WORDS.next, { name: next.name }), keyMark("n")], () => goToNext(page, id), { class: "next" }));
}
