/**
 * The safety frame: the same advice in every state that is not green, and before login. It needs no answer of the
 * service. Implements specs/protocol.md section 12.1.
 */

import { button, h, shape } from "../web/elements.js";
import { phone, say } from "../web/language.js";
import { WORDS } from "./safety_words.js";
import { suspect } from "./suspected.js";

/** @typedef {import("../web/page.js").Page} Page */

/** The hotline in the HTML of the page, for a page that cannot load its facts. */
const WRITTEN = document.querySelector("#hotline")?.getAttribute("href")?.slice("tel:".length);

/**
 * @param {Page | null} page null if the service cannot be reached
 * @param {{suspected?: import("./suspected.js").Suspected, waitS?: number}} [about] what to report, and how long to wait
 */
export function safetyFrame(page, { suspected, waitS } = {}) {
  const number = page?.facts.published_numbers[0] ?? WRITTEN;
  const report = () => {
    suspect(suspected ?? null);
    page?.go("/report");
  };
  return h(
    "section",
    { class: "card safety" },
    waitS !== undefined && countdown(waitS),
    h("h2", {}, say(WORDS.title)),
    h("ol", {}, WORDS.rules.map((each) => h("li", {}, say(each)))),
    number && h("a", { class: "button call wide", href: `tel:${number}` }, shape("phone"), say(WORDS.call, { number: phone(number) })),
    page?.signedIn && button(say(WORDS.report), report, { class: "danger wide" }),
    h(
      "details",
      {},
      h("summary", {}, say(WORDS.told)),
      h("ol", {}, WORDS.steps.map((each) => h("li", {}, say(each)))),
      h(
        "div",
        { class: "actions" },
        h("a", { class: "button", href: `tel:${say(WORDS.policeNumber)}` }, say(WORDS.police)),
        h("a", { class: "button", href: `tel:${say(WORDS.fraudNumber)}` }, say(WORDS.fraud)),
      ),
    ),
  );
}

/** The time that is left. Screen readers read it when asked, since it changes each second. @param {number} seconds */
function countdown(seconds) {
  const end = performance.now() + seconds * 1000;
  const line = h("p", { class: "countdown number", role: "timer", "aria-live": "off" });
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    const [h, m, s] = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60].map((each) => String(each).padStart(2, "0"));
    line.textContent = say(WORDS.wait, { time: left < 3600 ? `${m}:${s}` : `${h}:${m}:${s}` });
    if (left === 0) clearInterval(timer);
  };
  const timer = setInterval(() => (line.isConnected ? tick() : clearInterval(timer)), 1000);
  tick();
  return line;
}
