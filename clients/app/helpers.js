/** The customer's helpers: invite, confirm, renew, end, and who looked. Implements specs/protocol.md section 7.18. */

import { Problem } from "../typescript/src/client.js";
import { announce, button, h, shape } from "../web/elements.js";
import { clockTime, dayAndTime, say } from "../web/language.js";
import { repeat } from "../web/live.js";
import { problemWords } from "../web/page.js";
import { WORDS } from "./helper_words.js";
import { invitationEntry, personHelped } from "./helping.js";

/** @typedef {import("../web/page.js").Page} Page */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["Helper"]} Helper */
/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["Helped"]} Helped */
/** @typedef {import("../web/elements.js").Leaf} Leaf */

const LOOK_AGAIN_MS = 5_000;

/** @param {Page} page @param {AbortSignal} signal */
export async function helpersScreen(page, signal) {
  const mine = cards(signal, /** @type {(helper: Helper) => Leaf[]} */ ((helper) => entry(page, helper)));
  const others = cards(signal, /** @type {(helped: Helped, gone: AbortSignal) => Leaf[]} */ ((helped, gone) => personHelped(page, gone, helped)));
  const none = h("p", { class: "card" }, say(WORDS.helpingNone));
  const load = async () => {
    const [{ helpers }, { people }] = await Promise.all([page.client.helpers.list({ signal }), page.client.helping.list({ signal })]);
    // The other person may be waiting beside this one for what happens next.
    if (mine.show(helpers) && helpers.some((each) => each.state === "entered")) announce(say(WORDS.entered));
    others.show(people);
    none.hidden = people.length > 0;
  };
  await load();
  repeat(LOOK_AGAIN_MS, signal, () => load().catch((error) => void page.barred(error)));
  return h(
    "div",
    { class: "stack" },
    h("h1", {}, say(WORDS.title)),
    h("p", {}, say(WORDS.why)),
    h("p", { class: "warn" }, say(WORDS.warn)),
    mine.place,
    h("section", { class: "card" }, invitation(page)),
    h("h2", {}, say(WORDS.helpingTitle)),
    others.place,
    none,
    h("details", { class: "card" }, h("summary", {}, say(WORDS.enterTitle)), invitationEntry(page)),
  );
}

/**
 * A card for each of a list. When the list is shown again, a card whose facts are as before stays as it is, with what the
 * person has typed into it. The signal of a card that goes aborts.
 * @template {{helper_id: string}} T
 * @param {AbortSignal} leaving
 * @param {(each: T, signal: AbortSignal) => readonly Leaf[]} make
 */
function cards(leaving, make) {
  const place = h("div", { class: "stack" });
  /** @type {Map<string, {card: Element, gone: AbortController}>} */
  let shown = new Map();
  const fresh = (/** @type {T} */ each) => {
    const gone = new AbortController();
    return { card: h("section", { class: "card" }, make(each, AbortSignal.any([leaving, gone.signal]))), gone };
  };
  /** Returns whether anything has changed. @param {readonly T[]} all */
  const show = (all) => {
    const before = shown;
    shown = new Map(all.map((each) => [JSON.stringify(each), before.get(JSON.stringify(each)) ?? fresh(each)]));
    const dropped = [...before].filter(([facts]) => !shown.has(facts));
    if (dropped.length === 0 && shown.size === before.size) return false;
    for (const [, { gone }] of dropped) gone.abort();
    const focused = document.activeElement;
    place.replaceChildren(...[...shown.values()].map(({ card }) => card));
    if (focused instanceof HTMLElement && place.contains(focused)) focused.focus();
    return true;
  };
  return { place, show };
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
      if (!(error instanceof Problem && error.slug === "too_many_helpers")) return page.fail(error);
      wrong.textContent = problemWords(error).what;
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
