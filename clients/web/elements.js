/**
 * Creates elements. Text is inserted as text, so input from people and bank systems cannot run as code.
 * Implements specs/protocol.md section 12.1.
 */

/** @typedef {Node | string | number | null | undefined | false} Leaf */
/** @typedef {Leaf | readonly (Leaf | readonly Leaf[])[]} Child */

/** Characters that change the text direction. They are removed, so that a name cannot reorder the text of a verdict. */
const DIRECTION = /[\u202a-\u202e\u2066-\u2069]/g;
const SVG = "http://www.w3.org/2000/svg";

/** Icons that differ by shape, not only by colour. Each verdict has its own. */
const SHAPES = {
  check: "M12 1.5a10.5 10.5 0 1 0 0 21 10.5 10.5 0 0 0 0-21Zm-1.4 15.2-4.3-4.3 1.7-1.7 2.6 2.6 5.6-5.6 1.7 1.7z",
  stop: "M7.6 1.5h8.8l6.1 6.1v8.8l-6.1 6.1H7.6l-6.1-6.1V7.6zm.9 5.3L6.800 8.500l3.500 3.500-3.500 3.500 1.700 1.700 3.500-3.500 3.500 3.500 1.700-1.700-3.500-3.500 3.500-3.500-1.700-1.700-3.500 3.500z",
  warning: "M12 1.800 23 21.500H1zm-1.200 6.700v6.500h2.400V8.500zm0 8.300v2.400h2.400v-2.400z",
  phone: "M6.600 10.800c1.400 2.800 3.800 5.100 6.600 6.600l2.200-2.200c.3-.3.7-.4 1-.2 1.100.4 2.300.6 3.600.6.600 0 1 .4 1 1V20c0 .6-.4 1-1 1C10.600 21 3 13.400 3 4c0-.6.4-1 1-1h3.500c.6 0 1 .4 1 1 0 1.300.2 2.500.6 3.600.1.300 0 .7-.2 1z",
  clock: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Zm0 2.400a7.600 7.600 0 1 1 0 15.200 7.600 7.600 0 0 1 0-15.200ZM10.900 7v5.600l4 3.600 1.500-1.700-3.200-2.900V7z",
  bell: "M12 2a6 6 0 0 0-6 6v5.500L4 16.500V18h16v-1.500l-2-3V8a6 6 0 0 0-6-6Zm-2.500 17.500a2.500 2.500 0 0 0 5 0zM2 8.500A8.500 8.500 0 0 1 4.800 3l1.200 1.400A6.700 6.700 0 0 0 3.900 8.500zM22 8.500A8.500 8.500 0 0 0 19.200 3L18 4.400a6.700 6.700 0 0 1 2.100 4.100z",
  paper: "M5 1.500h10l4.500 4.500V22.500H5zm2.400 2.400v16.200h9.700V7.700h-3.800V3.900zm1.600 6.600h6.500v1.800H9zm0 4h6.500v1.800H9z",
  idle: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Zm0 2.400a7.600 7.600 0 1 1 0 15.200 7.600 7.600 0 0 1 0-15.200Z",
};

/**
 * Create an element. Attributes named `on…` are event listeners. True sets an empty attribute, and "true" for an
 * attribute named `aria-…`. False, null and undefined set none.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : String(value));
  }
  append(element, children);
  return element;
}

/** @param {Element} element @param {readonly Child[]} children */
function append(element, children) {
  for (const child of /** @type {Leaf[]} */ (children.flat(2))) {
    if (child === null || child === undefined || child === false) continue;
    element.append(typeof child === "object" ? child : String(child).replace(DIRECTION, ""));
  }
}

/**
 * Create an icon. It is hidden from screen readers, so the text beside it must say the same.
 * @param {keyof typeof SHAPES} name
 */
export function shape(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `shape shape-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name]);
  path.setAttribute("fill", "currentColor");
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}

/**
 * Create a button. While its action is running, further clicks do nothing.
 * @param {Child} label
 * @param {() => unknown} action
 * @param {Record<string, any>} [attributes]
 */
export function button(label, action, attributes = {}) {
  let busy = false;
  const element = h("button", { type: "button", ...attributes }, label);
  element.addEventListener("click", async () => {
    if (busy) return;
    busy = true;
    element.setAttribute("aria-disabled", "true");
    try {
      await action();
    } finally {
      busy = false;
      element.removeAttribute("aria-disabled");
    }
  });
  return element;
}

/** A label, and the input that it is for. @param {string} label @param {HTMLElement} input */
export function labelled(label, input) {
  return h("div", {}, h("label", { for: input.id }, label), input);
}

/** Where components announce, the newest last. @type {Element[]} */
let regions = [];

/** Announce in this element too, which is in a component. @param {Element} element */
export function announceIn(element) {
  regions = [...regions.filter((each) => each.isConnected), element];
}

/**
 * Announce a text to screen readers, without moving the focus.
 * @param {string} text
 */
export function announce(text) {
  const region = regions.filter((each) => each.isConnected).pop() ?? document.querySelector("#announcements");
  if (region) region.textContent = text;
}
