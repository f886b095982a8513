/**
 * Workloads: the list of all of them, by the names that reports use.
 * Gives  name, partition key pointer and generator. Equal options give equal bytes.
 */
import { CLICKS_KEY, clicks } from './clicks.ts';
import { GITHUB_KEY, github } from './github.ts';
import type { WorkloadOptions } from './lines.ts';
import { deep, invalidOnePercent, numbers, SHAPES_KEY, unicode, wide } from './shapes.ts';

export { clicks, github };

export interface Workload {
  readonly name: string;
  /** JSON Pointer to the partition key. */
  readonly key: string;
  /** Bytes of a line with its line end, on average; for choosing a line count. */
  readonly lineBytes: number;
  readonly generate: (options: WorkloadOptions) => Buffer;
}

export const WORKLOADS: readonly Workload[] = [
  { name: 'clicks-77', key: CLICKS_KEY, lineBytes: 77, generate: clicks },
  { name: 'github-684', key: GITHUB_KEY, lineBytes: 684, generate: github },
  { name: 'wide-4k', key: SHAPES_KEY, lineBytes: 4096, generate: wide },
  { name: 'deep', key: SHAPES_KEY, lineBytes: 350, generate: deep },
  { name: 'unicode-heavy', key: SHAPES_KEY, lineBytes: 610, generate: unicode },
  { name: 'numbers-heavy', key: SHAPES_KEY, lineBytes: 430, generate: numbers },
  { name: 'invalid-1pct', key: CLICKS_KEY, lineBytes: 77, generate: invalidOnePercent },
];
