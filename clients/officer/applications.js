/** The officer's applications, with search. Implements specs/protocol.md section 7.5. */

import { Problem, borrowerOf, peopleOf } from "../typescript/src/client.js";
import { button, h } from "../web/elements.js";
import { phone, say } from "../web/language.js";
import { WORDS as SHARED } from "../web/words.js";
import { exchangeLine } from "./exchange.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["ApplicationView"]} ApplicationView */

const TYPING_MS = 250;
/** The last search, shown again after a call. */
let query = "";

/** @param {Page} page @param {AbortSignal} signal */
export async function applicationsScreen(page, signal) {
  const list = h("ul", { class: "plain rows" });
  const more = h("div", { class: "actions" });
  const count = h("p", { class: "small", role: "status" });
  let asked = 0;

  /** @param {string} [cursor] */
  const load = async (cursor) => {
    const turn = (asked += 1);
    const found = await page.client.applications.search({ query, limit: 50, ...(cursor && { cursor }) }, { signal });
    // A slow answer to an earlier search must not replace the answer to a later one.
    if (turn !== asked) return;
    const rows = found.applications.map((each) => h("li", {}, row(each)));
    list.replaceChildren(...(cursor ? list.children : []), ...rows);
    count.textContent = say(WORDS.found, { count: `${list.children.length}${found.next_cursor ? "+" : ""}` });
    const next = found.next_cursor;
    more.replaceChildren(...(next ? [button(say(SHARED.more), () => load(next))] : []));
  };

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const search = h("input", { id: "search", type: "search", maxlength: 120, value: query, placeholder: say(WORDS.searchHint) });
  search.addEventListener("input", () => {
    query = search.value;
    clearTimeout(timer);
    timer = setTimeout(() => load().catch((error) => (signal.aborted ? undefined : page.fail(error))), TYPING_MS);
  });
  try {
    await load();
  } catch (error) {
    if (!(error instanceof Problem && error.slug === "forbidden")) throw error;
    page.go("/exceptions");
  }
  return h(
    "div",
    { class: "stack" },
    h("h1", {}, say(WORDS.applications)),
    exchangeLine(page, signal),
    h("div", {}, h("label", { for: "search" }, say(WORDS.search)), search),
    count,
    list,
    more,
  );
}

/** @param {ApplicationView} view */
function row({ application_id, registration, open_call_id }) {
  return h(
    "a",
    { class: "row", href: `#/application/${encodeURIComponent(application_id)}` },
    h("b", {}, borrowerOf(registration).name),
    h("span", {}, registration.product),
    registration.contacts
      ? h("span", {}, say(WORDS.contactCount, { count: registration.contacts.length }))
      : h("span", { class: "number" }, phone(peopleOf(registration)[0]?.numbers[0]?.number ?? "")),
    h("span", { class: "small" }, application_id),
    open_call_id && h("span", { class: "badge good" }, say(WORDS.openCall)),
    registration.status && registration.status !== "open" && h("span", { class: "badge" }, say(WORDS.statuses[registration.status])),
  );
}
