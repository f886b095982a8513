/** Transformer: slices of lines through stages and into lanes, and what is said of each line. */
import { describe, expect, it } from 'vitest';
import { createParseShared } from '../../src/parse/setup.ts';
import { Transformer } from '../../src/parse/transformer.ts';
import { Trial } from '../../src/parse/trial.ts';
import { Workbench } from '../../src/parse/workbench.ts';
import { FRAME } from '../../src/record/frame.ts';
import { Guard } from '../../src/scan/guard.ts';
import { openScanner } from '../../src/scan/open.ts';
import type { RecordRules, ScanPiece, ScanResult } from '../../src/scan/scanner.ts';
import { Pipeline } from '../../src/shape/pipeline.ts';
import type { RunningStage } from '../../src/shape/stage.ts';
import { openLanes, RULES, readAll } from '../scan/harness.ts';

const COORDINATE = Buffer.from('c');

describe.each([{ portable: false }, { portable: true }])(
  'the transformer, portable: $portable',
  ({ portable }) => {
    /** @param roomFor The run is stopped when the lane has no room for more: after so many records. */
    async function run(
      text: string,
      stage: RunningStage['run'],
      {
        rules = {},
        only = null,
        roomFor = Number.POSITIVE_INFINITY,
      }: {
        readonly rules?: Partial<RecordRules>;
        readonly only?: Readonly<Record<number, readonly number[]>> | null;
        readonly roomFor?: number;
      } = {},
    ) {
      const all = { ...RULES, ...rules };
      const lanes = openLanes(1, 1 << 20);
      const guard = new Guard();
      const transformer = new Transformer({
        bench: new Workbench(all, 1 << 20, { portable, shaper: null }),
        pipeline: new Pipeline([{ label: '1 use', run: stage }], { guard, timeoutMs: 1000 }),
        checker: openScanner(all, openLanes(0), { portable }),
        ...{ hasSchema: false, trial: new Trial(createParseShared().buffer, false) },
      });
      const bytes = Buffer.from(text);
      const piece = {
        bytes,
        start: 0,
        end: bytes.length,
        objectOffset: 1000,
        slice: 3,
        coordinate: COORDINATE,
      };
      const scanner = openScanner(all, lanes, { portable });
      let written = 0;
      const write = (outputs: ScanPiece, onResult: (result: ScanResult) => void) => {
        const starts = [...outputs.outputs!.rows].filter((_, i) => i % 3 === 0);
        const room = starts[roomFor - written] ?? outputs.end;
        for (let at = outputs.start; ; ) {
          const result = scanner.scan({ ...outputs, end: room }, at);
          written += result.records;
          onResult(result);
          if (result.status === 'done') return room;
          at = result.next;
        }
      };
      const outcome = await transformer.run([piece], only && ((offset) => only[offset] ?? []), write);
      const frames = readAll(lanes, 0).map(({ key, data, slice, lineOffset }) => [
        key,
        data,
        slice >>> 16,
        lineOffset,
      ]);
      expect(FRAME.HEADER_BYTES).toBe(40);
      return { outcome, frames };
    }

    const text = '{"n":[1,2]}\r\n\n  {"n":[]}\n{bad}\n{"n":[3]}\n{"n":[4,"no"]}';
    const each: RunningStage['run'] = (value) =>
      (value as { n: unknown[] }).n.map((n) => {
        if (typeof n === 'string') throw new Error('no number');
        return { n };
      });

    it('accounts for every line, and gives each record the place of its line', async () => {
      const { outcome, frames } = await run(text, each);
      expect(frames).toEqual([
        ['c:1000', '{"n":1}', 0, 1000],
        ['c:1000.1', '{"n":2}', 1, 1000],
        ['c:1031', '{"n":3}', 0, 1031],
      ]);
      expect(outcome).toMatchObject({
        ...{ lines: 6, blank: 1, filtered: 1, added: 1, reached: null },
        rejects: [
          { code: 'INVALID_JSON', objectOffset: 1025 },
          { code: 'TRANSFORM', objectOffset: 1041, start: 41, end: text.length },
        ],
      });
    });

    it.each([
      [
        'is too large',
        { recordBytesMax: 60 },
        { code: 'TRANSFORM', message: expect.stringContaining('larger') },
      ],
      ['nests too deep', { depthMax: 2 }, { code: 'TRANSFORM', message: expect.stringContaining('deeper') }],
      ['has no key', { partitionKey: '/k' }, { code: 'MISSING_KEY' }],
    ])('sends nothing of a line of which one output %s', async (_, rules, why) => {
      const outputs = [{ k: 'a' }, { k: { deep: ['x'.repeat(60)] } }];
      const { outcome, frames } = await run('1\n2', (value) => (value === 1 ? outputs : { k: 'b' }), {
        rules,
      });
      expect(frames.map(([, data]) => data)).toEqual(['{"k":"b"}']);
      expect(outcome).toMatchObject({ lines: 2, added: 0, rejects: [{ ...why, start: 0, end: 1 }] });
    });

    it('sends only the outputs that are wanted, and counts a line by its first one', async () => {
      const { outcome, frames } = await run('1\n2\n', (value) => [value, -(value as number), 0], {
        only: { 1000: [1, 2], 1002: [0] },
      });
      expect(frames.map(([key, data]) => [key, data])).toEqual([
        ['c:1000.1', '-1'],
        ['c:1000.2', '0'],
        ['c:1002', '2'],
      ]);
      expect(outcome).toMatchObject({ lines: 1, added: 2 });
    });

    it('ends before the line that has no room when the run is being stopped, and knows whether a part of it is out', async () => {
      const lines = '\n1\nbad\n2\n{bad\n3\n';
      const stage: RunningStage['run'] = (value) => [value, value];
      const whole = await run(lines, stage, { roomFor: 2 });
      expect(whole.outcome).toEqual({
        ...{ lines: 3, blank: 1, filtered: 0, unsampled: 0, added: 1, reached: 1007, unwritten: [] },
        rejects: [expect.objectContaining({ objectOffset: 1003 })],
      });
      const torn = await run(lines, stage, { roomFor: 3 });
      // The line of which a part is out is dealt with: the rest of it is left.
      expect(torn.outcome).toMatchObject({ lines: 5, added: 2, reached: 1014, rejects: [{}, {}] });
      expect(
        torn.outcome.unwritten.map(({ bytes, start, end }) => String(bytes.subarray(start, end))),
      ).toEqual(['2\n']);
      expect(torn.frames.map(([, data]) => data)).toEqual(['1', '1', '2']);
    });

    it('trusts no JSON that a module has put in the place of the platform', async () => {
      const { stringify } = JSON;
      try {
        JSON.stringify = (value: unknown) => (value === 2 ? '{"k":2}, bad' : stringify(value));
        const { outcome, frames } = await run('1\n2\n3\n', (value) => value);
        expect(frames.map(([, data]) => data)).toEqual(['1', '3']);
        expect(outcome).toMatchObject({ lines: 3, rejects: [{ code: 'TRANSFORM', objectOffset: 1002 }] });
      } finally {
        JSON.stringify = stringify;
      }
    });

    it('mixes bytes and JSON in their order', async () => {
      const { frames } = await run('1\n2\n3\n', (value) => (value === 2 ? Buffer.from('t\nwo') : value));
      expect(frames.map(([, data, , offset]) => [data, offset])).toEqual([
        ['1', 1000],
        ['t\nwo', 1002],
        ['3', 1004],
      ]);
    });
  },
);
