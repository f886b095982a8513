/**
 * Unzstd: a zstd decoder that is asked step by step, in the thread that asks.
 * Takes  stored bytes of one frame, and room for content.
 * Gives  how much went in and came out, or what is wrong.
 * Owns   the handle of the decoder that Node carries (unzstd.cc). Null without the addon, or on a Node that does not export it: then Node's
 *        own stream has to serve, at twice the CPU time.
 */
import { STEP } from './inflate.ts';
import { loadAddon } from './load.ts';

export interface FrameDecoder {
  /** `why` is empty unless the bytes are damaged. It is done with the input when it has left room. */
  step(input: Uint8Array, output: Uint8Array): { consumed: number; produced: number; why: string };
  /** Gives its window back. */
  close(): void;
}

interface NativeUnzstd {
  openUnzstd?(): unknown;
  closeUnzstd(handle: unknown): void;
  stepUnzstd(handle: unknown, input: Uint8Array, output: Uint8Array, row: Int32Array): string | undefined;
}

export function openFrameDecoder(): FrameDecoder | null {
  const native = loadAddon().addon as NativeUnzstd | null;
  const handle = native?.openUnzstd?.();
  if (handle === undefined) return null;
  const row = new Int32Array(STEP.CELLS);
  return {
    step(input, output) {
      const why = native!.stepUnzstd(handle, input, output, row) ?? '';
      return { consumed: row[STEP.CONSUMED]!, produced: row[STEP.PRODUCED]!, why };
    },
    close: () => native!.closeUnzstd(handle),
  };
}
