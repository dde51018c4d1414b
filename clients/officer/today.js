/** The officer's calls of today, newest first. Implements specs/protocol.md section 7.5. */

import { h } from "../web/elements.js";
import { clockTime, phone, say } from "../web/language.js";
import { pagedList } from "./paged.js";
import { rowKeys, useKeys } from "./shortcuts.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CallView"]} CallView */

/** @param {Page} page @param {AbortSignal} signal */
export async function todayScreen(page, signal) {
  const midnight = new Date(page.now());
  midnight.setHours(0, 0, 0, 0);
  const since = midnight.toISOString();
  const { list, more, load } = pagedList(
    page,
    signal,
    "rows",
    async (cursor) => {
      const found = await page.client.calls.list({ since, limit: 50, ...cursor }, { signal });
      return { items: found.calls, next: found.next_cursor };
    },
    (call) => h("li", {}, row(page, call)),
  );
  await load();
  useKeys(signal, rowKeys(() => list));
  return h(
    "div",
    { class: "stack" },
    h("h1", {}, say(WORDS.today)),
    list.children.length ? list : h("p", { class: "card" }, say(WORDS.noCalls)),
    more,
  );
}

/** @param {Page} page @param {CallView} call */
function row(page, call) {
  const purpose = page.facts.purposes[call.purpose];
  return h(
    "a",
    { class: "row", href: `#/call/${call.call_id}` },
    h("b", { class: "number" }, clockTime(call.issued_at)),
    h("span", {}, purpose ? say(purpose) : call.purpose),
    h("span", { class: "number" }, phone(call.number)),
    h("span", { class: "small" }, call.application_id),
    h("span", { class: `badge ${call.confirmed_at ? "good" : ""}` }, call.confirmed_at ? say(WORDS.confirmedAt, { time: clockTime(call.confirmed_at) }) : say(WORDS.states[call.state])),
  );
}
