/** The screen where supervisors suspend staff and lift suspensions. Implements specs/protocol.md section 2.1. */

import { InsufficientUserAuthentication } from "../typescript/src/client.js";
import { announce, button, h } from "../web/elements.js";
import { dayAndTime, say } from "../web/language.js";
import { problemWords } from "../web/page.js";
import { pagedList } from "./paged.js";
import { mayUse } from "./roles.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["Suspension"]} Suspension */

/** @param {Page} page @param {AbortSignal} signal */
export async function staffScreen(page, signal) {
  /** @type {() => Promise<void>} */
  const load = () => paged.load();
  const none = h("p", { class: "card" }, say(WORDS.noSuspensions));
  const paged = pagedList(
    page,
    signal,
    "stack",
    async (cursor) => {
      const found = await page.client.staff.suspensions({ limit: 50, ...cursor }, { signal });
      return { items: found.suspensions, next: found.next_cursor };
    },
    (each) => h("li", { class: "card stack" }, suspensionEntry(page, each, load)),
    ({ items }, first) => (none.hidden = !first || items.length > 0),
  );
  await load();
  return h("div", { class: "stack" }, h("h1", {}, say(WORDS.suspensions)), mayUse(["supervisor"]) && form(page, load), none, paged.list, paged.more);
}

/** @param {Page} page @param {() => Promise<void>} load */
function form(page, load) {
  const who = h("input", { id: "staff-number", maxlength: 128, autocomplete: "off" });
  const why = h("input", { id: "suspension-reason", maxlength: 500, autocomplete: "off" });
  const wrong = h("p", { class: "error", role: "alert" });
  const suspend = async () => {
    const [staffId, reason] = [who.value.trim(), why.value.trim()];
    wrong.textContent = staffId && reason ? "" : say(WORDS.suspensionIncomplete);
    if (wrong.textContent) return (staffId ? why : who).focus();
    try {
      await page.client.staff.suspend(staffId, { reason });
      announce(say(WORDS.suspended, { id: staffId }));
    } catch (error) {
      if (error instanceof InsufficientUserAuthentication) return page.fail(error);
      wrong.textContent = problemWords(error).title;
      return;
    }
    [who.value, why.value] = ["", ""];
    await load().catch((error) => page.fail(error));
  };
  return h(
    "section",
    { class: "card stack" },
    h("p", {}, say(WORDS.suspendWhat)),
    h("div", {}, h("label", { for: "staff-number" }, say(WORDS.staffNumber)), who),
    h("div", {}, h("label", { for: "suspension-reason" }, say(WORDS.reason)), why),
    wrong,
    h("div", { class: "actions" }, button(say(WORDS.suspend), suspend, { class: "danger" })),
  );
}

/** @param {Page} page @param {Suspension} suspension @param {() => Promise<void>} load */
function suspensionEntry(page, suspension, load) {
  const inForce = suspension.lifted_at === null;
  const mine = suspension.staff_id === page.session.subject;
  const lift = async () => {
    try {
      await page.client.staff.lift(suspension.staff_id);
      announce(say(WORDS.lifted));
      await load();
    } catch (error) {
      page.fail(error);
    }
  };
  const facts = [
    [WORDS.reason, suspension.reason],
    [WORDS.suspendedBy, `${by(suspension.suspended_by)} · ${dayAndTime(suspension.suspended_at)}`],
    ...(inForce ? [] : [[WORDS.liftedBy, `${by(suspension.lifted_by ?? "")} · ${dayAndTime(suspension.lifted_at ?? "")}`]]),
  ];
  return [
    h("h2", {}, `${say(WORDS.staffNumber)} ${suspension.staff_id}`),
    h("dl", {}, facts.map(([name, value]) => [h("dt", {}, say(/** @type {any} */ (name))), h("dd", {}, /** @type {any} */ (value))])),
    h("p", { class: "badge" }, say(inForce ? WORDS.inForce : WORDS.lifted)),
    inForce && !mine && mayUse(["supervisor"]) && h("div", { class: "actions" }, button(say(WORDS.lift), lift)),
  ];
}

/** Return the staff number, or the id of the system. @param {string} who like `staff:9001` */
function by(who) {
  return who.replace(/^(staff|system):/, "");
}
