/**
 * The frame of both pages: sign-in, tabs, the current screen, language, type size, and errors in words.
 * Implements specs/protocol.md section 12.1.
 */

import { CannotCheck, InsufficientUserAuthentication, Problem, bearer } from "../typescript/src/client.js";
import { aloudButton } from "./aloud.js";
import { button, h, shape } from "./elements.js";
import { language, override, say, setLanguage } from "./language.js";
import { follow } from "./live.js";
import { WholeDocument, isLarge, largeType } from "./place.js";
import { SignInFailed, SignedOut } from "./session.js";
import { WORDS } from "./words.js";

/** @typedef {import("./language.js").Both} Both */
/** @typedef {{bank_name: string, sign_in: import("./session.js").SignIn | null, published_numbers: string[],
 *   caller_numbers: string[], purposes: Record<string, Both>, asks: Record<string, string[]>,
 *   items: Record<string, Both>, never_asks: string[], frame_ancestors?: string[], logo?: string,
 *   words?: import("./language.js").Overrides}} Facts */
/** @typedef {import("./session.js").Session | import("./provided-session.js").ProvidedSession} AnySession */
/** @typedef {WholeDocument | import("../components/shadow-place.js").ShadowPlace} Place */
/** @typedef {(page: Page, signal: AbortSignal, argument: string) => Node | Promise<Node>} Show */
/**
 * Makes what stands beside every trouble and the sign-in. The page is null if the service cannot be reached.
 * @typedef {(page: Page | null, about?: {waitS?: number}) => Node | null} Advise
 */
/**
 * A screen and its route. Without a label, it has no tab. A `bare` screen has no header and no tabs. `show` gets a
 * signal that aborts when the person leaves the screen.
 * @typedef {{route: string, label?: Both, bare?: boolean, show: Show}} Screen
 */

export class Page {
  #place;
  #title;
  #screens;
  #main;
  #leaving = new AbortController();
  /** @type {AnySession | null} */
  #session = null;
  #advise;
  #began = performance.now();
  #beganAt;
  /** @type {Facts} */
  facts;
  /** @type {import("../typescript/src/client.js").Client} */
  client;

  /**
   * @param {Place} place
   * @param {Both} title
   * @param {Screen[]} screens the first is the start screen
   * @param {Facts} facts
   * @param {number} at the current time of the service, in epoch milliseconds
   * @param {Advise} advise
   */
  constructor(place, title, screens, facts, at, advise) {
    this.#beganAt = at;
    this.#advise = advise;
    this.#place = place;
    // A document has one main part, and a component is not it.
    this.#main = h(place.framed ? "div" : "main", { id: "main", tabindex: "-1" });
    this.#title = title;
    this.#screens = screens;
    this.facts = facts;
    this.client = place.client({ credential: bearer(() => this.session.token()), timeoutMs: 5_000 });
  }

  /** The time of the service, in epoch milliseconds. The device's clock may be wrong by a day. */
  now() {
    return this.#beganAt + performance.now() - this.#began;
  }

  /** The session. Raises SignedOut before the page has one. */
  get session() {
    if (this.#session === null) throw new SignedOut();
    return this.#session;
  }

  get signedIn() {
    return Boolean(this.#session?.subject);
  }

  /** Sign in, then show the screen of the address. */
  async start() {
    this.#place.begin(() => this.#route());
    try {
      this.#session = this.#place.session(this.facts);
      if (await this.#session.resume()) this.#route();
      else this.#signIn();
    } catch (error) {
      this.#signIn(error instanceof SignInFailed ? error : undefined);
    }
  }

  /** Go to a screen, or reload it if it is shown. @param {string} route */
  go(route) {
    if (this.#place.route === route) this.#route();
    else this.#place.go(route);
  }

  /** Leave the screen for good. */
  stop() {
    this.#leaving.abort();
  }

  /**
   * Follow a stream (see live.js) until the person may not go on.
   * @template T
   * @param {(options: {signal: AbortSignal}) => AsyncIterable<T>} events
   * @param {AbortSignal} signal
   * @param {(value: T) => void} seen
   * @param {(error: unknown) => void} lost
   * @param {() => void} [asking]
   */
  follow(events, signal, seen, lost, asking) {
    const ending = new AbortController();
    const broken = (/** @type {unknown} */ error) => {
      lost(error);
      if (this.barred(error)) ending.abort();
    };
    return follow(events, AbortSignal.any([signal, ending.signal]), seen, broken, asking);
  }

  /**
   * Return whether the person may not go on: their login has ended, or they are suspended. If so, leave the screen and
   * show that.
   * @param {unknown} error
   */
  barred(error) {
    if (!signedOut(error) && !(error instanceof Problem && error.slug === "suspended")) return false;
    this.#leaving.abort();
    this.#leaving = new AbortController();
    this.fail(error);
    return true;
  }

  /** Set the title of the document. @param {string} heading */
  setTitle(heading) {
    this.#place.title(`${heading} · ${this.#bank()}`);
  }

  /** Show an error instead of the screen. @param {unknown} error */
  fail(error) {
    // Leaving a screen aborts its requests. That is not an error.
    if (error instanceof DOMException && error.name === "AbortError") return;
    return this.#show(() => this.trouble(error, () => this.#route()));
  }

  /**
   * Return an element that explains an error and says what to do.
   * @param {unknown} error
   * @param {() => unknown} again
   */
  trouble(error, again) {
    if (signedOut(error)) {
      this.#session?.forget();
      return this.#signInBox(say(WORDS.signedOut));
    }
    this.#place.tell("error", told(error));
    if (error instanceof InsufficientUserAuthentication) return this.#stepUp(error);
    const words = problemWords(error);
    const waitS = error instanceof Problem && error.slug === "rate_limited" ? (error.retryAfter ?? 60) : undefined;
    const box = h(
      "section",
      { class: "card trouble", role: "alert" },
      shape("warning"),
      h("h1", {}, words.title),
      h("p", {}, words.what),
      words.id && h("p", { class: "small" }, `${say(WORDS.requestId)} ${words.id}`),
      button(say(WORDS.again), again, { class: "primary" }),
    );
    return this.#advised(box, waitS === undefined ? {} : { waitS });
  }

  /** @param {HTMLElement} box @param {{waitS?: number}} [about] */
  #advised(box, about) {
    const advice = this.#advise(this, about);
    return advice ? h("div", { class: "stack" }, box, advice) : box;
  }

  #here() {
    const [, path = "", argument = ""] = /^(\/[a-z]*)\/?(.*)$/.exec(this.#place.route) ?? [];
    const screen = this.#screens.find((each) => each.route === path) ?? this.#screens[0];
    return { screen, argument: decoded(argument) };
  }

  #route() {
    this.#leaving.abort();
    this.#leaving = new AbortController();
    if (!this.#session?.subject) return this.#signIn();
    const { screen, argument } = this.#here();
    const signal = this.#leaving.signal;
    return this.#show(() => screen?.show(this, signal, argument) ?? "", screen?.bare);
  }

  /** @param {() => Node | string | Promise<Node | string>} make @param {boolean} [bare] */
  async #show(make, bare = false) {
    const signal = this.#leaving.signal;
    let content;
    try {
      content = await make();
    } catch (error) {
      if (signal.aborted) return;
      content = this.trouble(error, () => this.#route());
      bare = false;
    }
    if (signal.aborted) return;
    this.#main.classList.toggle("bare", bare);
    this.#main.replaceChildren(content);
    const frame = bare ? [this.#main] : [this.#header(), this.#main, this.#navigation()];
    const heading = this.#main.querySelector("h1");
    this.setTitle(heading?.textContent ?? say(this.#title));
    heading?.setAttribute("tabindex", "-1");
    this.#place.show(frame.filter((each) => each !== null), heading);
  }

  /**
   * Ask the provider for the stronger sign-in that the service has asked for. The provider leads back to this screen.
   * If the person has just done that, it was not strong enough. Then only they can try again, so that there is no loop.
   * @param {InsufficientUserAuthentication} error
   */
  #stepUp(error) {
    const redirect = () =>
      this.#session?.redirect(error.acrValues).then(
        (signedIn) => (signedIn ? this.#route() : undefined),
        (failed) => this.#signIn(failed),
      );
    if (!this.session.steppedUp) redirect();
    const words = WORDS.problems[error.slug];
    return h(
      "section",
      { class: "card sign-in", role: "alert" },
      h("h1", {}, say(words?.title ?? WORDS.problem)),
      h("p", {}, words && say(words.what)),
      h("p", { class: "small" }, `${say(WORDS.requestId)} ${error.requestId}`),
      button(say(WORDS.signIn), redirect, { class: "primary" }),
    );
  }

  /** @param {SignInFailed} [failed] */
  #signIn(failed) {
    const what = failed ? say(WORDS.signInFailed, { reason: failed.reason }) : "";
    return this.#show(() => this.#signInBox(what));
  }

  /** @param {string} what */
  #signInBox(what) {
    this.#place.tell("signed-out", null);
    const redirect = async () => {
      try {
        if (await this.#session?.redirect()) this.#route();
      } catch (error) {
        this.#signIn(error instanceof SignInFailed ? error : undefined);
      }
    };
    const box = h(
      "section",
      { class: "card sign-in" },
      h("h1", {}, say(this.#title)),
      what && h("p", { role: "alert" }, what),
      h("p", {}, say(this.#session?.provided ? WORDS.signInAtHost : WORDS.signInWhy)),
      button(say(this.#session?.provided ? WORDS.again : WORDS.signIn), redirect, { class: "primary" }),
    );
    return this.#advised(box);
  }

  #bank() {
    return this.facts.bank_name || location.host;
  }

  #header() {
    if (this.#place.framed) return null;
    const other = language() === "zh-CN" ? "en" : "zh-CN";
    const large = isLarge();
    return h(
      "header",
      {},
      h("a", { class: "skip", href: "#main", onclick: (/** @type {Event} */ event) => this.#skip(event) }, say(WORDS.skip)),
      h("p", { class: "brand" }, this.facts.logo && h("img", { class: "logo", src: this.facts.logo, alt: "" }), h("b", {}, this.#bank()), h("span", {}, say(this.#title))),
      h(
        "div",
        { class: "tools" },
        button(other === "en" ? "English" : "中文", () => this.#turn(() => setLanguage(other)), { lang: other }),
        button(say(WORDS.largeType), () => this.#turn(() => largeType(!large)), { "aria-pressed": String(large) }),
        large && aloudButton(this.#main),
        this.#session?.subject && !this.#session.provided && button(say(WORDS.signOut), () => this.#session?.signOut()),
      ),
    );
  }

  /** @param {Event} event */
  #skip(event) {
    event.preventDefault();
    this.#main.focus();
  }

  /** @param {() => void} change */
  #turn(change) {
    change();
    this.#route();
  }

  #navigation() {
    if (!this.#session?.subject || !this.#screens.some((each) => each.label)) return null;
    const { screen } = this.#here();
    const links = this.#screens.map(
      (each) => each.label && h("a", { href: `#${each.route}`, "aria-current": each === screen && "page" }, say(each.label)),
    );
    return h("nav", { "aria-label": say(WORDS.tabs) }, links);
  }
}

/**
 * Fetch the facts and start. If that fails, say that the service cannot be reached.
 * @param {string} name
 * @param {Both} title
 * @param {Screen[]} screens
 * @param {Advise} [advise]
 */
export async function startPage(name, title, screens, advise) {
  await openPage(new WholeDocument(name), title, screens, advise);
}

/**
 * Fetch the facts and start in a place. Return the page, or null if the service cannot be reached.
 * @param {Place} place
 * @param {Both} title
 * @param {Screen[]} screens
 * @param {Advise} [advise]
 */
export async function openPage(place, title, screens, advise = () => null) {
  try {
    const response = await fetch(place.facts, { signal: AbortSignal.timeout(10_000) });
    if (!response.ok) throw new Error(String(response.status));
    const at = Date.parse(response.headers.get("Date") ?? "") || Date.now();
    /** @type {Facts} */
    const facts = await response.json();
    override(facts.words ?? {});
    const page = new Page(place, title, screens, facts, at, advise);
    await page.start();
    return page;
  } catch {
    if (!place.framed) setLanguage(language());
    const again = button(say(WORDS.again), () => openPage(place, title, screens, advise), { class: "primary" });
    const message = h("section", { class: "card trouble" }, h("h1", {}, say(WORDS.noService)), again);
    place.show([h(place.framed ? "div" : "main", {}, message, advise(null))], null);
    place.tell("error", { slug: "unreachable", request_id: null });
    return null;
  }
}

/**
 * Return the words for an error. The service's own problem texts are in English and for engineers.
 * @param {unknown} error
 */
export function problemWords(error) {
  if (signedOut(error)) return { title: say(WORDS.signedOut), what: "", id: null };
  if (error instanceof CannotCheck) return { title: say(WORDS.cannotReach), what: say(WORDS.cannotReachWhat), id: error.requestId };
  if (error instanceof Problem) {
    const known = WORDS.problems[error.slug];
    const wait = waitWords(error.retryAfter ?? 60);
    return {
      title: say(known?.title ?? WORDS.problem),
      what: known ? say(known.what, { wait }) : error.detail,
      id: error.requestId,
    };
  }
  console.error(error);
  return { title: say(WORDS.problem), what: say(WORDS.defect), id: null };
}

/** A wait in words. A daily cap may be hours away. @param {number} seconds */
function waitWords(seconds) {
  if (seconds < 120) return say(WORDS.seconds, { count: seconds });
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? say(WORDS.minutes, { count: minutes }) : say(WORDS.hours, { count: Math.ceil(minutes / 60) });
}

/** What is told about an error to whoever shows the page. @param {unknown} error */
function told(error) {
  const known = error instanceof Problem || error instanceof CannotCheck;
  const slug = error instanceof Problem ? error.slug : error instanceof CannotCheck ? "cannot_check" : "defect";
  return { slug, request_id: known ? error.requestId : null };
}

/** Whether an error means that the login has ended. @param {unknown} error */
function signedOut(error) {
  return error instanceof SignedOut || (error instanceof Problem && error.slug === "unauthenticated");
}

/** Decode a part of an address. It may be malformed, since a person may have typed it. @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}
