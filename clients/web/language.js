/** The language of the page, and the format of times, numbers and codes. Implements specs/protocol.md section 7.4. */

import { recall, remember } from "./kept.js";

/** @typedef {"zh-CN" | "en"} Language */
/** @typedef {Record<Language, string>} Both */
/** Other texts for texts of the pages, by the text that they replace. @typedef {{[each in Language]?: Record<string, string>}} Overrides */

/** The key in localStorage. */
const STORED = "language";
/** @type {Language} */
let current = storedLanguage();
/** @type {Record<Language, Map<string, string>>} */
const overrides = { "zh-CN": new Map(), en: new Map() };

/** @returns {Language} */
function storedLanguage() {
  const stored = recall(STORED);
  if (stored === "zh-CN" || stored === "en") return stored;
  return navigator.languages.every((each) => each.startsWith("en")) ? "en" : "zh-CN";
}

/** The current language. */
export function language() {
  return current;
}

/** Set the language, and remember it in this browser. @param {Language} chosen */
export function setLanguage(chosen) {
  speak(chosen);
  remember(STORED, chosen);
  document.documentElement.lang = chosen;
}

/** Set the language of what is said from now on. @param {Language} chosen */
export function speak(chosen) {
  current = chosen;
}

/** Replace texts. @param {Overrides} words */
export function override(words) {
  for (const each of /** @type {const} */ (["zh-CN", "en"])) {
    for (const [ours, theirs] of Object.entries(words[each] ?? {})) overrides[each].set(ours, theirs);
  }
}

/**
 * Return a text in the current language. Each `{name}` is replaced by its value.
 * @param {Both} both
 * @param {Record<string, string | number>} [values]
 */
export function say(both, values = {}) {
  return inLanguage(current, both, values);
}

/**
 * Return a text in a given language, such as the customer's.
 * @param {Language} chosen
 * @param {Both} both
 * @param {Record<string, string | number>} [values]
 */
export function inLanguage(chosen, both, values = {}) {
  const text = overrides[chosen].get(both[chosen]) ?? both[chosen];
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/**
 * Return the service's text in a language, or else its first text.
 * @param {readonly {language: string, text: string}[]} words
 * @param {Language} [chosen]
 */
export function said(words, chosen = current) {
  return words.find((each) => each.language === chosen)?.text ?? words[0]?.text ?? "";
}

/** @param {string} instant RFC 3339 @param {Intl.DateTimeFormatOptions} options @param {Language} [chosen] */
function formatted(instant, options, chosen = current) {
  const time = new Date(instant);
  return Number.isNaN(time.getTime()) ? "" : new Intl.DateTimeFormat(chosen, options).format(time);
}

/** Format hours, minutes and seconds: 10:32:07. @param {string} instant */
export function clockTime(instant) {
  return formatted(instant, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

/** Format hours and minutes: 10:32. @param {string} instant */
export function hourAndMinute(instant) {
  return formatted(instant, { hour: "2-digit", minute: "2-digit", hour12: false });
}

/** Format a day and time. @param {string} instant @param {Language} [chosen] */
export function dayAndTime(instant, chosen) {
  const day = /** @type {const} */ ({ month: "short", day: "numeric", weekday: "short" });
  return formatted(instant, { ...day, hour: "2-digit", minute: "2-digit", hour12: false }, chosen);
}

/** Format a date and time for a paper, which people keep for years. @param {string} instant @param {Language} chosen */
export function dateAndTime(instant, chosen) {
  const date = /** @type {const} */ ({ year: "numeric", month: "long", day: "numeric" });
  return formatted(instant, { ...date, hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }, chosen);
}

/** Format a date and time with its time zone, for readers elsewhere. @param {string} instant @param {Language} chosen */
export function dateTimeAndZone(instant, chosen) {
  const parts = new Intl.DateTimeFormat(chosen, { timeZoneName: "short" }).formatToParts(new Date(instant));
  return `${dateAndTime(instant, chosen)} ${parts.find((each) => each.type === "timeZoneName")?.value ?? ""}`.trim();
}

/**
 * Format the day and time in a time zone. Empty for a zone that the browser does not know.
 * @param {number} ms @param {string} timeZone
 */
export function localTime(ms, timeZone) {
  try {
    return formatted(new Date(ms).toISOString(), { timeZone, weekday: "short", hour: "2-digit", minute: "2-digit", hour12: false });
  } catch {
    return "";
  }
}

/** A number with its country code of 1, 2 or 3 digits (ITU-T E.164, list of assigned codes). */
const COUNTRY = /^\+([17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})(\d+)$/;
/** The area code in China: of a mobile, of the large cities, of the others. Then the rest has 7 or 8 digits, or fewer. */
const CHINESE_AREA = /^(?:1[3-9]\d(?=\d{8}$)|10|2\d|[3-9]\d\d|[48]00(?=\d{7}$))/;

/** Format a telephone number in groups: +86 138 0013 8000, +86 10 8234 5678. @param {string} number */
export function phone(number) {
  const [, country, rest = ""] = COUNTRY.exec(number) ?? [];
  if (!country) return number;
  const area = country === "86" ? (CHINESE_AREA.exec(rest)?.[0] ?? "") : "";
  return [`+${country}`, area, ...inGroups(rest.slice(area.length))].filter(Boolean).join(" ");
}

/** Split digits into groups of 3, and groups of 4 at the end, so that no group is shorter. @param {string} digits */
function inGroups(digits) {
  if (digits.length < 6) return [digits];
  const groups = [];
  let at = 0;
  while (at < digits.length) {
    const left = digits.length - at;
    const size = left % 4 === 0 ? 4 : 3;
    groups.push(digits.slice(at, at + size));
    at += size;
  }
  return groups;
}

/**
 * A number as people type it in China, in E.164. Null for none, and empty if it cannot be a number.
 * @param {string} typed
 */
export function asE164(typed) {
  const digits = typed.normalize("NFKC").replace(/[\s\-().]/g, "");
  if (digits === "") return null;
  const whole = digits.replace(/^(?:00|(?=861[0-9]{10}$))/, "+");
  const number = whole.startsWith("+") ? whole : `+86${whole.replace(/^0/, "")}`;
  return /^\+[1-9][0-9]{6,14}$/.test(number) ? number : "";
}

/** Format the 9 digits of a code in groups of 3: 482 177 306. @param {string} digits */
export function grouped(digits) {
  return digits.replace(/(\d{3})(?=\d)/g, "$1 ");
}
