/**
 * Where a page is: in a document of its own, which has its address, its title, its language and its sign-in.
 * A web component is another place (clients/components/shadow-place.js).
 */

import { Client } from "../typescript/src/client.js";
import { mendGaps } from "./flex-gap.js";
import { hostTokens } from "./host-tokens.js";
import { recall, remember } from "./kept.js";
import { language, setLanguage } from "./language.js";
import { ProvidedSession } from "./provided-session.js";
import { Session, SignInFailed } from "./session.js";

/** @typedef {import("./page.js").Facts} Facts */
/** @typedef {import("../typescript/src/client.js").Settings} Settings */
/** @typedef {{verdict: {verdict: string, call_id: string | null, receipt_id: string | null, to_another: boolean}}
 *   & {error: {slug: string, request_id: string | null}} & {"signed-out": null}} Told */

const LARGE = "large-type";

export class WholeDocument {
  #name;
  facts = "facts.json";
  framed = false;

  /** @param {string} name */
  constructor(name) {
    this.#name = name;
  }

  /** The route of the screen and its argument, without `#`. */
  get route() {
    return location.hash.slice(1);
  }

  /** Begin. `changed` is called when the route changes. @param {() => void} changed */
  begin(changed) {
    setLanguage(language());
    mendGaps(document.documentElement);
    largeType(recall(LARGE) === "1");
    addEventListener("hashchange", changed);
    // A page that the browser restores from its cache may be out of date.
    addEventListener("pageshow", (event) => event.persisted && changed());
  }

  /** Go to another route, which calls `changed`. @param {string} route */
  go(route) {
    location.hash = `#${route}`;
  }

  /** @param {Facts} facts @returns {Session | ProvidedSession} raises SignInFailed */
  session(facts) {
    const provider = hostTokens(facts.frame_ancestors ?? []);
    if (provider) return new ProvidedSession(provider);
    if (facts.sign_in === null) throw new SignInFailed("no provider is set up");
    return new Session(facts.sign_in, this.#name);
  }

  /** @param {Settings} settings */
  client(settings) {
    return new Client(location.origin, settings);
  }

  /** Show these elements. @param {Node[]} frame @param {HTMLElement | null} heading */
  show(frame, heading) {
    document.querySelector("#page")?.replaceChildren(...frame);
    // Screen readers then read the heading, and the screen is shown from its top.
    heading?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  /** @param {string} title */
  title(title) {
    document.title = title;
  }

  /**
   * Tell whoever shows the page what has happened. Nobody shows a document.
   * @template {keyof Told} Name
   * @param {Name} _name @param {Told[Name]} _detail
   */
  tell(_name, _detail) {}
}

/** Whether the type is large. */
export function isLarge() {
  return document.documentElement.dataset["type"] === "large";
}

/** @param {boolean} large */
export function largeType(large) {
  document.documentElement.dataset["type"] = large ? "large" : "normal";
  remember(LARGE, large ? "1" : "0");
}
