/**
 * Reads printed receipts: the texts of their QR codes.
 * Implements specs/protocol.md section 8.5.
 */

import { CannotCheck, EvidenceError } from "./errors.js";
import { MAX_FILE, readEvidence } from "./files.js";

const MARK = "CVR1";
const MAX_TEXT = 4_296;
const MAX_CONTENT = 9 * (MAX_TEXT + 2);
const TEXT = /^CVR1(?:\/([1-9])\/([2-9]))?:([0-9A-Z $%*+./:-]+)$/;
const BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/** @typedef {import("./receipts.js").Evidence} Evidence */

/**
 * Read a saved or a scanned receipt. A scanned one has the text of each QR code of a printed receipt on a line, in any
 * order.
 * @param {Uint8Array | string} content
 * @returns {Promise<Evidence>} raises EvidenceError, and CannotCheck for a scanned one if the platform cannot inflate
 */
export async function readReceipt(content) {
  const octets = typeof content === "string" ? new TextEncoder().encode(content) : content;
  // Lax on purpose: a file that is not ASCII is no printed receipt, whatever its octets become.
  const start = new TextDecoder().decode(octets.subarray(0, 3 + MARK.length));
  return readEvidence(start.startsWith(MARK) ? await contentOf(octets) : octets);
}

/** The content of the receipt file. The work is linear in its length. @param {Uint8Array} scanned */
async function contentOf(scanned) {
  if (!globalThis.DecompressionStream) throw new CannotCheck("this platform cannot read printed receipts");
  try {
    return await inflated(fromBase45(joined(scanned)));
  } catch (cause) {
    const why = cause instanceof RangeError ? cause.message : "its data is damaged or cut off";
    throw new EvidenceError("invalid_evidence", `the printed receipt cannot be read: ${why}`, { cause });
  }
}

/** @param {Uint8Array} scanned */
function joined(scanned) {
  if (scanned.length > MAX_CONTENT) throw new RangeError(`it has more than ${MAX_CONTENT} bytes`);
  /** @type {Map<number, string>} */
  const parts = new Map();
  const numbers = new Set();
  for (const line of new TextDecoder().decode(scanned).split(/\r?\n/)) {
    if (line === "") continue;
    const found = TEXT.exec(line);
    if (found === null || line.length > MAX_TEXT) throw new RangeError("a line is not the text of a symbol");
    const [place, number, data] = [Number(found[1] ?? 1), Number(found[2] ?? 1), found[3] ?? ""];
    numbers.add(number);
    if ((parts.get(place) ?? data) !== data) throw new RangeError(`two different symbols have the number ${place}`);
    parts.set(place, data);
  }
  if (numbers.size !== 1) throw new RangeError("the symbols are of different receipts");
  const [number] = numbers;
  const places = Array.from({ length: number }, (_, at) => at + 1);
  const missing = places.filter((place) => !parts.has(place));
  if (missing.length > 0 || parts.size > number) {
    throw new RangeError(`of ${number} symbols, these are missing: ${missing.join(", ") || "none"}`);
  }
  return places.map((place) => parts.get(place)).join("");
}

/** Decode Base45 (RFC 9285). @param {string} text */
function fromBase45(text) {
  const octets = [];
  for (let at = 0; at < text.length; at += 3) {
    const group = text.slice(at, at + 3);
    const value = [...group].reduce((sum, each, place) => sum + BASE45.indexOf(each) * 45 ** place, 0);
    const length = group.length - 1;
    if (length === 0 || value >= 256 ** length) throw new RangeError("it is not Base45");
    if (length === 2) octets.push(value >> 8);
    octets.push(value & 255);
  }
  return new Uint8Array(octets);
}

/** Inflate one zlib stream (RFC 1950), and no more than a receipt file may hold. @param {Uint8Array<ArrayBuffer>} data */
async function inflated(data) {
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate"));
  const content = new Uint8Array(MAX_FILE);
  let end = 0;
  for (let reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    if (end + value.length > MAX_FILE) {
      reader.cancel().catch(() => {});
      throw new RangeError(`it holds more than ${MAX_FILE} bytes`);
    }
    content.set(value, end);
    end += value.length;
  }
  const found = content.subarray(0, end);
  // Some platforms ignore what follows the stream, whose last 4 octets are the checksum of the content.
  if (new DataView(data.buffer).getUint32(data.length - 4) !== adler32(found)) {
    throw new RangeError("something follows its data");
  }
  return found;
}

/** The checksum of a zlib stream (RFC 1950, section 8.2). @param {Uint8Array} octets */
function adler32(octets) {
  let [one, two] = [1, 0];
  for (const octet of octets) {
    one = (one + octet) % 65_521;
    two = (two + one) % 65_521;
  }
  return two * 65_536 + one;
}
