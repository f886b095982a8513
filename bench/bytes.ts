/**
 * Question: what do things cost that are done to every byte: copying it into shared memory, hashing it for the signature, the checksum of aggregates?
 * Workloads: chunks of 64 KiB, as sockets give them, copied to places that do and do not lie alike in their words; bodies of 400 KiB,
 * two at a time and sixteen, as a publisher signs them; 12 aggregates of 50 KiB, as a request has them, and 24, in each way of the addon that
 * this processor has. Contenders give equal bytes and equal hashes, or the clock does not start.
 * Run: `node bench/bytes.ts [--keep FOLDER] [--smoke]`.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { hash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { copyBytes } from '../src/native/copy.ts';
import { loadAddon } from '../src/native/load.ts';
import { takeTurns } from './clock.ts';
import { type Figure, report } from './report.ts';

const { values: flags } = parseArgs({
  options: { keep: { type: 'string' }, smoke: { type: 'boolean', default: false } },
});
const CHUNK_BYTES = 64 * 1024;
const CHUNKS = flags.smoke ? 2 : 64;
const BODY_BYTES = 400 * 1024;

const { addon, reason } = loadAddon();
const notes =
  addon === null ? [`The native addon is not built: only the platform's own code runs (${reason}).`] : [];
const figures: Figure[] = [];

function addFigures(
  name: string,
  megabytes: number,
  base: string,
  rounds: Awaited<ReturnType<typeof takeTurns>>,
) {
  for (const [contender, own] of rounds) {
    const row = { case: name, contender };
    figures.push(
      { ...row, metric: 'MB per CPU-s', values: own.map(({ cpuNs }) => (megabytes * 1e9) / cpuNs) },
      {
        ...row,
        metric: `x ${base}, CPU`,
        values: own.map(({ cpuNs }, i) => rounds.get(base)![i]!.cpuNs / cpuNs),
      },
    );
  }
}

const chunk = new Uint8Array(CHUNK_BYTES).map((_, i) => i * 7);
const shared = new Uint8Array(new SharedArrayBuffer((CHUNKS + 1) * CHUNK_BYTES));
for (const shift of [0, 3]) {
  const each = (copy: (at: number) => void) => () => {
    for (let i = 0; i < CHUNKS; i++) copy(i * CHUNK_BYTES + shift);
  };
  const subjects = [
    { name: 'TypedArray.set', itemsPerCall: CHUNKS, run: each((at) => shared.set(chunk, at)) },
    { name: 'copyBytes', itemsPerCall: CHUNKS, run: each((at) => copyBytes(shared, at, chunk)) },
  ];
  for (const { run } of subjects) {
    shared.fill(0);
    run();
    deepStrictEqual(shared.subarray(shift, shift + CHUNK_BYTES), chunk);
  }
  const name = `copy 64 KiB into shared memory, ${shift} bytes off the source's words`;
  addFigures(name, CHUNK_BYTES / 1e6, 'TypedArray.set', await takeTurns(subjects, flags.smoke));
}

const bodies = [3, 5].map((seed) => new Uint8Array(BODY_BYTES).map((_, i) => i * seed));
const [first, second] = bodies as [Uint8Array, Uint8Array];
const digests = Buffer.alloc(64);
const alone = () => [hash('sha256', first, 'hex'), hash('sha256', second, 'hex')];
const subjects = [{ name: 'node:crypto', itemsPerCall: 2, run: alone as () => unknown }];
const sha256Pair = addon?.sha256Pair as ((...bytes: Uint8Array[]) => void) | undefined;
if (sha256Pair === undefined) {
  notes.push('No hashing side by side: the addon or the SHA instructions of the processor are missing.');
} else {
  sha256Pair(first, second, digests);
  deepStrictEqual([digests.toString('hex', 0, 32), digests.toString('hex', 32)], alone());
  subjects.push({ name: 'two side by side', itemsPerCall: 2, run: () => sha256Pair(first, second, digests) });
}
addFigures(
  'SHA-256 of two bodies of 400 KiB',
  BODY_BYTES / 1e6,
  'node:crypto',
  await takeTurns(subjects, flags.smoke),
);

const many = Array.from({ length: 16 }, (_, seed) =>
  new Uint8Array(BODY_BYTES).map((_, i) => i * (seed + 3)),
);
const sha256Many = addon?.sha256Many as ((bodies: Uint8Array[], out: Uint8Array) => void) | undefined;
if (sha256Pair === undefined || sha256Many === undefined) {
  notes.push('No hashing of sixteen bodies at once: the addon, the SHA instructions or AVX-512 are missing.');
} else {
  const out = Buffer.alloc(16 * 32);
  sha256Many(many, out);
  deepStrictEqual(
    many.map((_, i) => out.toString('hex', 32 * i, 32 * i + 32)),
    many.map((body) => hash('sha256', body)),
  );
  const pairs = () => {
    for (let i = 0; i < many.length; i += 2) sha256Pair(many[i]!, many[i + 1]!, digests);
  };
  const both = [
    { name: 'two by two', itemsPerCall: 16, run: pairs },
    { name: 'sixteen at once', itemsPerCall: 16, run: () => sha256Many(many, out) },
  ];
  addFigures(
    'SHA-256 of sixteen bodies of 400 KiB',
    BODY_BYTES / 1e6,
    'two by two',
    await takeTurns(both, flags.smoke),
  );
}

const md5By = addon?.md5By as
  | ((kernel: number, messages: Uint8Array[], out: Uint8Array) => string | undefined)
  | undefined;
for (const count of md5By === undefined ? [] : [12, 24]) {
  const aggregates = Array.from({ length: count }, (_, i) => chunk.slice(i, i + 51_200));
  const out = Buffer.alloc(16 * count);
  const ways = [];
  for (let kernel = 0; ; kernel++) {
    const run = () => md5By!(kernel, aggregates, out);
    const name = run();
    if (name === undefined) break;
    deepStrictEqual(
      aggregates.map((_, i) => out.toString('hex', 16 * i, 16 * i + 16)),
      aggregates.map((aggregate) => hash('md5', aggregate)),
    );
    ways.push({ name, itemsPerCall: count, run });
  }
  const title = `MD5 of ${count} aggregates of 50 KiB`;
  addFigures(title, 0.0512, ways.at(-1)!.name, await takeTurns(ways, flags.smoke));
}
report('what do copying and hashing cost?', figures, { keep: flags.keep, notes });
