/** A list that is loaded page by page. After "more", the first new entry has the focus. */

import { button, h } from "../web/elements.js";
import { say } from "../web/language.js";
import { WORDS as SHARED } from "../web/words.js";

/**
 * One page of a list. `total` counts the items of all pages. It is null if there are too many, or on a later page.
 * @template Item
 * @typedef {{items: readonly Item[], next: string | null, total?: number | null}} Items
 */

/**
 * @template Item
 * @param {import("../web/page.js").Page} page
 * @param {AbortSignal} signal
 * @param {string} style the classes of the list
 * @param {(cursor: {cursor?: string}) => Promise<Items<Item>>} ask for one page
 * @param {(item: Item) => HTMLElement} entry
 * @param {(found: Items<Item>, first: boolean) => void} [seen] called with each page
 */
export function pagedList(page, signal, style, ask, entry, seen = () => {}) {
  const list = h("ul", { class: `plain ${style}` });
  const more = h("div", { class: "actions" });
  let asked = 0;

  /** @param {string} [cursor] */
  const load = async (cursor) => {
    const turn = (asked += 1);
    const found = await ask(cursor === undefined ? {} : { cursor });
    // A slow answer to an earlier question must not replace the answer to a later one.
    if (turn !== asked || signal.aborted) return;
    seen(found, cursor === undefined);
    const entries = found.items.map(entry);
    list.replaceChildren(...(cursor === undefined ? [] : list.children), ...entries);
    const { next } = found;
    more.replaceChildren(...(next ? [button(say(SHARED.more), () => follow(next))] : []));
    if (cursor !== undefined) focusOn(entries[0] ?? list.lastElementChild);
  };
  /** @param {string} cursor */
  const follow = (cursor) => load(cursor).catch((error) => (signal.aborted ? undefined : page.fail(error)));
  return { list, more, load: () => load() };
}

/** @param {Element | null | undefined} entry */
function focusOn(entry) {
  const target = entry?.querySelector("a, button") ?? entry;
  if (!(target instanceof HTMLElement)) return;
  if (target === entry) target.tabIndex = -1;
  target.focus();
}
