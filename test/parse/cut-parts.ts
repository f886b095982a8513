/**
 * Cut parts: what the value cutter makes of bytes that come in chunks, with `JSON.parse` as the scanner.
 * Gives  values and losses as the oracle has them (value-oracle.ts), and the ranges that they stand for.
 */
import assert from 'node:assert';
import { ValueCutter, type ValueTarget } from '../../src/parse/value-cutter.ts';
import type { ValueFinder, ValueLines } from '../../src/scan/values.ts';
import type { Part } from './value-oracle.ts';

export interface CutSettings {
  readonly chunkBytes?: number;
  readonly bytesMax?: number;
  readonly tokens?: readonly string[] | null;
}

/** @param text In latin1. */
export async function cutParts(
  finder: ValueFinder,
  text: string,
  { chunkBytes = 7, bytesMax = 1 << 20, tokens = null }: CutSettings = {},
): Promise<{ parts: Part[]; ranges: [number, number][] }> {
  const parts: Part[] = [];
  const ranges: [number, number][] = [];
  const target: ValueTarget = {
    values(lines: ValueLines, start: number, end: number) {
      for (let i = 0; i < lines.count; i++) {
        const bytes = lines.bytes.subarray(lines.startOf(i), lines.behind(i) - 1);
        const value = Buffer.from(bytes).toString('latin1');
        const offset = lines.offsetOf(i);
        try {
          JSON.parse(value);
        } catch {
          if (offset > start) ranges.push([start, offset]);
          return i;
        }
        parts.push({ kind: 'value', offset, text: value });
      }
      ranges.push([start, end]);
      return lines.count;
    },
    loss({ kind, objectOffset, length, data }, start, end) {
      parts.push({ kind, offset: objectOffset, text: Buffer.from(data).toString('latin1') });
      assert.equal(data.length, Math.min(length, bytesMax, length > bytesMax ? 65_536 : length));
      ranges.push([start, end]);
    },
  };
  const cutter = new ValueCutter({ finder, valueBytesMax: bytesMax, tokens }, target);
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += chunkBytes)
    await cutter.write(bytes.subarray(at, at + chunkBytes));
  await cutter.end();
  return { parts, ranges };
}
