/**
 * The borrower and the people of a registration, the same for a loan of one person and for every other loan.
 * Implements specs/protocol.md sections 3.1 and 3.3.
 */

/** @typedef {import("./openapi.js").components["schemas"]} Schemas */
/** @typedef {Schemas["Registration"]} Registration */
/** @typedef {Required<Omit<Schemas["Contact"], "added_at">> & {added_at?: string}} Person */

/** Return the borrower of a loan. @param {Registration} registration @returns {Required<Schemas["Borrower"]>} */
export function borrowerOf({ borrower, customer }) {
  if (borrower) return { kind: "person", ...borrower };
  if (!customer) throw new TypeError("a registration has a borrower or a customer");
  return { id: customer.id, name: customer.name, kind: "person" };
}

/**
 * Return the people of a loan, with the defaults of the service. A loan of one person has that person, with every right.
 * @param {Registration} registration
 * @returns {Person[]}
 */
export function peopleOf({ contacts, customer, numbers, consents }) {
  if (contacts) return contacts.map((each) => ({ ...DEFAULTS, ...each, consents: { ...AGREED, ...each.consents } }));
  if (!customer) throw new TypeError("a registration has contacts or a customer");
  return [
    {
      ...DEFAULTS,
      ...customer,
      role: "borrower",
      rights: ["called", "confirm", "details"],
      numbers: numbers ?? [],
      consents: { ...AGREED, ...consents },
    },
  ];
}

const AGREED = { service_calls: true, marketing_calls: false };
const DEFAULTS = {
  id: null,
  language: /** @type {const} */ ("zh-CN"),
  time_zone: "Asia/Shanghai",
  numbers: /** @type {Schemas["RegisteredNumber"][]} */ ([]),
};
