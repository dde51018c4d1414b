/** The customer's helpers: invite, confirm, renew, end, and who looked. Implements specs/protocol.md section 7.18. */

import { button, h, shape } from "../web/elements.js";
import { clockTime, dayAndTime, say } from "../web/language.js";
import { WORDS } from "./helper_words.js";
import { helpingSection } from "./helping.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["Helper"]} Helper */

/** @param {Page} page @param {AbortSignal} signal */
export async function helpersScreen(page, signal) {
  const [{ helpers }, { people }] = await Promise.all([page.client.helpers.list({ signal }), page.client.helping.list({ signal })]);
  return h(
    "div",
    { class: "stack" },
    h("h1", {}, say(WORDS.title)),
    h("p", {}, say(WORDS.why)),
    h("p", { class: "warn" }, say(WORDS.warn)),
    helpers.map((each) => h("section", { class: "card" }, entry(page, each))),
    h("section", { class: "card" }, invitation(page)),
    helpingSection(page, signal, people),
  );
}

/** Do something to the helpers, and show them as they are now. @param {Page} page @param {() => Promise<unknown>} act */
const then = (page, act) => () =>
  act().then(
    () => page.go("/helpers"),
    (error) => page.fail(error),
  );

/** @param {Page} page @param {Helper} helper */
function entry(page, helper) {
  const { helper_id: id, name, state } = helper;
  const accept = then(page, () => page.client.helpers.accept(id));
  const end = then(page, () => page.client.helpers.end(id));
  const heading = h("h2", {}, name);
  if (state === "invited") {
    return [heading, h("p", {}, say(WORDS.invited)), button(say(WORDS.cancel), end, { class: "wide" })];
  }
  if (state === "entered") {
    return [
      heading,
      h("div", { class: "told expected" }, shape("bell"), h("h3", {}, say(WORDS.entered))),
      h("p", {}, say(WORDS.enteredWho, { said: helper.said_name ?? "", login: helper.login ?? "" })),
      h("p", { class: "warn" }, say(WORDS.enteredAsk, { name })),
      button(say(WORDS.agree), accept, { class: "primary wide" }),
      button(say(WORDS.disagree), end, { class: "danger wide" }),
    ];
  }
  const active = state === "active";
  const looks = helper.looks ?? [];
  return [
    heading,
    h("p", { class: "badge" }, active ? say(WORDS.until, { time: dayAndTime(helper.valid_until) }) : say(WORDS.over)),
    h("h3", {}, say(WORDS.looks)),
    looks.length
      ? h("ul", {}, looks.map((each) => h("li", {}, `${dayAndTime(each.at)} · ${say(WORDS.seen[each.seen])}`)))
      : h("p", {}, say(WORDS.noLooks)),
    h("p", { class: "small" }, say(WORDS.looksNote)),
    active && button(say(WORDS.end), end, { class: "danger wide" }),
    active && button(say(WORDS.renew), accept, { class: "wide" }),
  ];
}

/** @param {Page} page */
function invitation(page) {
  const input = h("input", { id: "helper-name", maxlength: 40, autocomplete: "off" });
  const wrong = h("p", { class: "error", role: "alert" });
  const form = h("div", { class: "stack" });
  const invite = async () => {
    const name = input.value.trim();
    wrong.textContent = name ? "" : say(WORDS.nameMissing);
    if (!name) return;
    try {
      const made = await page.client.helpers.invite({ name });
      const what = say(WORDS.invitationWhat, { name, time: clockTime(made.expires_at) });
      // The letters are shown once. Leaving the screen drops them.
      form.replaceChildren(
        h("div", { class: "stack", role: "status" }, h("p", { class: "code invitation" }, made.invitation), h("p", {}, what)),
      );
    } catch (error) {
      page.fail(error);
    }
  };
  form.append(
    h("label", { for: "helper-name" }, say(WORDS.name)),
    input,
    wrong,
    button(say(WORDS.invite), invite, { class: "primary wide", id: "invite" }),
  );
  return [h("h2", {}, say(WORDS.invite)), form];
}
