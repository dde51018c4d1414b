/**
 * Reads server-sent events from a fetch response. EventSource cannot send credentials in a header.
 * Implements specs/protocol.md section 7.5.
 */

import { CannotCheck, NoAnswer } from "./errors.js";

export const MAX_EVENT = 262_144;
// The service writes something every 15 seconds, so a longer silence means a dead connection.
const IDLE_MS = 20_000;
const LINE_END = /\r\n|\n|\r/;

/**
 * Yield the decoded JSON of each event, until the service ends the stream. An incomplete last event is dropped.
 * Raises CannotCheck for malformed events, silence or a lost connection, and the signal's reason if it aborts.
 * @param {Response} response
 * @param {AbortSignal} [signal]
 * @param {{idleMs?: number}} [settings]
 * @returns {AsyncGenerator<any, void, void>}
 */
export async function* readEvents(response, signal, { idleMs = IDLE_MS } = {}) {
  const requestId = response.headers.get("X-Request-ID");
  const reader = response.body?.getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const events = new Events();
  try {
    while (reader) {
      const part = await nextPart(reader, signal, idleMs);
      const text = part.done ? "" : decoded(decoder, part.value);
      for (const data of events.read(text)) yield JSON.parse(data);
      if (part.done) return;
    }
  } catch (cause) {
    if (cause instanceof CannotCheck) throw cause;
    signal?.throwIfAborted();
    const malformed = cause instanceof SyntaxError || cause instanceof RangeError;
    if (malformed) throw new CannotCheck(`an event cannot be read: ${cause.message}`, { cause, requestId });
    throw new NoAnswer("the stream was interrupted", { cause, requestId });
  } finally {
    // Close the connection if the caller stops early. After an error, it is already closed.
    reader?.cancel().catch(() => {});
  }
}

/**
 * Read the next part. Rejects if the signal aborts, or after a silence of `idleMs`.
 * @param {ReadableStreamDefaultReader<Uint8Array>} reader
 * @param {AbortSignal | undefined} signal
 * @param {number} idleMs
 * @returns {Promise<ReadableStreamReadResult<Uint8Array>>}
 */
function nextPart(reader, signal, idleMs) {
  return new Promise((resolve, reject) => {
    const end = () => reject(signal?.reason);
    const silent = () => reject(new NoAnswer(`the stream has been silent for ${idleMs} ms`));
    const timer = setTimeout(silent, idleMs);
    if (signal?.aborted) end();
    signal?.addEventListener("abort", end, { once: true });
    reader
      .read()
      .then(resolve, reject)
      .finally(() => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
      });
  });
}

/** @param {TextDecoder} decoder @param {Uint8Array} octets */
function decoded(decoder, octets) {
  try {
    return decoder.decode(octets, { stream: true });
  } catch {
    throw new RangeError("it is not UTF-8");
  }
}

/** Parses the `data` of events from text that arrives in parts (WHATWG HTML section 9.2.6). */
class Events {
  #line = "";
  /** @type {string[]} */
  #data = [];
  #size = 0;
  #afterReturn = false;

  /**
   * Yield the events that this part completes. Raises RangeError if one is too long.
   * @param {string} text
   */
  *read(text) {
    if (text === "") return;
    // The two characters of a line end may arrive in different parts.
    const rest = this.#afterReturn && text.startsWith("\n") ? text.slice(1) : text;
    this.#afterReturn = text.endsWith("\r");
    const [first = "", ...more] = rest.split(LINE_END);
    this.#grow(first);
    for (const part of more) {
      const data = this.#end();
      if (data !== null) yield data;
      this.#grow(part);
    }
  }

  /** @param {string} part */
  #grow(part) {
    this.#line += part;
    if (this.#line.length + this.#size > MAX_EVENT) throw new RangeError("it is too long");
  }

  /** End a line. Returns the data of an event if this completes one, else null. */
  #end() {
    const line = this.#line;
    this.#line = "";
    if (line === "") {
      const data = this.#data.length > 0 ? this.#data.join("\n") : null;
      this.#data = [];
      this.#size = 0;
      return data;
    }
    // A comment begins with a colon, so its field name is empty. All fields but `data` are ignored.
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === "data") {
      this.#data.push(value);
      this.#size += value.length + 1;
    }
    return null;
  }
}
