/**
 * Buffer pool: memory for batches and request bodies, in powers of two, under one ceiling.
 * Owns  the count of bytes that are out and that are kept for reuse. Never blocks: it says no, and the caller waits for a batch
 * to be acknowledged.
 */
const CLASS_BYTES_MIN = 64 * 1024;
/** Spare buffers that are kept per size. */
const SPARE_MAX = 16;

export class BufferPool {
  readonly budgetBytes: number;
  #outBytes = 0;
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
    // A single buffer larger than the whole budget passes when nothing else is out, or it would wait for ever.
    if (!mustHave && this.#outBytes > 0 && this.#outBytes + classBytes > this.budgetBytes) return null;
    this.#outBytes += classBytes;
    return this.#spare.get(classBytes)?.pop() ?? Buffer.allocUnsafeSlow(classBytes);
  }

  /** Takes a buffer back. The caller keeps no reference. */
  give(buffer: Uint8Array): void {
    this.#outBytes -= buffer.byteLength;
    const spare = this.#spare.get(buffer.byteLength);
    if (!spare) this.#spare.set(buffer.byteLength, [buffer]);
    else if (spare.length < SPARE_MAX) spare.push(buffer);
  }
}

function sizeClass(bytes: number): number {
  let classBytes = CLASS_BYTES_MIN;
  while (classBytes < bytes) classBytes *= 2;
  return classBytes;
}
