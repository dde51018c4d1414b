/**
 * The errors of this SDK, in one tree. The class or the service's slug says which error it is.
 * Implements specs/protocol.md sections 7.2 and 9.
 */

/** @typedef {import("./openapi.js").components["schemas"]} Schemas */

/** The base of all errors about the service or about evidence. Wrong arguments raise TypeError. */
export class CallbackVerificationError extends Error {
  /** @param {string} message @param {ErrorOptions} [options] */
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The service refuses the request and says why (RFC 9457). */
export class Problem extends CallbackVerificationError {
  /**
   * @param {Pick<Schemas["Problem"], "slug" | "status" | "title" | "detail"> & Partial<Schemas["Problem"]>} problem
   * @param {string | null} requestId the id to quote to the bank
   * @param {number | null} retryAfter in seconds, if the service has sent it
   */
  constructor(problem, requestId, retryAfter) {
    super(`${problem.slug}: ${problem.detail}`);
    /** The kind of error, a word of specs/protocol.md section 9. */
    this.slug = problem.slug;
    this.status = problem.status;
    this.title = problem.title;
    this.detail = problem.detail;
    this.requestId = requestId;
    /** The invalid members of the request. */
    this.errors = problem.errors ?? [];
    /** The rules of the contact policy that the call would break. */
    this.refusals = problem.refusals ?? [];
    this.retryAfter = retryAfter;
  }
}

/** The slug of InsufficientUserAuthentication. */
export const STEP_UP = "insufficient_user_authentication";

/**
 * The member of staff must sign in more strongly for this operation (RFC 9470). Ask the provider for a sign-in with one
 * of `acrValues`, then send the request again with the new token and the same idempotency key. If `acrValues` is empty,
 * ask for any new sign-in.
 */
export class InsufficientUserAuthentication extends Problem {
  /**
   * @param {ConstructorParameters<typeof Problem>[0]} problem
   * @param {string | null} requestId
   * @param {number | null} retryAfter
   */
  constructor(problem, requestId, retryAfter) {
    super(problem, requestId, retryAfter);
    this.acrValues = problem.acr_values ?? [];
  }
}

/**
 * There is no reliable answer: a timeout, a lost connection, or an answer that cannot be understood.
 * It says nothing about the call. Say "we cannot check now", never "genuine" (law L6).
 */
export class CannotCheck extends CallbackVerificationError {
  /**
   * @param {string} message
   * @param {{cause?: unknown, requestId?: string | null, status?: number | null, retryAfter?: number | null}} [known]
   */
  constructor(message, { cause, requestId = null, status = null, retryAfter = null } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    /** The id to quote to the bank. */
    this.requestId = requestId;
    /** The HTTP status, if there was one. */
    this.status = status;
    /** Seconds to wait, if the service has sent them. */
    this.retryAfter = retryAfter;
  }
}

/** A timeout or a lost connection. The service may or may not have processed the request. */
export class NoAnswer extends CannotCheck {}

/** The service says that it cannot check now (a problem with `verdict: unavailable`). */
export class Unavailable extends CannotCheck {
  /** @param {Problem} problem */
  constructor(problem) {
    const { requestId, status, retryAfter } = problem;
    super(problem.message, { requestId, status, retryAfter });
    this.slug = problem.slug;
    this.title = problem.title;
    this.detail = problem.detail;
  }
}

/** @typedef {"invalid_evidence" | "invalid_signature" | "invalid_proof" | "invalid_claims"} EvidenceSlug */

/** A ticket, receipt, checkpoint or proof does not verify. `slug` is the same as in the service. */
export class EvidenceError extends CallbackVerificationError {
  /** @param {EvidenceSlug} slug @param {string} message @param {ErrorOptions} [options] */
  constructor(slug, message, options) {
    super(message, options);
    this.slug = slug;
  }
}
