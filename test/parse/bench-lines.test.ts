/** Lines between the scanner and stages: parsed many at a time, they are what each of them is on its own. */
import { deepStrictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Workbench } from '../../src/parse/workbench.ts';
import { Guard } from '../../src/scan/guard.ts';
import type { ScanPiece } from '../../src/scan/scanner.ts';
import { addFigures, type StageFigures } from '../../src/shape/figures.ts';
import type { LineOutcome } from '../../src/shape/line-outcome.ts';
import { Pipeline, type PipelineLines } from '../../src/shape/pipeline.ts';
import type { RunningStage } from '../../src/shape/stage.ts';
import { RULES } from '../scan/harness.ts';
import { lineText } from '../shape/prefix/generators.ts';

type Run = RunningStage['run'];

const OFFSET = 1000;
const ODD_LINES = [
  '{"__proto__":{"a":1},"a":2,"a":3}',
  '{"n":12345678901234567890,"z":-0,"e":1e400,"f":1.0}',
  '"\\ud800"',
  '{"é":"\u{1f600}","ü":"\u00ff"}',
  'null',
  `${'['.repeat(900)}${']'.repeat(900)}`,
  `{"long":"${'x'.repeat(40_000)}"}`,
  '[]',
  '{"then":1}',
];

function benchOf(portable: boolean): Workbench {
  return new Workbench(RULES, 1 << 20, { portable, shaper: null });
}

function pieceOf(bytes: Buffer, start = 0, end = bytes.length): ScanPiece {
  return { bytes, start, end, objectOffset: OFFSET + start, slice: 1, coordinate: Buffer.from('c') };
}

const placeAt = (offset: number) => ({ bucket: 'b', key: 'k', modifiedMs: null, offset });
const open = (run: Run) =>
  new Pipeline([{ label: '1 use', run }], { guard: new Guard({ lineCpuMsMax: 400 }), timeoutMs: 400 });

/** All lines that a workbench has read, in one go. */
async function together(portable: boolean, lines: readonly string[], run: Run) {
  const { source, offsets } = benchOf(portable).read([pieceOf(Buffer.from(lines.join('\n')))]);
  const pipeline = open(run);
  const passing: PipelineLines = {
    count: source.count,
    textAt: (line) => source.textAt(line),
    valueAt: (line) => source.valueAt(line),
    placeAt: (line) => placeAt(offsets[line]!),
  };
  return { outcomes: await pipeline.run(passing), figures: withoutTime(pipeline.takeFigures()) };
}

/** Each line on its own: parsed by itself, in a pipeline that has seen no other. */
async function apart(lines: readonly string[], run: Run) {
  const outcomes: LineOutcome[] = [];
  const figures: StageFigures[] = [];
  let offset = OFFSET;
  for (const line of lines) {
    const place = placeAt(offset);
    const pipeline = open(run);
    const passing = { count: 1, textAt: () => line, valueAt: () => JSON.parse(line), placeAt: () => place };
    outcomes.push(...(await pipeline.run(passing)));
    addFigures(figures, pipeline.takeFigures());
    offset += Buffer.byteLength(line) + 1;
  }
  return { outcomes, figures: withoutTime(figures) };
}

function withoutTime(figures: readonly StageFigures[]): readonly Omit<StageFigures, 'timeMs'>[] {
  return figures.map(({ timeMs, ...counts }) => (timeMs >= 0 ? counts : { ...counts, label: 'no time' }));
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Modules that do what none should, each with a state of its own. */
const MODULES: Readonly<Record<string, () => Run>> = {
  'gives what it gets': () => (value) => value,
  'changes what it gets': () => (value) => {
    if (isObject(value)) for (const name of Object.keys(value)) value[name] = [value[name], name];
    return value;
  },
  'gives one object again and again': () => {
    const shared: Record<string, unknown> = {};
    return (value, place) => Object.assign(shared, { value, at: place.offset });
  },
  'puts one object into all of its records': () => {
    const shared = { seen: 0 };
    return (value) => {
      shared.seen++;
      return { value, shared };
    };
  },
  'changes the line before': () => {
    let before: unknown = null;
    return (value) => {
      if (isObject(before)) before.late = true;
      before = value;
      return value;
    };
  },
  'drops, and gives many':
    () =>
    (value, { offset }) =>
      [undefined, null, [value, null, value], []][offset % 4],
  'gives bytes':
    () =>
    (value, { offset }) =>
      offset % 2 ? Buffer.from(JSON.stringify(value)) : value,
  'gives what JSON cannot hold': () => {
    const circle: Record<string, unknown> = {};
    circle.self = { circle };
    const odd = [1n, { n: 1n }, circle, () => 1, Symbol('s'), { s: Symbol('s'), f: () => 1 }];
    return (value, { offset }) => [...odd, value, [() => 1, value]][offset % 8];
  },
  'says itself what it is in JSON':
    () =>
    (value, { offset }) =>
      [
        { toJSON: () => undefined },
        { toJSON: (key: string) => ({ key, value }) },
        {
          toJSON() {
            throw new TypeError('not today');
          },
        },
        new Date(offset),
        { inner: { toJSON: (key: string) => key } },
        value,
      ][offset % 6],
  'gives objects of other kinds':
    () =>
    (value, { offset }) =>
      [
        new Map([[1, 2]]),
        Object.assign(Object.create(null), { value }),
        new Proxy({ value }, {}),
        'text',
        5,
        -0,
      ][offset % 6],
  'throws now and then':
    () =>
    (value, { offset }) => {
      if (offset % 3 === 0) throw new RangeError(`no ${typeof value}`);
      return value;
    },
  'waits now and then':
    () =>
    (value, { offset }) => {
      if (offset % 3 === 0) return Promise.resolve(value);
      // biome-ignore lint/suspicious/noThenProperty: a promise of somebody else's.
      return offset % 3 === 1 ? { then: (done: (one: unknown) => void) => done([value, value]) } : value;
    },
  'nests too deep to be written':
    () =>
    (value, { offset }) => {
      let deep: unknown = value;
      if (offset % 2) for (let i = 0; i < 100_000; i++) deep = [deep];
      return isObject(deep) ? deep : { deep };
    },
};

describe.each([{ portable: false }, { portable: true }])(
  'lines on the bench, portable: $portable',
  ({ portable }) => {
    it('are the values and texts that each line is on its own, whatever is between them', () => {
      fc.assert(
        fc.property(
          fc.array(
            fc.tuple(
              fc.oneof(lineText, fc.constantFrom(...ODD_LINES)),
              fc.constantFrom('\n', '\r\n', ' \n\n'),
            ),
            {
              maxLength: 40,
            },
          ),
          (lines) => {
            const bytes = Buffer.from(lines.flat().join(''));
            const { source, offsets } = benchOf(portable).read([pieceOf(bytes)]);
            const texts = lines.map(([text]) => text.trim());
            expect(source.count).toBe(texts.length);
            const values = texts.map((_, line) => source.valueAt(line));
            deepStrictEqual(
              values,
              texts.map((text) => JSON.parse(text)),
            );
            expect(texts.map((_, line) => source.textAt(line))).toEqual(texts);
            const starts = offsets.map((offset) => bytes.toString('utf8', offset - OFFSET).trimStart());
            for (const [line, start] of starts.entries()) expect(start.startsWith(texts[line]!)).toBe(true);
          },
        ),
        { numRuns: process.env.MILLRACE_HEAVY ? 3000 : 150 },
      );
    });

    it.each(Object.entries(MODULES))(
      'come to the same as each on its own where a module %s',
      async (_, module) => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.oneof(lineText, fc.constantFrom(...ODD_LINES)), { minLength: 1, maxLength: 30 }),
            async (texts) => {
              const lines = texts.map((text) => text.trim());
              const [many, single] = [
                await together(portable, lines, module()),
                await apart(lines, module()),
              ];
              expect(many).toStrictEqual(single);
            },
          ),
          { numRuns: process.env.MILLRACE_HEAVY ? 500 : 15 },
        );
      },
    );

    it('are named where a module hangs on them, and the others come as they are', async () => {
      const asked: unknown[] = [];
      const { outcomes, figures } = await together(
        portable,
        Array.from({ length: 20 }, (_, n) => `{"n":${n}}`),
        (value) => {
          const record = value as { n: number; twice?: true };
          if (record.n === 7) asked.push(structuredClone(record));
          record.twice = true;
          while (record.n === 7);
          return record;
        },
      );
      expect(outcomes[7]).toEqual({ code: 'TRANSFORM', message: expect.stringMatching(/longer than/) });
      expect(outcomes.toSpliced(7, 1)).toEqual(
        Array.from({ length: 20 }, (_, n) => `{"n":${n},"twice":true}`).toSpliced(7, 1),
      );
      // Each time as it came.
      expect(asked.length).toBeGreaterThan(1);
      for (const one of asked) expect(one).toEqual({ n: 7 });
      expect(figures).toMatchObject([{ in: 20, out: 19, failed: 1 }]);
    });

    it('have a value of their own for whoever asks again', () => {
      const { source } = benchOf(portable).read([pieceOf(Buffer.from('{"n":1}\n{"n":2}\n{"n":3}\n'))]);
      const first = source.valueAt(1) as { n: number };
      first.n = 9;
      expect([source.valueAt(1), source.valueAt(0), source.valueAt(2), source.valueAt(2)]).toEqual([
        { n: 2 },
        { n: 1 },
        { n: 3 },
        { n: 3 },
      ]);
    });

    it('are all there where they are more than one text has room for, of all pieces', () => {
      const texts = Array.from({ length: 10_000 }, (_, i) => String(i));
      const bytes = Buffer.from(`${texts.join('\n')}\nbad\n\n`);
      const middle = bytes.indexOf('\n5000\n') + 1;
      const { source, offsets, lines, blank, rejects } = benchOf(portable).read([
        pieceOf(bytes, 0, middle),
        pieceOf(bytes, middle),
      ]);
      const values = Array.from({ length: source.count }, (_, line) => source.valueAt(line));
      expect(values).toEqual(texts.map(Number));
      expect(source.textAt(9999)).toBe('9999');
      expect([lines, blank, rejects.length, offsets.length]).toEqual([10_002, 1, 1, 10_000]);
      expect(offsets[5000]).toBe(OFFSET + middle);
    });
  },
);
