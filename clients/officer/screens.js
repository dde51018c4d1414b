/** The screens of the officer's console, each for those whose roles may use it. Implements specs/protocol.md section 12.1. */

import { h } from "../web/elements.js";
import { applicationsScreen } from "./applications.js";
import { callScreen } from "./call.js";
import { WORDS as DAY } from "./day_words.js";
import { exceptionsScreen } from "./exceptions.js";
import { goToNext } from "./line.js";
import { prepareScreen } from "./prepare.js";
import { forRoles } from "./roles.js";
import { keysButton, useKeys } from "./shortcuts.js";
import { staffScreen } from "./staff.js";
import { todayScreen } from "./today.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Screen} Screen */
/** @typedef {import("../web/page.js").Show} Show */

const OFFICER = /** @type {const} */ (["officer"]);
const APPROVALS = /** @type {const} */ (["officer", "supervisor"]);
const STAFF = /** @type {const} */ (["supervisor", "auditor"]);

/** The keys that work on every screen of an officer, and the button that lists them. @param {Show} show @returns {Show} */
const withKeys = (show) => async (page, signal, argument) => {
  useKeys(signal, [
    { key: "l", words: DAY.keyList, act: () => page.go("/") },
    { key: "t", words: DAY.keyToday, act: () => page.go("/today") },
    { key: "n", words: DAY.keyNext, act: () => goToNext(page) },
  ]);
  return h("div", { class: "stack" }, await show(page, signal, argument), h("div", { class: "actions" }, keysButton()));
};

/** @type {Screen[]} */
export const SCREENS = [
  forRoles(OFFICER, { route: "/", label: WORDS.tabApplications, show: withKeys(applicationsScreen) }, home),
  forRoles(OFFICER, { route: "/today", label: DAY.tabToday, show: withKeys(todayScreen) }, home),
  forRoles(APPROVALS, { route: "/exceptions", label: WORDS.tabExceptions, show: exceptionsScreen }, home),
  forRoles(STAFF, { route: "/staff", label: DAY.tabStaff, show: staffScreen }, home),
  forRoles(OFFICER, { route: "/application", show: withKeys(prepareScreen) }, home),
  forRoles(OFFICER, { route: "/call", show: withKeys(callScreen) }, home),
];

/** The route of the first tab that the person has. */
function home() {
  return SCREENS.find((each) => each.label)?.route;
}
