/** The roles of the people on a loan. Implements specs/protocol.md section 3.3. */

import { inLanguage, language } from "./language.js";
import { both } from "./words.js";

/** @typedef {import("./language.js").Language} Language */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CalledContact"]} CalledContact */

/** @type {Record<CalledContact["role"], import("./language.js").Both>} */
const ROLES = {
  borrower: both("借款人", "borrower"),
  legal_representative: both("法定代表人", "legal representative"),
  finance: both("财务负责人", "head of finance"),
  guarantor: both("担保人", "guarantor"),
  helper: both("协助人", "helper"),
};

/** Return a role. A later release may have others. @param {CalledContact["role"]} role @param {Language} [chosen] */
export function roleWords(role, chosen = language()) {
  return inLanguage(chosen, ROLES[role] ?? both("联系人", "contact"));
}

/**
 * Name a contact with their role: 财务负责人周敏; 周敏, head of finance.
 * @param {CalledContact} contact @param {Language} [chosen]
 */
export function named({ role, name }, chosen = language()) {
  if (name === null) return roleWords(role, chosen);
  return chosen === "en" ? `${name}, ${roleWords(role, chosen)}` : `${roleWords(role, chosen)}${name}`;
}
