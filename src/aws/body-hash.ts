/**
 * Body hash: the SHA-256 of request bodies, which SigV4 signs; the largest single part of what a publisher computes.
 * Takes  bodies, from whoever starts requests; how many requests are under way.
 * Gives  their hashes in hex: two bodies that wait are hashed side by side, in little more than the time of one. One that is alone waits
 *        until the callbacks that are due have run, and for two milliseconds where answers to other requests will soon bring a second.
 *        Sixteen bodies that are there at once are hashed in 0.6 of the time that they take two by two (`hashBodies`).
 *        What is to be done to bodies before that, for two at once, too, is the caller's: `finish`.
 * Owns   the body that waits. Short bodies never do; without the addon, or a processor with SHA instructions, none does.
 */
import { createHash, hash } from 'node:crypto';
import { loadAddon } from '../native/load.ts';

interface NativePair {
  /** Writes both digests, 64 bytes. Not there on a processor without SHA instructions. */
  sha256Pair?(first: Uint8Array, second: Uint8Array, out: Uint8Array): void;
  /** Writes 32 bytes for each body. Not there on a processor without AVX-512. */
  sha256Many?(bodies: readonly Uint8Array[], out: Uint8Array): void;
}

const DIGEST_BYTES = 32;
/** Below this a second body saves less than what waiting for it costs. */
const PAIRED_BYTES_MIN = 8 * 1024;
/** A body of 500 records of 684 bytes costs 0.2 ms alone and 0.1 beside another one. */
const PATIENCE_MS = 2;
/** With so many requests under way the next body is a matter of a millisecond. */
const BUSY_CALLS_MIN = 4;

/** As many bodies as the widest vectors have lanes (src/native/sha256-many.cc). */
const MANY_BODIES = 16;
/** Fewer are hashed as fast two by two. */
const MANY_BODIES_MIN = 12;

interface Waiting {
  readonly body: Uint8Array;
  readonly resolve: (hex: string) => void;
}

export class BodyHasher {
  readonly #pair = (loadAddon().addon as NativePair | null)?.sha256Pair;
  readonly #digests = Buffer.alloc(2 * DIGEST_BYTES);
  readonly #finish: (bodies: readonly Uint8Array[]) => void;
  #first: Waiting | null = null;
  #timer: NodeJS.Timeout | undefined;

  /** @param finish Told bodies that are in one piece, right before they are hashed: it may still change them. It does not throw. */
  constructor(finish: (bodies: readonly Uint8Array[]) => void = () => {}) {
    this.#finish = finish;
  }

  /**
   * @param parts The body in one piece or several. It must not change until the hash is there.
   * @param callCount Requests under way, this one among them.
   */
  hash(parts: readonly Uint8Array[], callCount = 1): string | Promise<string> {
    if (parts.length !== 1) return hashParts(parts);
    const body = parts[0]!;
    if (this.#pair === undefined || body.length < PAIRED_BYTES_MIN) return this.#hashOne(body);
    return new Promise((resolve) => {
      const first = this.#first;
      if (first !== null) {
        this.#first = null;
        clearTimeout(this.#timer);
        this.#hashPair(first, { body, resolve });
        return;
      }
      const waiting = { body, resolve };
      this.#first = waiting;
      if (callCount < BUSY_CALLS_MIN) setImmediate(() => this.#hashAlone(waiting));
      else this.#timer = setTimeout(() => this.#hashAlone(waiting), PATIENCE_MS);
    });
  }

  #hashPair(first: Waiting, second: Waiting): void {
    this.#finish([first.body, second.body]);
    this.#pair!(first.body, second.body, this.#digests);
    first.resolve(this.#digests.toString('hex', 0, DIGEST_BYTES));
    second.resolve(this.#digests.toString('hex', DIGEST_BYTES));
  }

  /** Hashes what nobody came to share the work with. */
  #hashAlone(waiting: Waiting): void {
    if (this.#first !== waiting) return;
    this.#first = null;
    waiting.resolve(this.#hashOne(waiting.body));
  }

  #hashOne(body: Uint8Array): string {
    this.#finish([body]);
    return hash('sha256', body, 'hex');
  }
}

/** How many bodies `hashBodies` wants at once; 0: this machine hashes many no faster than two. */
export function bodiesAtOnce(): number {
  return (loadAddon().addon as NativePair | null)?.sha256Many === undefined ? 0 : MANY_BODIES;
}

/**
 * Hashes bodies that are there already.
 * @param bodies At most `bodiesAtOnce()`. @returns Their hashes in hex; null where that would save nothing: they are too few.
 */
export function hashBodies(bodies: readonly Uint8Array[]): readonly string[] | null {
  const many = (loadAddon().addon as NativePair | null)?.sha256Many;
  if (many === undefined || bodies.length < MANY_BODIES_MIN) return null;
  const digests = Buffer.allocUnsafe(bodies.length * DIGEST_BYTES);
  many(bodies, digests);
  return bodies.map((_, i) => digests.toString('hex', i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES));
}

function hashParts(parts: readonly Uint8Array[]): string {
  const hasher = createHash('sha256');
  for (const part of parts) hasher.update(part);
  return hasher.digest('hex');
}
