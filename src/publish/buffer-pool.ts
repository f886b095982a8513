/**
 * Buffer pool: memory for batches and request bodies, in powers of two, under one ceiling.
 * Owns  the count of bytes that are lent out and that are kept for reuse: together they stay within the ceiling. What is not kept is
 * memory outside the heap that the collector has to chase. Never blocks: it says no, and the caller waits for a batch
 * to be acknowledged.
 *
 * Shared memory is not counted as what a heap holds outside of itself. Memory that is counted makes V8 collect the whole of a small heap again
 * and again in hope of getting some back, in vain, because the pool keeps it. But only what is counted is soon got back once it is let go: so
 * no more than the ceiling is ever made shared, and what has to take the place of buffers that were let go is not.
 */
const CLASS_BYTES_MIN = 64 * 1024;

export class BufferPool {
  readonly budgetBytes: number;
  #outBytes = 0;
  #spareBytes = 0;
  /** Ever made. */
  #sharedBytes = 0;
  readonly #spare = new Map<number, Uint8Array[]>();

  /** @param budgetBytes Bytes that may be out at once. */
  constructor(budgetBytes: number) {
    this.budgetBytes = budgetBytes;
  }

  get outBytes(): number {
    return this.#outBytes;
  }

  /**
   * A buffer of at least `bytes` bytes with unspecified content, or null when the budget is spent.
   * @param mustHave Take it over the budget: for the few that are needed to give others back.
   */
  take(bytes: number, mustHave = false): Uint8Array | null {
    const classBytes = sizeClass(bytes);
    // A single buffer larger than the whole budget passes when nothing else is lent out, or it would wait for ever.
    if (!mustHave && this.#outBytes > 0 && this.#outBytes + classBytes > this.budgetBytes) return null;
    this.#outBytes += classBytes;
    const spare = this.#spare.get(classBytes)?.pop();
    if (spare === undefined) {
      this.#dropSpare();
      return this.#make(classBytes);
    }
    this.#spareBytes -= classBytes;
    return spare;
  }

  /** Takes a buffer back. The caller keeps no reference. */
  give(buffer: Uint8Array): void {
    this.#outBytes -= buffer.byteLength;
    this.#spareBytes += buffer.byteLength;
    const spare = this.#spare.get(buffer.byteLength);
    if (spare === undefined) this.#spare.set(buffer.byteLength, [buffer]);
    else spare.push(buffer);
    this.#dropSpare();
  }

  #make(bytes: number): Uint8Array {
    if (this.#sharedBytes + bytes > this.budgetBytes) return Buffer.allocUnsafeSlow(bytes);
    this.#sharedBytes += bytes;
    return Buffer.from(new SharedArrayBuffer(bytes));
  }

  #dropSpare(): void {
    for (const [classBytes, spare] of this.#spare) {
      while (this.#outBytes + this.#spareBytes > this.budgetBytes && spare.pop())
        this.#spareBytes -= classBytes;
    }
  }
}

function sizeClass(bytes: number): number {
  let classBytes = CLASS_BYTES_MIN;
  while (classBytes < bytes) classBytes *= 2;
  return classBytes;
}
