/**
 * The errors of this SDK: one tree, told apart by class and by the service's slugs.
 * Implements specs/protocol.md sections 7.2 and 9.
 */

/** @typedef {import("./openapi.js").components["schemas"]} Schemas */

/** Root of every error this SDK raises about the service or about evidence. Wrong arguments are TypeErrors. */
export class CallbackVerificationError extends Error {
  /** @param {string} message @param {ErrorOptions} [options] */
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The service has answered that it will not do what was asked, and why (RFC 9457). */
export class Problem extends CallbackVerificationError {
  /**
   * @param {Pick<Schemas["Problem"], "slug" | "status" | "title" | "detail"> & Partial<Schemas["Problem"]>} problem
   * @param {string | null} requestId what to quote when asking the bank about this request
   * @param {number | null} retryAfter seconds, if the service has named a time
   */
  constructor(problem, requestId, retryAfter) {
    super(`${problem.slug}: ${problem.detail}`);
    /** The kind of error, a word of specs/protocol.md section 9. */
    this.slug = problem.slug;
    this.status = problem.status;
    this.title = problem.title;
    this.detail = problem.detail;
    this.requestId = requestId;
    /** Which members of the request are at fault. */
    this.errors = problem.errors ?? [];
    /** Which rules of the contact policy the call would break. */
    this.refusals = problem.refusals ?? [];
    this.retryAfter = retryAfter;
  }
}

/**
 * There is no answer that can be relied on: a time-out, a lost connection, or something that is not understood.
 * It says nothing about the call. Tell people "we cannot check now", never "genuine" (law L6).
 */
export class CannotCheck extends CallbackVerificationError {
  /**
   * @param {string} message
   * @param {{cause?: unknown, requestId?: string | null, status?: number | null, retryAfter?: number | null}} [known]
   */
  constructor(message, { cause, requestId = null, status = null, retryAfter = null } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    /** What to quote when asking the bank about this request. */
    this.requestId = requestId;
    /** The HTTP status, if there was one. */
    this.status = status;
    /** Seconds, if the service has named a time. */
    this.retryAfter = retryAfter;
  }
}

/** A time-out or a lost connection: whether the service has done what was asked is not known. */
export class NoAnswer extends CannotCheck {}

/** The service itself says that it cannot check now (a problem with `verdict: unavailable`). */
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

/** A ticket, receipt, checkpoint or proof does not verify; `slug` is the service's own word for it. */
export class EvidenceError extends CallbackVerificationError {
  /** @param {EvidenceSlug} slug @param {string} message @param {ErrorOptions} [options] */
  constructor(slug, message, options) {
    super(message, options);
    this.slug = slug;
  }
}
