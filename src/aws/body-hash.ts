/**
 * Body hash: the SHA-256 of request bodies, which SigV4 signs; the largest single part of what a publisher computes.
 * Takes  bodies, from whoever starts several requests at once.
 * Gives  their hashes in hex, a microtask later: two bodies that wait are hashed side by side, in little more than the time of one.
 * Owns   the bodies that wait. Without the addon, or a processor with SHA instructions, each is hashed alone.
 */
import { createHash, hash } from 'node:crypto';
import { loadAddon } from '../native/load.ts';

interface NativePair {
  /** Writes both digests, 64 bytes. Not there on a processor without SHA instructions. */
  sha256Pair?(first: Uint8Array, second: Uint8Array, out: Uint8Array): void;
}

const DIGEST_BYTES = 32;

interface Waiting {
  readonly body: Uint8Array;
  readonly resolve: (hex: string) => void;
}

export class BodyHasher {
  readonly #pair = (loadAddon().addon as NativePair | null)?.sha256Pair;
  readonly #digests = Buffer.alloc(2 * DIGEST_BYTES);
  #first: Waiting | null = null;

  /** @param parts The body in one piece or several. It must not change until the hash is there. */
  hash(parts: readonly Uint8Array[]): Promise<string> {
    if (parts.length !== 1) return Promise.resolve(hashParts(parts));
    const body = parts[0]!;
    if (this.#pair === undefined) return Promise.resolve(hash('sha256', body, 'hex'));
    return new Promise((resolve) => {
      const first = this.#first;
      if (first === null) {
        this.#first = { body, resolve };
        queueMicrotask(() => this.#hashAlone());
      } else {
        this.#first = null;
        this.#hashPair(first, { body, resolve });
      }
    });
  }

  #hashPair(first: Waiting, second: Waiting): void {
    this.#pair!(first.body, second.body, this.#digests);
    first.resolve(this.#digests.toString('hex', 0, DIGEST_BYTES));
    second.resolve(this.#digests.toString('hex', DIGEST_BYTES));
  }

  /** Nobody came to share the work. */
  #hashAlone(): void {
    const first = this.#first;
    this.#first = null;
    first?.resolve(hash('sha256', first.body, 'hex'));
  }
}

function hashParts(parts: readonly Uint8Array[]): string {
  const hasher = createHash('sha256');
  for (const part of parts) hasher.update(part);
  return hasher.digest('hex');
}
