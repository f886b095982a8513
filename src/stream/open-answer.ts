/**
 * Open answer: chooses between the two readers of GetRecords answers.
 * Takes  the encoding. Gives  the native reader where it is built, else the portable one.
 */
import { loadAddon } from '../native/load.ts';
import type { Answer } from './answer.ts';
import { type GetRecordsKernel, NativeAnswer } from './answer-native.ts';
import { PortableAnswer } from './answer-portable.ts';

/** @param kind Default: native where it is built. JSON is always read portably. */
export function createAnswer(wire: 'cbor' | 'json', kind?: 'native' | 'portable'): Answer {
  if (wire === 'cbor' && kind !== 'portable') {
    const { addon, reason } = loadAddon();
    if (addon && 'decodeGetRecords' in addon) return new NativeAnswer(addon as unknown as GetRecordsKernel);
    if (kind === 'native')
      throw new Error(`Cannot read natively: ${reason ?? 'the addon is of an older build'}`);
  }
  return new PortableAnswer(wire);
}
