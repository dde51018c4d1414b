/**
 * Shows each member of staff the screens of their roles, and no tab that leads to none. The service decides in the end.
 * Implements specs/protocol.md section 12.1.
 */

import { Problem } from "../typescript/src/client.js";
import { h } from "../web/elements.js";
import { say } from "../web/language.js";
import { WORDS } from "./day_words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../web/page.js").Screen} Screen */
/** @typedef {"officer" | "supervisor" | "auditor"} Role */

/** Whose roles are held, on which page. @type {{page: Page, subject: string, roles: readonly string[]} | null} */
let held = null;

/** Whether the person has one of these roles, as far as is known. @param {readonly string[]} roles */
export function mayUse(roles) {
  return held !== null && held.roles.some((each) => roles.includes(each));
}

/**
 * Return a screen that only these roles see. Others are led to the first screen of theirs.
 * @param {readonly Role[]} roles @param {Screen} screen @param {() => string | undefined} home the route of the first
 */
export function forRoles(roles, screen, home) {
  return {
    route: screen.route,
    get label() {
      return mayUse(roles) ? screen.label : undefined;
    },
    /** @type {import("../web/page.js").Show} */
    async show(page, signal, argument) {
      await learnRoles(page, signal);
      if (mayUse(roles)) return screen.show(page, signal, argument);
      const route = home();
      if (route !== undefined) page.go(route);
      return route === undefined ? notForYou() : document.createTextNode("");
    },
  };
}

/** @param {Page} page @param {AbortSignal} signal */
async function learnRoles(page, signal) {
  const { subject } = page.session;
  if (held?.page === page && held.subject === subject) return;
  try {
    held = { page, subject, roles: (await page.client.staff.me({ signal })).roles };
  } catch (error) {
    if (!(error instanceof Problem && error.slug === "forbidden")) throw error;
    held = { page, subject, roles: [] };
  }
}

function notForYou() {
  return h(
    "section",
    { class: "card stack" },
    h("h1", {}, say(WORDS.notForYou)),
    h("p", {}, say(WORDS.notForYouWhat)),
    h("p", {}, h("a", { href: "../desk/" }, say(WORDS.toCounter))),
  );
}
