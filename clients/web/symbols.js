/** Shows QR codes that the service has drawn. Implements specs/protocol.md section 8.5. */

import { h } from "./elements.js";
import { inLanguage } from "./language.js";
import { WORDS } from "./words.js";

/** @typedef {import("../typescript/src/openapi.d.ts").components["schemas"]["Symbol"]} DrawnSymbol */

const SVG = "http://www.w3.org/2000/svg";

/**
 * One figure for each symbol, with its number if there are several.
 * @param {readonly DrawnSymbol[]} symbols @param {import("./language.js").Language} language
 */
export function symbolsOf(symbols, language) {
  return symbols.map((symbol, at) => {
    const number = { place: `${at + 1}`, count: `${symbols.length}` };
    const name = inLanguage(language, symbols.length > 1 ? WORDS.symbolOf : WORDS.symbol, number);
    return h("figure", { class: "symbol" }, drawn(symbol, name), h("figcaption", { class: "small" }, name));
  });
}

/** @param {DrawnSymbol} symbol @param {string} name */
function drawn({ size, path }, name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", name);
  svg.setAttribute("shape-rendering", "crispEdges");
  const modules = document.createElementNS(SVG, "path");
  modules.setAttribute("d", path);
  svg.append(modules);
  return svg;
}
