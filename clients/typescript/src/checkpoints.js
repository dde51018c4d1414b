/**
 * Verifies signed checkpoints of the log (C2SP signed-note, tlog-checkpoint).
 * Implements specs/protocol.md sections 8.1, step 3, and 8.4.
 */

import { isPoint, verifiesEd25519 } from "./ed25519.js";
import { EvidenceError } from "./errors.js";
import { byteLength, equal, fromBase64, sha256, utf8 } from "./octets.js";

const MAX_NOTE = 131_072;
const MAX_SIGNATURES = 100;
const KEY_ID_BYTES = 4;
const ED25519 = 1;
// A note may hold any other character. Line feeds separate its lines.
const CONTROL = /[\x00-\x09\x0b-\x1f]|\p{Surrogate}/u;
// No control, no white space as listed in section 8, no plus sign.
const NAME = /^[^\x00-\x20+\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ud800-\udfff]+$/u;
const DECIMAL = /^(?:0|[1-9][0-9]{0,15})$/;
// The suffixes of shards' names. The first shard has the log's own name.
const SHARDS = new Set(Array.from({ length: 256 }, (_, shard) => (shard === 0 ? "" : `/${shard}`)));
export const HASH_BYTES = 32;

/** @typedef {import("./octets.js").Octets} Octets */
/** @typedef {{origin: string, size: number, root: Octets}} Checkpoint the size and root that the log signs */
/** @typedef {{name: string, id: Octets, publicKey: Octets}} NoteKey */

/**
 * Open the checkpoint of a log, or of a shard of it, in a note that one of these keys has signed. A shard has its own
 * origin and signs under its own name. Extension lines are ignored.
 * @param {string} note
 * @param {string[]} vkeys verifier keys in the format of C2SP signed-note
 * @param {string} origin
 * @returns {Promise<Checkpoint>} raises EvidenceError: invalid_signature for the note, invalid_proof if it is not a
 *   checkpoint of that log
 */
export async function openCheckpoint(note, vkeys, origin) {
  const [found = ""] = note.split("\n", 1);
  const shard = found.slice(origin.length);
  const ours = found === origin + shard && SHARDS.has(shard);
  const text = await openNote(note, vkeys, ours ? shard : "");
  const lines = text.slice(0, -1).split("\n");
  const [, size = "", root = ""] = lines;
  if (lines.length < 3 || lines.includes("")) throw invalidProof("the signed note is not a checkpoint");
  if (!ours) throw invalidProof(`the checkpoint is of the log ${JSON.stringify(found)}, not ${origin}`);
  return { origin: found, size: readCount(size), root: readHash(root) };
}

/**
 * Return the text of a note that at least one of these keys has signed. Signatures by other keys are ignored, so that
 * keys can be rotated and witnesses can cosign. One bad signature by a known key makes the note invalid. Only the names
 * that the keys have in this shard count.
 * @param {string} note
 * @param {string[]} vkeys
 * @param {string} shard
 */
async function openNote(note, vkeys, shard) {
  if (byteLength(note) > MAX_NOTE) throw invalidSignature("the note is too long");
  const blank = note.lastIndexOf("\n\n");
  const lines = note.slice(blank + 2).split("\n");
  const ended = lines.pop() === "";
  if (blank < 0 || !ended || lines.length > MAX_SIGNATURES || CONTROL.test(note)) {
    throw invalidSignature("the note is malformed");
  }
  const text = note.slice(0, blank + 1);
  const known = await Promise.all(vkeys.map((each) => readKey(each, shard)));
  let signed = false;
  for (const line of lines) {
    const { name, id, signature } = readSignature(line);
    for (const key of known.filter((each) => each.name === name && equal(each.id, id))) {
      await mustVerify(key, signature, text);
      signed = true;
    }
  }
  if (!signed) throw invalidSignature("the note is not signed by a known key");
  return text;
}

/**
 * Parse a verifier key, and return it with the name and id that it has in a shard. The id in the text must match the
 * name and the key. Otherwise the key would match signatures of other keys.
 * @param {string} vkey
 * @param {string} shard
 * @returns {Promise<NoteKey>}
 */
async function readKey(vkey, shard) {
  const [, name = "", id = "", encoded = ""] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/s.exec(vkey) ?? [];
  const typed = decoded(encoded);
  const publicKey = typed.slice(1);
  if (!NAME.test(name) || typed[0] !== ED25519 || !isPoint(publicKey)) {
    throw invalidSignature(`${JSON.stringify(vkey)} is not an Ed25519 verifier key`);
  }
  if (hex(await keyId(name, typed)) !== id) throw invalidSignature(`${JSON.stringify(vkey)} has a wrong key id`);
  return { name: name + shard, id: await keyId(name + shard, typed), publicKey };
}

/** @param {string} name @param {Octets} typed */
async function keyId(name, typed) {
  return (await sha256(utf8(`${name}\n`), typed)).slice(0, KEY_ID_BYTES);
}

/** @param {string} line */
function readSignature(line) {
  const [, name = "", encoded = ""] = /^— ([^ ]+) ([^ ]+)$/.exec(line) ?? [];
  const octets = decoded(encoded);
  if (!NAME.test(name) || octets.length <= KEY_ID_BYTES) {
    throw invalidSignature("the note has a malformed signature line");
  }
  return { name, id: octets.slice(0, KEY_ID_BYTES), signature: octets.slice(KEY_ID_BYTES) };
}

/** @param {NoteKey} key @param {Octets} signature @param {string} text */
async function mustVerify({ publicKey }, signature, text) {
  if (await verifiesEd25519(publicKey, signature, utf8(text))) return;
  throw invalidSignature("the note's signature does not verify");
}

/**
 * Parse a size or an index: a decimal without leading zeros, below 2^53.
 * @param {string} text
 */
export function readCount(text) {
  const count = Number(text);
  if (!DECIMAL.test(text) || !Number.isSafeInteger(count)) throw invalidProof("a number is not a canonical decimal");
  return count;
}

/** @param {string} text @returns {Octets} */
export function readHash(text) {
  let hash;
  try {
    hash = fromBase64(text);
  } catch (cause) {
    throw invalidProof("a hash is not canonical base64", { cause });
  }
  if (hash.length !== HASH_BYTES) throw invalidProof(`a hash must have ${HASH_BYTES} bytes, not ${hash.length}`);
  return hash;
}

/** @param {string} encoded */
function decoded(encoded) {
  try {
    return fromBase64(encoded);
  } catch (cause) {
    throw invalidSignature("a key or a signature is not canonical base64", { cause });
  }
}

/** @param {Octets} octets */
function hex(octets) {
  return Array.from(octets, (each) => each.toString(16).padStart(2, "0")).join("");
}

/** @param {string} message @param {ErrorOptions} [options] */
function invalidSignature(message, options) {
  return new EvidenceError("invalid_signature", message, options);
}

/** @param {string} message @param {ErrorOptions} [options] */
export function invalidProof(message, options) {
  return new EvidenceError("invalid_proof", message, options);
}
