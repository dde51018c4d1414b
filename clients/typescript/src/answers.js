/**
 * Reads answers of the service. An answer must be complete, of the expected media type, and not too long.
 * Implements specs/protocol.md sections 3.2, 7.2 and 9.
 */

import { CannotCheck, InsufficientUserAuthentication, Problem, STEP_UP, Unavailable } from "./errors.js";

export const MAX_ANSWER = 1_048_576;
const PROBLEM = "application/problem+json";

/** @typedef {"application/json" | "text/plain" | "text/event-stream"} Kind */

/**
 * Raise Problem or CannotCheck if an answer is not a success, or not of the expected media type.
 * @param {Response} response
 * @param {Kind} kind
 * @param {string} requestId used if the answer has none
 */
export async function mustSucceed(response, kind, requestId) {
  const id = response.headers.get("X-Request-ID") ?? requestId;
  const type = mediaType(response);
  if (response.status === 200 || response.status === 201) {
    if (type === kind) return;
    // An unread body would hold its connection.
    await response.body?.cancel();
    throw new CannotCheck(`the answer has the media type ${type || "(none)"}, not ${kind}`, { requestId: id });
  }
  const retryAfter = retryAfterOf(response);
  if (type !== PROBLEM) {
    await response.body?.cancel();
    throw new CannotCheck(`the answer is HTTP ${response.status} without a problem document`, {
      requestId: id,
      status: response.status,
      retryAfter,
    });
  }
  throw problemOf(await readJson(response, id), response.status, id, retryAfter);
}

/**
 * Read the JSON object of an answer.
 * @param {Response} response
 * @param {string} requestId
 * @returns {Promise<Record<string, unknown>>}
 */
export async function readJson(response, requestId) {
  const id = response.headers.get("X-Request-ID") ?? requestId;
  const text = await readText(response, id);
  let read;
  try {
    read = JSON.parse(text);
  } catch (cause) {
    throw new CannotCheck("the answer is not JSON, or is incomplete", { cause, requestId: id });
  }
  if (typeof read !== "object" || read === null || Array.isArray(read)) {
    throw new CannotCheck("the answer is not a JSON object", { requestId: id });
  }
  return read;
}

/**
 * Read the text of an answer: valid UTF-8 of at most 1 MiB.
 * @param {Response} response
 * @param {string} requestId
 */
export async function readText(response, requestId) {
  const id = response.headers.get("X-Request-ID") ?? requestId;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = response.body?.getReader();
  let text = "";
  let size = 0;
  // After a lost connection, this raises the transport's own error, so that the request may be retried.
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    size += part.value.byteLength;
    if (size > MAX_ANSWER) {
      await reader?.cancel();
      throw new CannotCheck("the answer is too long", { requestId: id });
    }
    text += decode(decoder, id, part.value);
  }
  return text + decode(decoder, id);
}

/** @param {TextDecoder} decoder @param {string} requestId @param {Uint8Array} [part] */
function decode(decoder, requestId, part) {
  try {
    return part === undefined ? decoder.decode() : decoder.decode(part, { stream: true });
  } catch (cause) {
    throw new CannotCheck("the answer is not UTF-8", { cause, requestId });
  }
}

/**
 * @param {Record<string, unknown>} read
 * @param {number} status
 * @param {string} requestId
 * @param {number | null} retryAfter
 */
function problemOf(read, status, requestId, retryAfter) {
  const { slug, title = "", detail = "", errors = [], refusals = [], acr_values = [] } = read;
  const texts = typeof slug === "string" && typeof title === "string" && typeof detail === "string";
  const lists = isListOfObjects(errors) && isListOfObjects(refusals) && isListOfTexts(acr_values);
  if (!texts || !lists || status < 400) {
    const message = `the answer is HTTP ${status} without a problem document`;
    return new CannotCheck(message, { requestId, status, retryAfter });
  }
  const known = typeof read["request_id"] === "string" ? read["request_id"] : requestId;
  // Use the status of the answer. The member only repeats it.
  const kind = slug === STEP_UP ? InsufficientUserAuthentication : Problem;
  const problem = new kind({ slug, title, detail, status, errors, refusals, acr_values }, known, retryAfter);
  if (slug === "unavailable" || read["verdict"] === "unavailable") return new Unavailable(problem);
  // Any 5xx means that the service, or a proxy before it, failed. It is never a refusal.
  return status < 500 ? problem : new CannotCheck(problem.message, { requestId: known, status, retryAfter });
}

/** @param {unknown} value @returns {value is any[]} */
function isListOfObjects(value) {
  return Array.isArray(value) && value.every((each) => typeof each === "object" && each !== null);
}

/** @param {unknown} value @returns {value is string[]} */
function isListOfTexts(value) {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

/** @param {Response} response */
function mediaType(response) {
  return (response.headers.get("Content-Type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/**
 * Return the seconds of `Retry-After`, or null. The service always sends a number.
 * @param {Response} response
 */
function retryAfterOf(response) {
  const value = response.headers.get("Retry-After") ?? "";
  return /^[0-9]{1,6}$/.test(value) ? Number(value) : null;
}
