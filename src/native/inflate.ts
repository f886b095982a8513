/**
 * Inflate: a gzip decoder that is asked step by step, and loses nothing in front of damage.
 * Takes  stored bytes, and room for content.
 * Gives  how much went in and came out; the end of each member, whose CRC and length were right; or what is wrong and where.
 * Owns   the addon's decoder (gunzip.h); without the addon, zlib in JavaScript. Both answer alike.
 *
 * Why not node:zlib: where a step ends in an error, its decoders throw away what the step had brought before, and do not say how much
 * that was. Here the same bytes always give the same content, however they are cut.
 */
import { loadAddon } from './load.ts';

/** What one step did. */
export interface InflateStep {
  /** Bytes of the input that went in. */
  readonly consumed: number;
  /** Bytes of the output that were filled. */
  readonly produced: number;
  /** `more`: give it the rest, or more room. `member-end`: the next byte begins another member, after `reset`. */
  readonly status: 'more' | 'member-end' | 'damaged';
  /** Bits of the consumed bytes that were no longer understood. */
  readonly unusedBits: number;
  /** What is wrong, in zlib's words; empty unless damaged. */
  readonly why: string;
}

export interface Inflater {
  step(input: Uint8Array, output: Uint8Array): InflateStep;
  /** The next byte begins a member. */
  reset(): void;
}

interface NativeInflate {
  openInflate?(isPlain: number): unknown;
  resetInflate(handle: unknown): void;
  stepInflate(handle: unknown, input: Uint8Array, output: Uint8Array, row: Int32Array): string | undefined;
}

/** Cells of the row that a step fills, and what a step says: src/native/constants.h. */
export const STEP = { CONSUMED: 0, PRODUCED: 1, STATUS: 2, UNUSED_BITS: 3, CELLS: 4 } as const;
export const STATUS = ['more', 'member-end', 'damaged'] as const;

/** A decoder of gzip members. */
export async function openInflater(): Promise<Inflater> {
  return openNative() ?? (await import('./inflate-portable.ts')).openPortable();
}

/** Null without the addon. @param isPlain Without instructions that only some processors have: for tests and benches. */
export function openNative(isPlain = false): Inflater | null {
  const native = loadAddon().addon as NativeInflate | null;
  const handle = native?.openInflate?.(isPlain ? 1 : 0);
  if (handle === undefined) return null;
  const row = new Int32Array(STEP.CELLS);
  return {
    step(input, output) {
      const why = native!.stepInflate(handle, input, output, row) ?? '';
      const [consumed, produced, status, unusedBits] = row as unknown as [number, number, number, number];
      return { consumed, produced, status: STATUS[status]!, unusedBits, why };
    },
    reset: () => native!.resetInflate(handle),
  };
}
