/**
 * The client of the callback-verification service, for browsers and for Node.
 * Implements specs/protocol.md section 3 over the operations of specs/openapi.yaml.
 */

import { counterOf, helpersOf, helpingOf } from "./behalf.js";
import { Transport, segment } from "./transport.js";
import { HANDLERS, SPOKEN_HANDLERS, mustHaveHandlers, callHandler, callSpokenHandler } from "./verdicts.js";

export { isCode, readCode } from "./codes.js";
export { CallbackVerificationError, CannotCheck, InsufficientUserAuthentication, NoAnswer, Problem, Unavailable } from "./errors.js";
export { borrowerOf, peopleOf } from "./registrations.js";
export { bearer, systemKey } from "./signatures.js";

/** @typedef {import("./openapi.js").components["schemas"]} Schemas */
/** @typedef {import("./transport.js").Options} Options */
/** @typedef {import("./transport.js").Settings} Settings */
/** @typedef {{limit?: number, cursor?: string | null}} PageOf */
/** @template T @typedef {import("./verdicts.js").Handlers<T>} Handlers */
/** @template T @typedef {import("./verdicts.js").SpokenHandlers<T>} SpokenHandlers */

/**
 * A leg of the call, as reported by the exchange. `at` is now by default.
 * @typedef {{legId: string, number: string, at?: Date | string, callerNumber?: string | null}} Leg
 */

/**
 * Every method raises Problem if the service refuses, CannotCheck if there is no reliable answer, TypeError for wrong
 * arguments, and the reason of `options.signal` if it aborts.
 */
export class Client {
  #transport;

  /** @param {string | URL} baseUrl the address of the service @param {Settings} [settings] */
  constructor(baseUrl, settings = {}) {
    this.#transport = new Transport(baseUrl, settings);
  }

  applications = {
    /**
     * Register or update an application. A loan of one person has `customer` and `numbers`. Every other loan has
     * `borrower` and `contacts`.
     * @param {string} id @param {Schemas["Registration"]} registration @param {Options} [options]
     * @returns {Promise<Schemas["ApplicationView"]>}
     */
    put: (id, registration, options) =>
      this.#request("PUT", `/v1/applications/${segment(id)}`, { body: registration, options }),

    /** @param {string} id @param {Options} [options] @returns {Promise<Schemas["ApplicationView"]>} */
    get: (id, options) => this.#request("GET", `/v1/applications/${segment(id)}`, { options }),

    /**
     * Destroy the application's key. It cannot be undone.
     * @param {string} id @param {Options} [options] @returns {Promise<Schemas["ErasedView"]>}
     */
    erase: (id, options) => this.#request("DELETE", `/v1/applications/${segment(id)}`, { options }),

    /**
     * Lift rules of the contact policy for one call, as a supervisor.
     * @param {string} id @param {Schemas["GrantException"]} body @param {Options} [options]
     * @returns {Promise<Schemas["GrantedException"]>}
     */
    grantException: (id, body, options) =>
      this.#request("POST", `/v1/applications/${segment(id)}/exceptions`, { body, options }),

    /**
     * List the officer's applications that contain each word of `query`.
     * @param {PageOf & {query?: string}} [body] @param {Options} [options] @returns {Promise<Schemas["Applications"]>}
     */
    search: (body = {}, options = undefined) => this.#request("POST", "/v1/applications/search", { body, options }),
  };

  calls = {
    /**
     * Issue the ticket of a call, before dialling.
     * @param {string} applicationId @param {Schemas["IssueCall"]} body @param {Options} [options]
     * @returns {Promise<Schemas["IssuedCall"]>}
     */
    issue: (applicationId, body, options) =>
      this.#request("POST", `/v1/applications/${segment(applicationId)}/calls`, { body, options }),

    /** @param {string} callId @param {Options} [options] @returns {Promise<Schemas["CallView"]>} */
    get: (callId, options) => this.#request("GET", `/v1/calls/${segment(callId)}`, { options }),

    /**
     * Get the code to read out. It is available once the leg is connected.
     * @param {string} callId @param {Options} [options] @returns {Promise<Schemas["Code"]>}
     */
    code: (callId, options) => this.#request("GET", `/v1/calls/${segment(callId)}/code`, { options }),

    /**
     * Get the SIP Identity header for the INVITE of the officer's leg. It is valid for one minute.
     * @param {string} callId @param {Schemas["AskIdentity"]} [body] @param {Options} [options]
     * @returns {Promise<Schemas["SipIdentity"]>}
     */
    identity: (callId, body = /** @type {Schemas["AskIdentity"]} */ ({}), options = undefined) =>
      this.#request("POST", `/v1/calls/${segment(callId)}/identity`, { body, options }),

    /**
     * @param {string} callId @param {Schemas["RevokeCall"]} [body] @param {Options} [options]
     * @returns {Promise<Schemas["CallView"]>}
     */
    revoke: (callId, body = {}, options = undefined) =>
      this.#request("POST", `/v1/calls/${segment(callId)}/revocation`, { body, options }),

    /**
     * List the officer's own calls, newest first.
     * @param {PageOf & {since?: string}} [query] @param {Options} [options] @returns {Promise<Schemas["Calls"]>}
     */
    list: (query, options) => this.#request("GET", "/v1/calls", { query, options }),

    /**
     * List the announced calls of the officer's customers, the most urgent first.
     * @param {Options} [options] @returns {Promise<Schemas["Queue"]>}
     */
    queue: (options) => this.#request("GET", "/v1/queue", { options }),

    /**
     * Yield the current state of the call, then each change.
     * @param {string} callId @param {Options} [options] @returns {AsyncGenerator<Schemas["CallView"], void, void>}
     */
    events: (callId, options) => this.#transport.events(`/v1/calls/${segment(callId)}/events`, options),
  };

  exceptions = {
    /**
     * Ask a supervisor to lift rules for one call, as an officer.
     * @param {string} applicationId @param {Schemas["RequestException"]} body @param {Options} [options]
     * @returns {Promise<Schemas["ExceptionRequest"]>}
     */
    request: (applicationId, body, options) =>
      this.#request("POST", `/v1/applications/${segment(applicationId)}/exception-requests`, { body, options }),

    /** @param {Options} [options] @returns {Promise<Schemas["ExceptionRequests"]>} */
    list: (options) => this.#request("GET", "/v1/exception-requests", { options }),

    /**
     * @param {string} requestId @param {Schemas["DecideException"]} body @param {Options} [options]
     * @returns {Promise<Schemas["ExceptionRequest"]>}
     */
    decide: (requestId, body, options) =>
      this.#request("POST", `/v1/exception-requests/${segment(requestId)}/decision`, { body, options }),
  };

  legs = {
    /** @param {string} callId @param {Leg} leg @param {Options} [options] @returns {Promise<Schemas["CallOfLeg"]>} */
    ringing: (callId, leg, options) => this.#leg(callId, "ringing", leg, options),

    /** @param {string} callId @param {Leg} leg @param {Options} [options] @returns {Promise<Schemas["CallOfLeg"]>} */
    connected: (callId, leg, options) => this.#leg(callId, "connected", leg, options),

    /** @param {string} callId @param {Leg} leg @param {Options} [options] @returns {Promise<Schemas["CallOfLeg"]>} */
    ended: (callId, leg, options) => this.#leg(callId, "ended", leg, options),

    /**
     * Report a leg event without a call id. The service matches it with the only possible call.
     * @param {Schemas["LegByNumber"]} body @param {Options} [options] @returns {Promise<Schemas["LegTaken"]>}
     */
    byNumber: (body, options) => this.#request("POST", "/v1/legs", { body, options }),

    /**
     * Report that the exchange is alive, and that all its events so far were reported. Repeat it at least every third of
     * `silence_seconds` of the answer, but only while the exchange is heard.
     * @param {Options} [options] @returns {Promise<Schemas["ExchangeAlive"]>}
     */
    alive: (options) => this.#request("POST", "/v1/legs/alive", { options }),

    /** @param {Options} [options] @returns {Promise<Schemas["Exchanges"]>} */
    exchanges: (options) => this.#request("GET", "/v1/exchanges", { options }),
  };

  reconciliation = {
    /**
     * List discrepancies between codes and legs, newest first. The window is the last day by default, at most 31 days.
     * @param {PageOf & {kind?: Schemas["Discrepancy"]["kind"], since?: string, until?: string}} [query]
     * @param {Options} [options] @returns {Promise<Schemas["Discrepancies"]>}
     */
    list: (query, options) => this.#request("GET", "/v1/reconciliation", { query, options }),
  };

  staff = {
    /** The staff number and roles of the person who asks. @param {Options} [options] @returns {Promise<Schemas["StaffMember"]>} */
    me: (options) => this.#request("GET", "/v1/staff/me", { options }),

    /**
     * Suspend a member of staff. Supervisors may do this, and systems that may issue calls.
     * @param {string} staffId @param {Schemas["SuspendStaff"]} body @param {Options} [options]
     * @returns {Promise<Schemas["Suspension"]>}
     */
    suspend: (staffId, body, options) =>
      this.#request("POST", `/v1/staff/${segment(staffId)}/suspension`, { body, options }),

    /**
     * Lift a suspension. This takes a supervisor other than the suspended one.
     * @param {string} staffId @param {Options} [options] @returns {Promise<Schemas["Suspension"]>}
     */
    lift: (staffId, options) => this.#request("DELETE", `/v1/staff/${segment(staffId)}/suspension`, { options }),

    /**
     * List all suspensions, newest first. For supervisors and auditors.
     * @param {PageOf} [query] @param {Options} [options] @returns {Promise<Schemas["Suspensions"]>}
     */
    suspensions: (query, options) => this.#request("GET", "/v1/staff/suspensions", { query, options }),
  };

  looks = {
    /**
     * Search who looked at whose data, newest first. For auditors. Each search is itself a look.
     * @param {Partial<Schemas["SearchLooks"]>} [body] @param {Options} [options] @returns {Promise<Schemas["Looks"]>}
     */
    search: (body = {}, options = undefined) => this.#request("POST", "/v1/looks/search", { body, options }),
  };

  confirmations = {
    /**
     * Confirm the code that a customer has entered, and call the handler of the verdict. All handlers are required.
     * @template T
     * @param {Schemas["Confirm"]} asked @param {Handlers<T>} handlers @param {Options} [options]
     * @returns {Promise<T>} the result of the handler
     */
    confirm: async (asked, handlers, options) => {
      mustHaveHandlers(handlers, HANDLERS);
      return callHandler(await this.#request("POST", "/v1/confirmations", { body: asked, options }), handlers);
    },
  };

  counter = counterOf((...asked) => this.#request(...asked));

  ivr = {
    /**
     * Confirm a code that was keyed by telephone, and call the handler of the verdict. All handlers are required.
     * @template T
     * @param {Schemas["ConfirmByPhone"]} body @param {SpokenHandlers<T>} handlers @param {Options} [options]
     * @returns {Promise<T>} the result of the handler
     */
    confirm: async (body, handlers, options) => {
      mustHaveHandlers(handlers, SPOKEN_HANDLERS);
      return callSpokenHandler(await this.#request("POST", "/v1/ivr/confirmations", { body, options }), handlers);
    },

    /**
     * Begin a telephone dialogue that the service controls.
     * @param {Schemas["BeginSession"]} body @param {Options} [options] @returns {Promise<Schemas["IvrTurn"]>}
     */
    begin: (body, options) => this.#request("POST", "/v1/ivr/sessions", { body, options }),

    /**
     * Send the keys pressed since the last turn, or null for silence. Returns the next turn.
     * @param {string} sessionId @param {Schemas["HeardKeys"]} body @param {Options} [options]
     * @returns {Promise<Schemas["IvrTurn"]>}
     */
    step: (sessionId, body, options) =>
      this.#request("POST", `/v1/ivr/sessions/${segment(sessionId)}/steps`, { body, options }),
  };

  me = {
    /** @param {PageOf} [query] @param {Options} [options] @returns {Promise<Schemas["PastCalls"]>} */
    calls: (query, options) => this.#request("GET", "/v1/me/calls", { query, options }),

    /**
     * Ask which calls the bank had with the customer in a window of at most 31 days. The answer has these calls and no
     * others, with a signed statement that says the same.
     * @param {Schemas["CheckCalls"]} body @param {Options} [options] @returns {Promise<Schemas["CallsChecked"]>}
     */
    checkCalls: (body, options) => this.#request("POST", "/v1/me/call-checks", { body, options }),

    /** @param {Options} [options] @returns {Promise<Schemas["CallStatus"]>} */
    callStatus: (options) => this.#request("GET", "/v1/me/call-status", { options }),

    /**
     * Ask whether the call that rings on the customer's handset is from the bank. This never replaces a code.
     * @param {Schemas["VerifyCall"]} body @param {Options} [options] @returns {Promise<Schemas["CallVerification"]>}
     */
    verifyCall: (body, options) => this.#request("POST", "/v1/me/call-verification", { body, options }),

    /**
     * Yield the current call status, then each change.
     * @param {Options} [options] @returns {AsyncGenerator<Schemas["CallStatus"], void, void>}
     */
    events: (options) => this.#transport.events("/v1/me/events", options),

    /** @param {Options} [options] @returns {Promise<Schemas["MyApplications"]>} */
    applications: (options) => this.#request("GET", "/v1/me/applications", { options }),

    /**
     * List who looked at the customer's data, newest first.
     * @param {PageOf} [query] @param {Options} [options] @returns {Promise<Schemas["MyLooks"]>}
     */
    looks: (query, options) => this.#request("GET", "/v1/me/looks", { query, options }),

    /**
     * List the customer's receipts, page by page, newest first: of verdicts, of reports and of call checks.
     * @param {PageOf} [query] @param {Options} [options] @returns {Promise<Schemas["ListedReceipts"]>}
     */
    receipts: (query, options) => this.#request("GET", "/v1/me/receipts", { query, options }),

    /** @param {Options} [options] @returns {Promise<Schemas["Preferences"]>} */
    preferences: (options) => this.#request("GET", "/v1/me/preferences", { options }),

    /** @param {Schemas["Preferences"]} body @param {Options} [options] @returns {Promise<Schemas["Preferences"]>} */
    putPreferences: (body, options) => this.#request("PUT", "/v1/me/preferences", { body, options }),
  };

  helpers = helpersOf((...asked) => this.#request(...asked));

  helping = helpingOf((...asked) => this.#request(...asked));

  reports = {
    /** @param {Schemas["ReportCall"]} body @param {Options} [options] @returns {Promise<Schemas["ReportTaken"]>} */
    send: (body, options) => this.#request("POST", "/v1/reports", { body, options }),
  };

  receipts = {
    /** @param {string} id @param {Options} [options] @returns {Promise<Schemas["ReceiptView"]>} */
    get: (id, options) => this.#request("GET", `/v1/receipts/${segment(id)}`, { options }),

    /**
     * Ask the service to verify evidence. To trust only a saved trust file, use `verifyEvidence` of ./receipts.js.
     * @param {Schemas["VerifyReceipt"]} body @param {Options} [options] @returns {Promise<Schemas["ReceiptChecked"]>}
     */
    verify: (body, options) => this.#request("POST", "/v1/receipts/verification", { body, options }),

    /**
     * Draw a receipt as QR codes, to print. `readReceipt` of ./receipts.js reads what a scanner reads from them.
     * @param {Schemas["VerifyReceipt"]} body @param {Options} [options] @returns {Promise<Schemas["DrawnReceipt"]>}
     */
    draw: (body, options) => this.#request("POST", "/v1/receipts/symbols", { body, options }),
  };

  log = {
    /**
     * Get the newest checkpoint of a shard of the log, as a signed note.
     * @param {number} [shard] @param {Options} [options] @returns {Promise<string>}
     */
    checkpoint: (shard = 0, options = undefined) =>
      this.#request("GET", `/log/${shard ? `${shard}/` : ""}checkpoint`, { options, kind: "text/plain" }),
  };

  /**
   * Get everything that a verifier needs (issuer, keys and log), and the bank's numbers.
   * @param {Options} [options] @returns {Promise<Schemas["Description"]>}
   */
  description(options) {
    return this.#request("GET", "/.well-known/callback-verification", { options });
  }

  /** @type {Transport["request"]} */
  #request(method, path, asked) {
    return this.#transport.request(method, path, asked);
  }

  /** @param {string} callId @param {"ringing" | "connected" | "ended"} event @param {Leg} leg @param {Options} [options] */
  #leg(callId, event, { legId, number, at = new Date(), callerNumber = null }, options) {
    const when = typeof at === "string" ? at : at.toISOString();
    const body = { event, leg_id: legId, number, at: when, caller_number: callerNumber };
    return this.#request("POST", `/v1/calls/${segment(callId)}/legs`, { body, options });
  }
}
