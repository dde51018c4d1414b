/** The button under a list that loads its next page. Implements specs/protocol.md section 12.1. */

import { button } from "./elements.js";
import { say } from "./language.js";
import { WORDS } from "./words.js";

/**
 * Show the button if there is a next page. The pressed button disappears, so the focus goes to the first new entry.
 * @param {Element} place
 * @param {Element} list
 * @param {string | null | undefined} next the cursor of the next page
 * @param {(cursor: string) => Promise<void>} load appends the next page to the list
 * @param {import("./page.js").Page} page
 */
export function showMore(place, list, next, load, page) {
  const press = async (/** @type {string} */ cursor) => {
    const count = list.children.length;
    try {
      await load(cursor);
    } catch (error) {
      return page.fail(error);
    }
    const first = list.children[count];
    if (!(first instanceof HTMLElement)) return;
    first.tabIndex = -1;
    first.focus();
  };
  place.replaceChildren(...(next ? [button(say(WORDS.more), () => press(next))] : []));
}
