/** Which language the page speaks, and how it writes times, numbers and codes. Implements specs/protocol.md section 7.4. */

/** @typedef {"zh-CN" | "en"} Language */
/** @typedef {Record<Language, string>} Both */

const KEPT = "language";
/** @type {Language} */
let current = remembered();

/** @returns {Language} */
function remembered() {
  const kept = localStorage.getItem(KEPT);
  if (kept === "zh-CN" || kept === "en") return kept;
  return navigator.languages.every((each) => each.startsWith("en")) ? "en" : "zh-CN";
}

/** The language in force. */
export function language() {
  return current;
}

/** @param {Language} chosen */
export function speak(chosen) {
  current = chosen;
  localStorage.setItem(KEPT, chosen);
  document.documentElement.lang = chosen;
}

/**
 * Words in the language in force; `{name}` is filled in as text.
 * @param {Both} both
 * @param {Record<string, string | number>} [values]
 */
export function say(both, values = {}) {
  return inLanguage(current, both, values);
}

/**
 * Words in a given language, such as the customer's.
 * @param {Language} chosen
 * @param {Both} both
 * @param {Record<string, string | number>} [values]
 */
export function inLanguage(chosen, both, values = {}) {
  return both[chosen].replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/**
 * The text of what the service says in both languages.
 * @param {readonly {language: string, text: string}[]} words
 */
export function said(words) {
  return words.find((each) => each.language === current)?.text ?? words[0]?.text ?? "";
}

/** @param {string} instant an RFC 3339 instant @param {Intl.DateTimeFormatOptions} options */
function written(instant, options) {
  const time = new Date(instant);
  return Number.isNaN(time.getTime()) ? "" : new Intl.DateTimeFormat(current, options).format(time);
}

/** Hours, minutes and seconds: 10:32:07. @param {string} instant */
export function clockTime(instant) {
  return written(instant, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

/** Day and time. @param {string} instant */
export function dayAndTime(instant) {
  return written(instant, { month: "short", day: "numeric", weekday: "short", hour: "2-digit", minute: "2-digit", hour12: false });
}

/** Country codes of one and of three digits, where customers of a Chinese bank are likely to be; the others are taken for two. */
const COUNTRY = /^\+(1|7|85[23]|886|\d\d)(\d+)$/;

/** A telephone number in groups that can be read: +86 138 0013 8000, +86 10 8234 5678. @param {string} number */
export function phone(number) {
  const [, country, rest = ""] = COUNTRY.exec(number) ?? [];
  if (!country) return number;
  const area = country === "86" ? (/^(?:1\d\d(?=\d{8}$)|10|2\d|[3-9]\d\d)/.exec(rest)?.[0] ?? "") : "";
  const groups = rest.slice(area.length).replace(/\d(?=(?:\d{4})+$)(?<!^\d)/g, "$& ");
  return [`+${country}`, area, groups].filter(Boolean).join(" ");
}

/** Nine digits as they are shown and spoken: 482 177 306. @param {string} digits */
export function grouped(digits) {
  return digits.replace(/(\d{3})(?=\d)/g, "$1 ");
}
