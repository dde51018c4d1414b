/**
 * Says that a telephone exchange is silent, for as long as it is. Then no code appears when a call is connected, and
 * customers are told that the bank cannot check. Implements specs/protocol.md section 6.6.
 */

import { h, shape } from "../web/elements.js";
import { say } from "../web/language.js";
import { WORDS } from "./words.js";

/** @typedef {import("../web/page.js").Page} Page */

const EVERY_MS = 15_000;

/** @param {Page} page @param {AbortSignal} signal */
export function exchangeLine(page, signal) {
  const line = h("div", { class: "exchange", role: "status" });
  const look = async () => {
    try {
      const { silent } = await page.client.legs.exchanges({ signal });
      if (silent === line.hasChildNodes()) return;
      line.replaceChildren(...(silent ? [warning()] : []));
    } catch {
      // The screen itself says that the service cannot be reached.
    }
  };
  const timer = setInterval(look, EVERY_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  look();
  return line;
}

function warning() {
  return h(
    "div",
    { class: "told doubt silent" },
    shape("warning"),
    h("div", {}, h("h2", {}, say(WORDS.silent)), h("p", {}, say(WORDS.silentWhat))),
  );
}
