/** Stand still: this thread does nothing for a while, and sees nothing, as the threads of a process that is stopped. No CPU time passes. */
export function standStill(durationMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0, durationMs);
}
