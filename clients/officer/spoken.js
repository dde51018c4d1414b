/** How to read a code aloud. In Mandarin, 1 is 幺 and 0 is 零, so that they cannot be misheard. */

/** @typedef {import("../web/language.js").Language} Language */

/** @type {Record<Language, {names: string[], within: string, between: string}>} */
const SPOKEN = {
  "zh-CN": { names: ["零", "幺", "二", "三", "四", "五", "六", "七", "八", "九"], within: "", between: "，" },
  en: {
    names: ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
    within: " ",
    between: ", ",
  },
};

/**
 * 9 digits in words, in groups of 3.
 * @param {string} digits
 * @param {Language} language
 */
export function spoken(digits, language) {
  const { names, within, between } = SPOKEN[language];
  const groups = digits.match(/\d{1,3}/g) ?? [];
  return groups.map((group) => [...group].map((digit) => names[Number(digit)]).join(within)).join(between);
}
