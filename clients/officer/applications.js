/** The officer's customers: the queue of announced calls, and all applications with search. Implements specs/protocol.md section 7.5. */

import { borrowerOf, peopleOf } from "../typescript/src/client.js";
import { h } from "../web/elements.js";
import { phone, say } from "../web/language.js";
import { WORDS as DAY } from "./day_words.js";
import { exchangeLine } from "./exchange.js";
import { keepList } from "./line.js";
import { pagedList } from "./paged.js";
import { queueSection } from "./queue.js";
import { rowKeys, useKeys } from "./shortcuts.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["ApplicationView"]} ApplicationView */

const TYPING_MS = 250;
/** The last search, shown again after a call. */
let query = "";

/** @param {Page} page @param {AbortSignal} signal */
export async function applicationsScreen(page, signal) {
  const count = h("p", { class: "small", role: "status" });
  /** @type {number | null} */
  let total = null;
  /** @type {ApplicationView[]} */
  let listed = [];

  const { list, more, load } = pagedList(
    page,
    signal,
    "rows",
    async (cursor) => {
      const found = await page.client.applications.search({ query, limit: 50, ...cursor }, { signal });
      return { items: found.applications, next: found.next_cursor, total: found.total ?? null };
    },
    row,
    (found, first) => {
      total = first ? (found.total ?? null) : total;
      listed = first ? [...found.items] : [...listed, ...found.items];
      count.textContent = counted(total, listed.length);
      keepList(listed.map((each) => ({ id: each.application_id, name: borrowerOf(each.registration).name })));
    },
  );

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const search = h("input", { id: "search", type: "search", maxlength: 120, value: query, placeholder: say(WORDS.searchHint), autocomplete: "off" });
  search.addEventListener("input", () => {
    query = search.value;
    clearTimeout(timer);
    timer = setTimeout(() => load().catch((error) => (signal.aborted ? undefined : page.fail(error))), TYPING_MS);
  });
  const [queue] = await Promise.all([queueSection(page, signal), load()]);
  const whole = h(
    "div",
    { class: "stack" },
    h("h1", {}, say(WORDS.applications)),
    exchangeLine(page, signal),
    queue,
    h("div", { class: "search" }, h("label", { for: "search" }, say(WORDS.search)), search),
    count,
    list,
    more,
  );
  useKeys(signal, [{ key: "/", words: DAY.keySearch, act: () => search.select() }, ...rowKeys(() => whole)]);
  return whole;
}

/** @param {number | null} total null if there are too many to count @param {number} count */
function counted(total, count) {
  if (count === 0) return say(DAY.none);
  if (total === null) return say(DAY.foundMany, { count });
  return total > count ? say(DAY.foundSome, { total, count }) : say(DAY.foundTotal, { total });
}

/** @param {ApplicationView} view */
function row({ application_id, registration, open_call_id }) {
  return h(
    "li",
    {},
    h(
      "a",
      { class: "row", href: `#/application/${encodeURIComponent(application_id)}` },
      h("b", {}, borrowerOf(registration).name),
      h("span", {}, registration.product),
      registration.contacts
        ? h("span", {}, say(WORDS.contactCount, { count: registration.contacts.length }))
        : h("span", { class: "number" }, phone(peopleOf(registration)[0]?.numbers[0]?.number ?? "")),
      h("span", { class: "small" }, application_id),
      h(
        "span",
        { class: "badges" },
        open_call_id && h("span", { class: "badge good" }, say(WORDS.openCall)),
        registration.status && registration.status !== "open" && h("span", { class: "badge" }, say(WORDS.statuses[registration.status])),
      ),
    ),
  );
}
