/** The officer's calls of today, newest first. Implements specs/protocol.md section 7.5. */

import { button, h } from "../web/elements.js";
import { clockTime, phone, say } from "../web/language.js";
import { WORDS as SHARED } from "../web/words.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["CallView"]} CallView */

/** @param {Page} page @param {AbortSignal} signal */
export async function todayScreen(page, signal) {
  const midnight = new Date(page.now());
  midnight.setHours(0, 0, 0, 0);
  const since = midnight.toISOString();
  const rows = h("ul", { class: "plain rows" });
  const more = h("div", { class: "actions" });
  /** @param {string} [cursor] */
  const load = async (cursor) => {
    const found = await page.client.calls.list({ since, limit: 50, ...(cursor && { cursor }) }, { signal });
    rows.append(...found.calls.map((call) => h("li", {}, row(page, call))));
    const next = found.next_cursor;
    more.replaceChildren(...(next ? [button(say(SHARED.more), () => load(next).catch((error) => page.fail(error)))] : []));
  };
  await load();
  return h(
    "div",
    { class: "stack" },
    h("h1", {}, say(WORDS.today)),
    rows.children.length ? rows : h("p", { class: "card" }, say(WORDS.noCalls)),
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
