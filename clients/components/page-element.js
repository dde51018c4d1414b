/**
 * Makes a custom element of the screens of a page. Its sign-in is the bank's own: `tokenProvider` gives the token.
 * Implements specs/protocol.md section 12.3.
 */

import { language, override, speak } from "../web/language.js";
import { openPage } from "../web/page.js";
import { ShadowPlace } from "./shadow-place.js";

/** @typedef {import("../web/language.js").Both} Both */
/** @typedef {import("../web/language.js").Overrides} Overrides */
/** @typedef {import("../web/page.js").Screen} Screen */
/** @typedef {import("../web/host-tokens.js").TokenProvider} TokenProvider */

/**
 * Define the element.
 * @param {string} tag
 * @param {{name: "app" | "officer", title: Both, screens: Screen[], style: string, advise?: import("../web/page.js").Advise}} page
 */
export function definePage(tag, { name, title, screens, style, advise }) {
  class PageElement extends HTMLElement {
    static observedAttributes = ["language", "service"];
    /** @type {TokenProvider | null} */
    #provider = null;
    /** @type {ShadowPlace | null} */
    #place = null;
    /** @type {Promise<import("../web/page.js").Page | null> | null} */
    #page = null;
    /** @type {Overrides} */
    #words = {};
    #root = styled(this, style);

    connectedCallback() {
      // The properties may have been set before this class was known.
      for (const each of /** @type {const} */ (["tokenProvider", "words"])) {
        if (!Object.prototype.hasOwnProperty.call(this, each)) continue;
        const value = this[each];
        delete this[each];
        Reflect.set(this, each, value);
      }
      this.#begin();
    }

    disconnectedCallback() {
      this.#end();
    }

    /** @param {string} attribute */
    attributeChangedCallback(attribute) {
      if (!this.isConnected) return;
      if (attribute === "service") this.#begin();
      else {
        this.#speak();
        this.#place?.refresh();
      }
    }

    get tokenProvider() {
      return this.#provider;
    }

    set tokenProvider(provider) {
      if (provider !== null && typeof provider !== "function") throw new TypeError("tokenProvider must be a function");
      this.#provider = provider;
      if (this.isConnected) this.#begin();
    }

    /** Other texts for texts of the screens. All components of a document have the same. @returns {Overrides} */
    get words() {
      return this.#words;
    }

    set words(words) {
      this.#words = words;
      this.#speak();
      this.#place?.refresh();
    }

    /** Take the language and the words of this component, which all of the document have then. */
    #speak() {
      override(this.#words);
      const asked = this.getAttribute("language");
      if (asked === "zh-CN" || asked === "en") speak(asked);
    }

    #begin() {
      this.#end();
      if (this.#provider === null) return;
      this.#speak();
      const base = new URL(this.getAttribute("service") ?? location.origin).href.replace(/\/+$/, "");
      this.#place = new ShadowPlace(this.#root, name, base, this.#provider, (told, detail) =>
        this.dispatchEvent(new CustomEvent(told, { detail })),
      );
      this.#page = openPage(this.#place, title, screens, advise);
    }

    #end() {
      this.#page?.then((page) => page?.stop());
      this.#page = this.#place = null;
      this.#root.replaceChildren();
    }
  }
  if (!customElements.get(tag)) customElements.define(tag, PageElement);
}

/**
 * Give an element a shadow tree with a style, and return the element in it for the screens. A constructed sheet needs no
 * permission of the policy of the page around. Safari 14 has none.
 * @param {HTMLElement} element @param {string} style
 */
function styled(element, style) {
  const shadow = element.attachShadow({ mode: "open" });
  const inner = document.createElement("div");
  if ("replaceSync" in CSSStyleSheet.prototype) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    shadow.adoptedStyleSheets = [sheet];
  } else {
    const inline = document.createElement("style");
    inline.nonce = element.nonce;
    inline.textContent = style;
    shadow.append(inline);
  }
  shadow.append(inner);
  return inner;
}
