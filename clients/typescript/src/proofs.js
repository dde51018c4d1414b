/**
 * Verifies that the log contains an entry (C2SP tlog-proof; RFC 6962, RFC 9162 section 2.1.3.2).
 * Implements specs/protocol.md section 8.1, steps 3 and 4.
 */

import { invalidProof, openCheckpoint, readCount, readHash } from "./checkpoints.js";
import { byteLength, equal, fromBase64, sha256 } from "./octets.js";

const MAGIC = "c2sp.org/tlog-proof@v1";
const MAX_PROOF = 163_840;
const MAX_HASHES = 64;
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** @typedef {import("./octets.js").Octets} Octets */
/** @typedef {import("./checkpoints.js").Checkpoint} Checkpoint */

/**
 * Verify that the log has this entry.
 * @param {string} text the tlog-proof
 * @param {Octets} entry
 * @param {string[]} vkeys
 * @param {string} origin
 * @returns {Promise<Checkpoint>} raises EvidenceError
 */
export async function verifyProof(text, entry, vkeys, origin) {
  const { index, hashes, note } = readProof(text);
  const checkpoint = await openCheckpoint(note, vkeys, origin);
  const root = await rootFrom(await sha256(LEAF, entry), index, checkpoint.size, hashes);
  if (!equal(root, checkpoint.root)) throw invalidProof("the inclusion proof does not lead to the checkpoint's root");
  return checkpoint;
}

/**
 * Parse a tlog-proof, without verifying it. Only the canonical text of a proof is accepted.
 * @param {string} text
 */
function readProof(text) {
  if (byteLength(text) > MAX_PROOF) throw invalidProof("the proof is too long");
  const blank = text.indexOf("\n\n");
  const [magic, ...lines] = text.slice(0, Math.max(blank, 0)).split("\n");
  const note = text.slice(blank + 2);
  if (magic !== MAGIC || note === "") throw invalidProof("the text is not a tlog-proof");
  if (lines[0]?.startsWith("extra ")) checkExtra(lines.shift() ?? "");
  const [place = "", ...hashes] = lines;
  if (!place.startsWith("index ")) throw invalidProof("the proof is malformed");
  if (hashes.length > MAX_HASHES) throw invalidProof("the proof has too many hashes");
  return { index: readCount(place.slice("index ".length)), hashes: hashes.map(readHash), note };
}

/** Check the form of the extra data. Their content is ignored, since nothing authenticates it. @param {string} line */
function checkExtra(line) {
  try {
    if (fromBase64(line.slice("extra ".length)).length > 0) return;
  } catch (cause) {
    throw invalidProof("the proof's extra data are malformed", { cause });
  }
  throw invalidProof("the proof's extra data are empty");
}

/**
 * Compute the root from a leaf, its index, the size of the tree and an audit path.
 * @param {Octets} leaf
 * @param {number} index
 * @param {number} size
 * @param {Octets[]} path
 */
async function rootFrom(leaf, index, size, path) {
  if (index >= size) throw invalidProof(`a log of size ${size} has no leaf ${index}`);
  let root = leaf;
  let place = index;
  let last = size - 1;
  for (const sibling of path) {
    if (last === 0) throw invalidProof("the proof has too many hashes");
    // At the right edge of the tree, the sibling of an incomplete subtree is on a higher level.
    const alone = place % 2 === 0 && place === last;
    while (alone && place % 2 === 0) {
      place /= 2;
      last /= 2;
    }
    root = place % 2 === 1 ? await sha256(NODE, sibling, root) : await sha256(NODE, root, sibling);
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) throw invalidProof("the proof has too few hashes");
  return root;
}
