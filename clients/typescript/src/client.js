/**
 * The client of the callback-verification service, for browsers and for Node.
 * Implements specs/protocol.md section 3 over the operations of specs/openapi.yaml.
 */

import { Transport, segment } from "./transport.js";
import { HANDLERS, SPOKEN_HANDLERS, mustHandle, tell, tellSpoken } from "./verdicts.js";

export { readCode } from "./codes.js";
export { CallbackVerificationError, CannotCheck, NoAnswer, Problem, Unavailable } from "./errors.js";
export { bearer, systemKey } from "./signatures.js";

/** @typedef {import("./openapi.js").components["schemas"]} Schemas */
/** @typedef {import("./transport.js").Options} Options */
/** @typedef {import("./transport.js").Settings} Settings */
/** @typedef {{limit?: number, cursor?: string | null}} PageOf */
/** @template T @typedef {import("./verdicts.js").Handlers<T>} Handlers */
/** @template T @typedef {import("./verdicts.js").SpokenHandlers<T>} SpokenHandlers */

/**
 * A leg of the call as the exchange reports it. `at` is now unless it is given.
 * @typedef {{legId: string, number: string, at?: Date | string, callerNumber?: string | null}} Leg
 */

/**
 * Every method raises Problem when the service refuses, CannotCheck when there is no answer to rely on, TypeError for
 * wrong arguments, and the reason of `options.signal` when that ends.
 */
export class Client {
  #transport;

  /** @param {string | URL} baseUrl where the service is @param {Settings} [settings] */
  constructor(baseUrl, settings = {}) {
    this.#transport = new Transport(baseUrl, settings);
  }

  applications = {
    /**
     * Register or update an application.
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
     * A supervisor lifts rules of the contact policy for one call.
     * @param {string} id @param {Schemas["GrantException"]} body @param {Options} [options]
     * @returns {Promise<Schemas["GrantedException"]>}
     */
    grantException: (id, body, options) =>
      this.#request("POST", `/v1/applications/${segment(id)}/exceptions`, { body, options }),

    /**
     * The applications an officer is assigned to, in which each word of `query` is found.
     * @param {PageOf & {query?: string}} [body] @param {Options} [options] @returns {Promise<Schemas["Applications"]>}
     */
    search: (body = {}, options = undefined) => this.#request("POST", "/v1/applications/search", { body, options }),
  };

  calls = {
    /**
     * Issue the ticket of a call that is about to be made.
     * @param {string} applicationId @param {Schemas["IssueCall"]} body @param {Options} [options]
     * @returns {Promise<Schemas["IssuedCall"]>}
     */
    issue: (applicationId, body, options) =>
      this.#request("POST", `/v1/applications/${segment(applicationId)}/calls`, { body, options }),

    /** @param {string} callId @param {Options} [options] @returns {Promise<Schemas["CallView"]>} */
    get: (callId, options) => this.#request("GET", `/v1/calls/${segment(callId)}`, { options }),

    /**
     * The code to read out, once the leg is connected.
     * @param {string} callId @param {Options} [options] @returns {Promise<Schemas["Code"]>}
     */
    code: (callId, options) => this.#request("GET", `/v1/calls/${segment(callId)}/code`, { options }),

    /**
     * The SIP Identity header for the INVITE of the officer's leg, good for a minute.
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
     * The officer's own calls, newest first.
     * @param {PageOf & {since?: string}} [query] @param {Options} [options] @returns {Promise<Schemas["Calls"]>}
     */
    list: (query, options) => this.#request("GET", "/v1/calls", { query, options }),

    /**
     * The call as it is, then each change of it.
     * @param {string} callId @param {Options} [options] @returns {AsyncGenerator<Schemas["CallView"], void, void>}
     */
    events: (callId, options) => this.#transport.events(`/v1/calls/${segment(callId)}/events`, options),
  };

  exceptions = {
    /**
     * An officer asks a supervisor to lift rules for one call.
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
    /** @param {string} callId @param {Leg} leg @param {Options} [options] @returns {Promise<Schemas["CallView"]>} */
    connected: (callId, leg, options) => this.#leg(callId, "connected", leg, options),

    /** @param {string} callId @param {Leg} leg @param {Options} [options] @returns {Promise<Schemas["CallView"]>} */
    ended: (callId, leg, options) => this.#leg(callId, "ended", leg, options),

    /**
     * What an exchange saw that does not know the call. The service matches it with the one call it can mean.
     * @param {Schemas["LegByNumber"]} body @param {Options} [options] @returns {Promise<Schemas["LegTaken"]>}
     */
    byNumber: (body, options) => this.#request("POST", "/v1/legs", { body, options }),
  };

  reconciliation = {
    /**
     * Codes and legs that do not fit together, newest first: those of the last day, or of a window of 31 at most.
     * @param {PageOf & {kind?: Schemas["Discrepancy"]["kind"], since?: string, until?: string}} [query]
     * @param {Options} [options] @returns {Promise<Schemas["Discrepancies"]>}
     */
    list: (query, options) => this.#request("GET", "/v1/reconciliation", { query, options }),
  };

  staff = {
    /**
     * Cut a member of staff off: a supervisor may, and a system that may issue calls.
     * @param {string} staffId @param {Schemas["SuspendStaff"]} body @param {Options} [options]
     * @returns {Promise<Schemas["Suspension"]>}
     */
    suspend: (staffId, body, options) =>
      this.#request("POST", `/v1/staff/${segment(staffId)}/suspension`, { body, options }),

    /**
     * End a suspension. Another supervisor may.
     * @param {string} staffId @param {Options} [options] @returns {Promise<Schemas["Suspension"]>}
     */
    lift: (staffId, options) => this.#request("DELETE", `/v1/staff/${segment(staffId)}/suspension`, { options }),

    /**
     * All suspensions, newest first, for supervisors and auditors.
     * @param {PageOf} [query] @param {Options} [options] @returns {Promise<Schemas["Suspensions"]>}
     */
    suspensions: (query, options) => this.#request("GET", "/v1/staff/suspensions", { query, options }),
  };

  confirmations = {
    /**
     * Confirm the code a customer has entered, and do what belongs to the verdict. All handlers are required.
     * @template T
     * @param {Schemas["Confirm"]} asked @param {Handlers<T>} handlers @param {Options} [options]
     * @returns {Promise<T>} what the handler returns
     */
    confirm: async (asked, handlers, options) => {
      mustHandle(handlers, HANDLERS);
      return tell(await this.#request("POST", "/v1/confirmations", { body: asked, options }), handlers);
    },
  };

  ivr = {
    /**
     * Confirm a code that was keyed by telephone, and do what belongs to the verdict. All handlers are required.
     * @template T
     * @param {Schemas["ConfirmByPhone"]} body @param {SpokenHandlers<T>} handlers @param {Options} [options]
     * @returns {Promise<T>} what the handler returns
     */
    confirm: async (body, handlers, options) => {
      mustHandle(handlers, SPOKEN_HANDLERS);
      return tellSpoken(await this.#request("POST", "/v1/ivr/confirmations", { body, options }), handlers);
    },

    /**
     * Begin the telephone dialogue with a caller, for a platform that leaves it to the service.
     * @param {Schemas["BeginSession"]} body @param {Options} [options] @returns {Promise<Schemas["IvrTurn"]>}
     */
    begin: (body, options) => this.#request("POST", "/v1/ivr/sessions", { body, options }),

    /**
     * What the caller keyed, or null for silence.
     * @param {string} sessionId @param {Schemas["HeardKeys"]} body @param {Options} [options]
     * @returns {Promise<Schemas["IvrTurn"]>}
     */
    step: (sessionId, body, options) =>
      this.#request("POST", `/v1/ivr/sessions/${segment(sessionId)}/steps`, { body, options }),
  };

  me = {
    /** @param {PageOf} [query] @param {Options} [options] @returns {Promise<Schemas["PastCalls"]>} */
    calls: (query, options) => this.#request("GET", "/v1/me/calls", { query, options }),

    /** @param {Options} [options] @returns {Promise<Schemas["CallStatus"]>} */
    callStatus: (options) => this.#request("GET", "/v1/me/call-status", { options }),

    /**
     * The call status as it is, then each change of it.
     * @param {Options} [options] @returns {AsyncGenerator<Schemas["CallStatus"], void, void>}
     */
    events: (options) => this.#transport.events("/v1/me/events", options),

    /** @param {Options} [options] @returns {Promise<Schemas["MyApplications"]>} */
    applications: (options) => this.#request("GET", "/v1/me/applications", { options }),

    /** @param {Options} [options] @returns {Promise<Schemas["Preferences"]>} */
    preferences: (options) => this.#request("GET", "/v1/me/preferences", { options }),

    /** @param {Schemas["Preferences"]} body @param {Options} [options] @returns {Promise<Schemas["Preferences"]>} */
    putPreferences: (body, options) => this.#request("PUT", "/v1/me/preferences", { body, options }),
  };

  reports = {
    /** @param {Schemas["ReportCall"]} body @param {Options} [options] @returns {Promise<Schemas["ReportTaken"]>} */
    send: (body, options) => this.#request("POST", "/v1/reports", { body, options }),
  };

  receipts = {
    /** @param {string} id @param {Options} [options] @returns {Promise<Schemas["ReceiptView"]>} */
    get: (id, options) => this.#request("GET", `/v1/receipts/${segment(id)}`, { options }),

    /**
     * Ask the service about evidence. To trust nobody but a kept trust file, see `verifyEvidence` of ./receipts.js.
     * @param {Schemas["VerifyReceipt"]} body @param {Options} [options] @returns {Promise<Schemas["ReceiptChecked"]>}
     */
    verify: (body, options) => this.#request("POST", "/v1/receipts/verification", { body, options }),
  };

  log = {
    /**
     * The newest checkpoint of a shard of the log, a signed note.
     * @param {number} [shard] @param {Options} [options] @returns {Promise<string>}
     */
    checkpoint: (shard = 0, options = undefined) =>
      this.#request("GET", `/log/${shard ? `${shard}/` : ""}checkpoint`, { options, kind: "text/plain" }),
  };

  /**
   * What a verifier must hold: issuer, keys, log; and the bank's numbers.
   * @param {Options} [options] @returns {Promise<Schemas["Description"]>}
   */
  description(options) {
    return this.#request("GET", "/.well-known/callback-verification", { options });
  }

  /** @type {Transport["request"]} */
  #request(method, path, asked) {
    return this.#transport.request(method, path, asked);
  }

  /** @param {string} callId @param {"connected" | "ended"} event @param {Leg} leg @param {Options} [options] */
  #leg(callId, event, { legId, number, at = new Date(), callerNumber = null }, options) {
    const when = typeof at === "string" ? at : at.toISOString();
    const body = { event, leg_id: legId, number, at: when, caller_number: callerNumber };
    return this.#request("POST", `/v1/calls/${segment(callId)}/legs`, { body, options });
  }
}
