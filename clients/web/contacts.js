/** The roles of the people on a loan. Implements specs/protocol.md section 3.3. */

import { language, say } from "./language.js";
import { both } from "./words.js";

/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CalledContact"]} CalledContact */

/** @type {Record<CalledContact["role"], import("./language.js").Both>} */
const ROLES = {
  borrower: both("借款人", "borrower"),
  legal_representative: both("法定代表人", "legal representative"),
  finance: both("财务负责人", "head of finance"),
  guarantor: both("担保人", "guarantor"),
  helper: both("协助人", "helper"),
};

/** Return a role. A later release may have others. @param {CalledContact["role"]} role */
export function roleWords(role) {
  return say(ROLES[role] ?? both("联系人", "contact"));
}

/** Name a contact with their role: 财务负责人周敏; 周敏, head of finance. @param {CalledContact} contact */
export function named({ role, name }) {
  if (name === null) return roleWords(role);
  return language() === "en" ? `${name}, ${roleWords(role)}` : `${roleWords(role)}${name}`;
}
