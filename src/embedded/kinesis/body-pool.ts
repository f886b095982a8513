/**
 * BodyPool: memory for request bodies. A fresh 340 kB buffer costs a page fault every 4 KiB, a used one nothing.
 * Takes  bodies that nobody refers to any more.
 * Gives  buffers of the wanted length over slabs of whole 64 KiB.
 * Owns   at most POOL_BYTES_MAX of idle slabs.
 */
const SLAB_BYTES = 64 * 1024;
const POOL_BYTES_MAX = 64 * 1024 * 1024;

export class BodyPool {
  readonly #idle = new Map<number, ArrayBufferLike[]>();
  readonly #own = new WeakSet<ArrayBufferLike>();
  #idleBytes = 0;

  take(length: number): Buffer {
    if (length < SLAB_BYTES / 4) return Buffer.allocUnsafeSlow(length);
    const bytes = Math.ceil(length / SLAB_BYTES) * SLAB_BYTES;
    const idle = this.#idle.get(bytes)?.pop();
    if (idle !== undefined) {
      this.#idleBytes -= bytes;
      return Buffer.from(idle, 0, length);
    }
    const slab = Buffer.allocUnsafeSlow(bytes);
    this.#own.add(slab.buffer);
    return slab.subarray(0, length);
  }

  /** Buffers that are not from here are ignored. Giving one twice is a defect of the caller. */
  give(body: Buffer): void {
    const bytes = body.buffer.byteLength;
    if (!this.#own.has(body.buffer) || this.#idleBytes + bytes > POOL_BYTES_MAX) return;
    this.#idleBytes += bytes;
    const idle = this.#idle.get(bytes);
    if (idle === undefined) this.#idle.set(bytes, [body.buffer]);
    else idle.push(body.buffer);
  }
}
