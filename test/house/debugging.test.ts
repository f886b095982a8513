/** docs/DEBUGGING.md: its variables, fault points and frame are those of the code. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/base/errors.ts';
import { FAULT_ACTIONS, FAULT_POINTS } from '../../src/base/fault-points.ts';
import { LANE_CELL, LANE_DATA_BYTE } from '../../src/ring/layout.ts';
import { createLane } from '../../src/ring/producer.ts';
import { openScanner } from '../../src/scan/open.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const PAGE = read('docs/DEBUGGING.md');
const section = (heading: string) => PAGE.split(`## ${heading}\n`)[1]!.split('\n## ')[0]!;
const rowsOf = (text: string) => [...text.matchAll(/^\| `([\w.-]+)` \|/gm)].map(([, name]) => name!);

it('lists every variable that code, tests and scripts look at, and no other', () => {
  const paths = globSync(['{src,workers,bench,test}/**/*.{ts,mjs,py}', 'package.json'], { cwd: root });
  const looked = paths
    .filter((path) => !/node_modules/.test(path))
    .flatMap((path) => read(path).match(/(?<=\benv\.)MILLRACE_\w+|MILLRACE_\w+(?=['"]?:|=1 )/g) ?? [])
    .filter((name) => !(ERROR_CODES as readonly string[]).includes(name));
  expect(rowsOf(section('Variables')).toSorted()).toEqual([...new Set(looked)].toSorted());
});

it('lists every fault point and what it can do', () => {
  const text = section('Fault points');
  expect(rowsOf(text).toSorted()).toEqual(FAULT_POINTS.toSorted());
  expect(FAULT_ACTIONS.filter((action) => !text.includes(`\`${action}\``))).toEqual([]);
});

it.each([{ portable: false }, { portable: true }])(
  'shows a frame as the scanner writes it (portable: $portable)',
  (options) => {
    const rules = {
      partitionKey: '/id',
      explicitHashKey: null,
      onMissingKey: 'coordinates',
      appendNewline: false,
    } as const;
    const lane = createLane(1 << 16);
    const lanes = { buffers: [lane], starts: BigUint64Array.of(0n, 0n) };
    const scanner = openScanner(
      { ...rules, depthMax: 1024, recordBytesMax: 1 << 20, keyCharsMax: 256 },
      lanes,
      options,
    );
    const bytes = Buffer.from(new SharedArrayBuffer(10));
    bytes.write('{"id":42}\n');
    const piece = {
      bytes,
      start: 0,
      end: bytes.length,
      objectOffset: 4096,
      slice: 7,
      coordinate: Buffer.from('x'),
    };
    expect(scanner.scan(piece, 0)).toMatchObject({ records: 1 });
    const frame = Buffer.from(lane, LANE_DATA_BYTE, new Int32Array(lane)[LANE_CELL.HEAD]);
    const shown = PAGE.match(/```text\n([0-9a-f\s]+)```/)![1]!
      .trim()
      .split(/\s+/);
    // Padding may be anything.
    const framed = [...frame.toString('hex').matchAll(/../g)].map(([byte]) => byte);
    expect(shown).toHaveLength(framed.length);
    expect(shown.slice(0, 51)).toEqual(framed.slice(0, 51));
  },
);
