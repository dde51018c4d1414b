/** "Who looked at my data": each look of staff and of the bank's systems. Implements specs/protocol.md section 7.17. */

import { h } from "../web/elements.js";
import { dayAndTime, said, say } from "../web/language.js";
import { showMore } from "../web/paging.js";
import { WORDS as SHARED } from "../web/words.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["MyLook"]} MyLook */

/** A section that is loaded when it is opened. @param {Page} page @param {AbortSignal} signal */
export function lookedSection(page, signal) {
  const list = h("ol", { class: "plain stack" });
  const more = h("div", { class: "actions" });
  const none = h("p", { role: "status" });
  let asked = false;
  /** @param {string} [cursor] */
  const load = async (cursor) => {
    const found = await page.client.me.looks({ limit: 20, ...(cursor && { cursor }) }, { signal });
    list.append(...found.looks.map((look) => h("li", {}, entry(look))));
    none.textContent = list.children.length ? "" : say(WORDS.lookedNone);
    showMore(more, list, found.next_cursor, load, page);
  };
  const section = h(
    "details",
    { class: "card", id: "looked" },
    h("summary", {}, say(WORDS.looked)),
    h("div", { class: "stack" }, h("p", { class: "small" }, say(WORDS.lookedWhy)), none, list, more),
  );
  section.addEventListener("toggle", () => {
    if (!section.open || asked) return;
    asked = true;
    load().catch((error) => page.fail(error));
  });
  return section;
}

/** @param {MyLook} look */
function entry(look) {
  return [
    h("h3", {}, dayAndTime(look.at)),
    h("p", {}, said(look.words)),
    h("p", {}, who(look)),
    look.reference && h("p", { class: "small" }, `${say(WORDS.loan)} ${look.reference}`),
    look.reason && h("p", { class: "small" }, say(WORDS.lookedReason, { reason: look.reason })),
  ];
}

/** @param {MyLook} look */
function who({ reader, name, branch }) {
  if (reader.kind === "system") return say(WORDS.lookedSystem, { id: reader.id });
  const roles = reader.roles.map((each) => (each in WORDS.roles ? say(WORDS.roles[/** @type {"officer"} */ (each)]) : each));
  const role = roles.join(say(WORDS.listComma));
  if (name && branch) return `${role} · ${say(SHARED.officerLine, { id: reader.id, name, branch })}`;
  return say(WORDS.lookedStaff, { role, id: reader.id });
}
