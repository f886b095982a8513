/**
 * Settled set: remembers which objects are finished, for ten million of them.
 * Takes  pinned objects.
 * Gives  `exact` (this object with this ETag and size), `other` (this key, but another ETag or size), or `absent`.
 * Owns   an open-addressing table of three u32 a slot: 64 bits of SHA-256 over bucket and key, 32 over ETag and size.
 * Never  keeps a key.
 *
 * Memory: 12 bytes a slot, at most 3/4 of the slots used: 10 million objects take 16.8 million slots, 201 MB, and half as much
 * again for the moment in which the table doubles. An object is taken for finished by mistake only if 96 bits agree by chance:
 * for 10 million finished and 10 million new ones 10^14 / 2^96, about 1 in 10^15.
 */
import { hash } from 'node:crypto';
import { bareEtag } from '../aws/etag.ts';
import type { PinnedObject } from './entries.ts';

const SLOT_COUNT_MIN = 1024;
/** What stands for an object in a file: three u32, little-endian. */
export const FINGERPRINT_BYTES = 12;

export class SettledSet {
  #slots = new Uint32Array(SLOT_COUNT_MIN * 3);
  #mask = SLOT_COUNT_MIN - 1;
  #size = 0;
  readonly #probe = new Uint32Array(3);

  get size(): number {
    return this.#size;
  }

  add(object: PinnedObject): void {
    this.#load(object);
    this.#insertProbe();
  }

  /** All objects, in no order. */
  fingerprints(): Buffer {
    const bytes = Buffer.alloc(this.#size * FINGERPRINT_BYTES);
    let end = 0;
    for (let at = 0; at < this.#slots.length; at += 3) {
      const words = this.#slots.subarray(at, at + 3);
      if (words.every((word) => word === 0)) continue;
      for (const word of words) end = bytes.writeUInt32LE(word, end);
    }
    return bytes;
  }

  addFingerprints(bytes: Buffer): void {
    for (let at = 0; at + FINGERPRINT_BYTES <= bytes.length; at += FINGERPRINT_BYTES) {
      for (let i = 0; i < 3; i++) this.#probe[i] = bytes.readUInt32LE(at + 4 * i);
      this.#insertProbe();
    }
  }

  find(object: PinnedObject): 'exact' | 'other' | 'absent' {
    this.#load(object);
    const [a, b, c] = this.#probe as unknown as [number, number, number];
    const slots = this.#slots;
    let found: 'other' | 'absent' = 'absent';
    for (let slot = a & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = slot * 3;
      if ((slots[at]! | slots[at + 1]! | slots[at + 2]!) === 0) return found;
      if (slots[at] !== a || slots[at + 1] !== b) continue;
      if (slots[at + 2] === c) return 'exact';
      found = 'other';
    }
  }

  #insertProbe(): void {
    if ((this.#size + 1) * 4 > (this.#mask + 1) * 3) this.#grow();
    const [a, b, c] = this.#probe as unknown as [number, number, number];
    if (this.#insert(this.#slots, this.#mask, a, b, c)) this.#size += 1;
  }

  #load(object: PinnedObject): void {
    // A newline cannot be in a bucket's name, so that no two pairs give the same text.
    const name = hash('sha256', `${object.bucket}\n${object.key}`, 'buffer');
    const version = hash('sha256', `${bareEtag(object.etag)}\n${object.size}`, 'buffer');
    this.#probe[0] = name.readUInt32LE(0);
    this.#probe[1] = name.readUInt32LE(4);
    this.#probe[2] = version.readUInt32LE(0) | 1; // never 0, for three zeros mean an empty slot
  }

  #insert(slots: Uint32Array, mask: number, a: number, b: number, c: number): boolean {
    for (let slot = a & mask; ; slot = (slot + 1) & mask) {
      const at = slot * 3;
      if ((slots[at]! | slots[at + 1]! | slots[at + 2]!) === 0) {
        slots[at] = a;
        slots[at + 1] = b;
        slots[at + 2] = c;
        return true;
      }
      if (slots[at] === a && slots[at + 1] === b && slots[at + 2] === c) return false;
    }
  }

  #grow(): void {
    const old = this.#slots;
    const mask = (this.#mask + 1) * 2 - 1;
    const slots = new Uint32Array((mask + 1) * 3);
    for (let at = 0; at < old.length; at += 3) {
      if ((old[at]! | old[at + 1]! | old[at + 2]!) !== 0)
        this.#insert(slots, mask, old[at]!, old[at + 1]!, old[at + 2]!);
    }
    this.#slots = slots;
    this.#mask = mask;
  }
}
