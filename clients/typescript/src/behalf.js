/**
 * The requests of people who ask for somebody else: helpers whom a customer has invited, and clerks at a counter.
 * Implements specs/protocol.md sections 7.18 and 7.19.
 */

import { segment } from "./transport.js";
import { HANDLERS, callHandler, mustHaveHandlers } from "./verdicts.js";

/** @typedef {import("./openapi.js").components["schemas"]} Schemas */
/** @typedef {import("./transport.js").Options} Options */
/** @typedef {import("./transport.js").Transport["request"]} Request */
/** @template T @typedef {import("./verdicts.js").Handlers<T>} Handlers */

/** What a customer does about their helpers. @param {Request} request */
export const helpersOf = (request) => ({
  /** @param {Options} [options] @returns {Promise<Schemas["Helpers"]>} */
  list: (options) => request("GET", "/v1/me/helpers", { options }),

  /**
   * Invite a helper. The invitation is shown once, and expires after ten minutes.
   * @param {Schemas["InviteHelper"]} body @param {Options} [options] @returns {Promise<Schemas["Invited"]>}
   */
  invite: (body, options) => request("POST", "/v1/me/helpers", { body, options }),

  /**
   * Confirm that the person who entered the invitation is the helper, or let a helper look for 30 more days.
   * @param {string} helperId @param {Options} [options] @returns {Promise<Schemas["Helper"]>}
   */
  accept: (helperId, options) => request("POST", `/v1/me/helpers/${segment(helperId)}/confirmation`, { options }),

  /** @param {string} helperId @param {Options} [options] @returns {Promise<Schemas["Helper"]>} */
  end: (helperId, options) => request("DELETE", `/v1/me/helpers/${segment(helperId)}`, { options }),
});

/** What a helper does for a customer. @param {Request} request */
export const helpingOf = (request) => ({
  /** @param {Options} [options] @returns {Promise<Schemas["Helping"]>} */
  list: (options) => request("GET", "/v1/me/helping", { options }),

  /** @param {Schemas["EnterInvitation"]} body @param {Options} [options] @returns {Promise<Schemas["Helped"]>} */
  enter: (body, options) => request("POST", "/v1/me/helping", { body, options }),

  /** @param {string} helperId @param {Options} [options] @returns {Promise<Schemas["Helped"]>} */
  stop: (helperId, options) => request("DELETE", `/v1/me/helping/${segment(helperId)}`, { options }),

  /**
   * Confirm a code that the person helped has heard, and call the handler of the verdict. All handlers are required.
   * @template T
   * @param {string} helperId @param {Schemas["ConfirmForPerson"]} body @param {Handlers<T>} handlers
   * @param {Options} [options] @returns {Promise<T>} the result of the handler
   */
  confirm: async (helperId, body, handlers, options) => {
    mustHaveHandlers(handlers, HANDLERS);
    const path = `/v1/me/helping/${segment(helperId)}/confirmations`;
    return callHandler(await request("POST", path, { body, options }), handlers);
  },

  /**
   * Ask whether the bank is calling the person helped, who sees that the helper has looked.
   * @param {string} helperId @param {Options} [options] @returns {Promise<Schemas["HelpedCallStatus"]>}
   */
  callStatus: (helperId, options) =>
    request("GET", `/v1/me/helping/${segment(helperId)}/call-status`, { options }),
});

/** What a clerk does for a customer who is present. @param {Request} request */
export const counterOf = (request) => ({
  /**
   * Ask whose application or number it is, as a clerk, for a customer who is present.
   * @param {Schemas["FindCustomer"]} body @param {Options} [options] @returns {Promise<Schemas["CustomerFound"]>}
   */
  find: (body, options) => request("POST", "/v1/counter/customers", { body, options }),

  /**
   * "Did you call me?" As `me.checkCalls`.
   * @param {Schemas["CheckCallsAtCounter"]} body @param {Options} [options]
   * @returns {Promise<Schemas["CallsChecked"]>}
   */
  checkCalls: (body, options) => request("POST", "/v1/counter/call-checks", { body, options }),

  /**
   * Confirm the code that the customer has written down. As `confirmations.confirm`.
   * @template T
   * @param {Schemas["ConfirmAtCounter"]} body @param {Handlers<T>} handlers @param {Options} [options]
   * @returns {Promise<T>} the result of the handler
   */
  confirm: async (body, handlers, options) => {
    mustHaveHandlers(handlers, HANDLERS);
    return callHandler(await request("POST", "/v1/counter/confirmations", { body, options }), handlers);
  },

  /**
   * Take the report of a suspicious call for the customer. As `reports.send`.
   * @param {Schemas["ReportAtCounter"]} body @param {Options} [options] @returns {Promise<Schemas["ReportTaken"]>}
   */
  report: (body, options) => request("POST", "/v1/counter/reports", { body, options }),
});
