/** The calls that were announced to the officer's customers: due, later, missed. Implements specs/protocol.md section 7.5. */

import { h } from "../web/elements.js";
import { dayAndTime, hourAndMinute, say } from "../web/language.js";
import { WORDS } from "./day_words.js";
import { keepQueue } from "./line.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["QueuedCall"]} QueuedCall */

const LOOK_AGAIN_MS = 30_000;
const DAY_MS = 86_400_000;

/** @param {Page} page @param {AbortSignal} signal */
export async function queueSection(page, signal) {
  const list = h("ul", { class: "plain rows queue" });
  const none = h("p", { class: "small" }, say(WORDS.queueEmpty));
  let shown = "";
  const load = async () => {
    const { calls } = await page.client.calls.queue({ signal });
    // Redraw only after a change, so that the focus stays on its row.
    const now = JSON.stringify(calls);
    if (now === shown || signal.aborted) return;
    shown = now;
    const place = [...list.querySelectorAll("a")].findIndex((each) => each.matches(":focus"));
    list.replaceChildren(...calls.map((each) => h("li", {}, row(page, each))));
    if (place >= 0) list.querySelectorAll("a")[Math.min(place, calls.length - 1)]?.focus();
    none.hidden = calls.length > 0;
    list.hidden = calls.length === 0;
    const open = calls.filter((each) => each.state !== "called");
    keepQueue(open.map((each) => ({ id: each.application_id, name: each.name, state: each.state })));
  };
  await load();
  // A failure leaves the list as it was. The next screen says so if the service is gone.
  const timer = setInterval(() => load().catch(() => {}), LOOK_AGAIN_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  return h(
    "section",
    { class: "stack" },
    h("h2", {}, say(WORDS.queue)),
    list,
    none,
  );
}

/** @param {Page} page @param {QueuedCall} call */
function row(page, call) {
  const purpose = page.facts.purposes[call.purpose];
  const kind = { due: "good", later: "", missed: "doubt", called: "" }[call.state];
  const near = Math.abs(Date.parse(call.not_before) - page.now()) < DAY_MS / 2;
  const from = near ? hourAndMinute(call.not_before) : dayAndTime(call.not_before);
  return h(
    "a",
    { class: "row", href: `#/application/${encodeURIComponent(call.application_id)}` },
    h("b", {}, call.name),
    h("span", { class: "number" }, say(WORDS.window, { from, to: hourAndMinute(call.not_after) })),
    h("span", {}, purpose ? say(purpose) : call.purpose),
    h("span", { class: "small" }, call.application_id),
    h("span", { class: "badges" },
      h("span", { class: `badge ${kind}` }, say(WORDS.queueStates[call.state])),
      call.tried_at !== null && call.state !== "called" && h("span", { class: "badge" }, say(WORDS.tried, { time: hourAndMinute(call.tried_at) })),
    ),
  );
}
