/** Where a page is: in the shadow tree of a web component. Implements specs/protocol.md section 12.3. */

import { Client } from "../typescript/src/client.js";
import { announceIn, h } from "../web/elements.js";
import { mendGaps } from "../web/flex-gap.js";
import { language } from "../web/language.js";
import { ProvidedSession } from "../web/provided-session.js";
import { tellingVerdicts } from "./telling.js";

/** @typedef {import("../web/host-tokens.js").TokenProvider} TokenProvider */
/** @typedef {import("../web/place.js").Told} Told */
/** @typedef {import("../typescript/src/client.js").Settings} Settings */

/** The parts that a bank may style (`::part`). The banner of a verdict and the call status are not among them. */
const PARTS = { h1: "heading", button: "button", "button.primary": "primary", ".card": "card", input: "input", ".key": "key", nav: "nav" };

export class ShadowPlace {
  #base;
  #provider;
  #tell;
  #route = "/";
  #changed = () => {};
  #moved = false;
  #page = h("div", { id: "page" });
  #announcements = h("div", { class: "heard", role: "status", "aria-live": "polite" });
  framed = true;

  /**
   * @param {Element} root
   * @param {string} name the page whose facts are needed: "app" or "officer"
   * @param {string} base the address of the service
   * @param {TokenProvider} provider
   * @param {<Name extends keyof Told>(name: Name, detail: Told[Name]) => void} tell
   */
  constructor(root, name, base, provider, tell) {
    this.#base = base;
    this.#provider = provider;
    this.#tell = tell;
    this.facts = `${base}/${name}/facts.json`;
    root.replaceChildren(this.#page, this.#announcements);
    announceIn(this.#announcements);
    mendGaps(this.#page);
    this.#page.addEventListener("click", (event) => this.#follow(event));
    new MutationObserver(() => this.#label()).observe(this.#page, { childList: true, subtree: true });
  }

  get route() {
    return this.#route;
  }

  /** @param {() => void} changed */
  begin(changed) {
    this.#changed = changed;
  }

  /** @param {string} route */
  go(route) {
    this.#route = route;
    this.#moved = true;
    // At once: the verdict that a screen has left for the next one belongs to this component.
    this.#changed();
  }

  /** Show the screen again, in the language of now. */
  refresh() {
    this.#changed();
  }

  session() {
    return new ProvidedSession(this.#provider);
  }

  /** @param {Settings} settings */
  client(settings) {
    return tellingVerdicts(new Client(this.#base, settings), (verdict) => this.#tell("verdict", verdict));
  }

  /** @param {Node[]} frame @param {HTMLElement | null} heading */
  show(frame, heading) {
    this.#page.lang = language();
    this.#page.replaceChildren(...frame);
    // The first screen must not take the focus from the page around it.
    if (this.#moved) heading?.focus({ preventScroll: true });
  }

  /** The title is that of the page around the component. */
  title() {}

  /** @template {keyof Told} Name @param {Name} name @param {Told[Name]} detail */
  tell(name, detail) {
    this.#tell(name, detail);
  }

  /** Links between the screens must not change the address of the page around. @param {MouseEvent} event */
  #follow(event) {
    const link = event.target instanceof Element ? event.target.closest("a[href^='#/']") : null;
    if (link === null) return;
    event.preventDefault();
    this.go((link.getAttribute("href") ?? "#/").slice(1));
  }

  #label() {
    for (const [selector, part] of Object.entries(PARTS)) {
      for (const each of this.#page.querySelectorAll(selector)) if (!each.part.contains(part)) each.part.add(part);
    }
  }
}
