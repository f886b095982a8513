/** Pipeline: what becomes of lines in stages, whatever these do. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Guard } from '../../src/scan/guard.ts';
import { isFailure, type LineOutcome } from '../../src/shape/line-outcome.ts';
import { Pipeline } from '../../src/shape/pipeline.ts';
import type { RunningStage } from '../../src/shape/stage.ts';
import { standStill } from '../base/stand-still.ts';

const PLACE = { bucket: 'b', key: 'k', modifiedMs: null, offset: 0 };
type Run = RunningStage['run'];

function open(stages: readonly (Run | Partial<RunningStage>)[], timeoutMs = 300) {
  const running = stages.map((stage, i) => {
    const parts = typeof stage === 'function' ? { run: stage } : stage;
    return { label: `${i + 1} use`, run: (value: unknown) => value, ...parts };
  });
  return new Pipeline(running, { guard: new Guard({ lineCpuMsMax: timeoutMs }), timeoutMs });
}

const lines = (...texts: string[]) => ({
  count: texts.length,
  textAt: (line: number) => texts[line]!,
  valueAt: (line: number) => JSON.parse(texts[line]!) as unknown,
  placeAt: () => PLACE,
});
const messageOf = (outcome: LineOutcome) => (isFailure(outcome) ? outcome.message : outcome);

describe('the pipeline', () => {
  afterEach(() => vi.useRealTimers());

  it('gives each line its outputs, in order, or nothing', async () => {
    const pipeline = open([
      (value) => (value as number[]).map((n) => (n === 0 ? null : n)),
      (value) => (value === 9 ? undefined : { n: value }),
    ]);
    const outcomes = await pipeline.run(lines('[1]', '[2,0,3]', '[]', '[9]', '[4,9]'));
    expect(outcomes).toEqual(['{"n":1}', ['{"n":2}', '{"n":3}'], null, null, '{"n":4}']);
    expect(pipeline.takeFigures()).toMatchObject([
      { label: '1 use', in: 5, out: 6, dropped: 1, failed: 0 },
      { label: '2 use', in: 6, out: 4, dropped: 2, failed: 0 },
    ]);
    expect(pipeline.takeFigures()).toMatchObject([{ in: 0 }, { in: 0 }]);
  });

  it.each<{ name: string; run: Run; first: string }>([
    { name: 'a value', run: (value) => (value === 1 ? { n: 1n } : value), first: '2' },
    { name: 'a promise', run: async (value) => (value === 1 ? { n: 1n } : value), first: '2' },
    { name: 'one of several', run: (value) => (value === 1 ? [0, { n: 1n }] : [value]), first: '2' },
  ])('counts as failed, and not as out, what JSON cannot hold: $name', async ({ run, first }) => {
    for (const stages of [[run], [(value: unknown) => value, run]]) {
      const pipeline = open(stages);
      const [failed, kept] = await pipeline.run(lines('1', '2'));
      expect([messageOf(failed!), kept]).toEqual([expect.stringContaining('JSON cannot hold'), first]);
      expect(pipeline.takeFigures().at(-1)).toMatchObject({ in: 2, out: 1, dropped: 0, failed: 1 });
    }
  });

  it('has the outcome of every line also where the guard strikes behind the last one', () => {
    const strikesLate = {
      runLines(work: () => void) {
        work();
        return false;
      },
      runLine: () => expect.unreachable('no line is to blame'),
    } as unknown as Guard;
    const stage = { label: '1 use', run: (value: unknown) => value };
    const pipeline = new Pipeline([stage], { guard: strikesLate, timeoutMs: 300 });
    expect(pipeline.run(lines('1', '2'))).toEqual(['1', '2']);
  });

  it('keeps the text that a stage makes in its own time as it is written', async () => {
    const pipeline = open([
      { runText: async ({ text }) => (text === '1' ? null : text.replace('x', 'y')) },
      { runText: ({ text }) => text.replace('y', 'z') },
    ]);
    expect(await pipeline.run(lines('{"n":1.0,"x":12345678901234567890}', '1'))).toEqual([
      '{"n":1.0,"z":12345678901234567890}',
      null,
    ]);
    expect(pipeline.takeFigures()).toMatchObject([
      { in: 2, out: 1, dropped: 1 },
      { in: 1, out: 1, dropped: 0 },
    ]);
  });

  it('leaves bytes as they are, whatever the memory is used for afterwards', async () => {
    const memory = new Uint8Array(1);
    const pipeline = open([
      (value) => {
        memory[0] = value as number;
        return memory;
      },
      () => expect.unreachable('later stages see no bytes'),
    ]);
    expect(await pipeline.run(lines('65', '66'))).toEqual([Uint8Array.of(65), Uint8Array.of(66)]);
  });

  it('begins all lines before it waits for one, and keeps the order of asynchronous outputs', async () => {
    const begun: unknown[] = [];
    const gate = Promise.withResolvers<void>();
    const pipeline = open([
      (value) => [value, -(value as number)],
      async (value) => {
        begun.push(value);
        if (begun.length === 4) gate.resolve();
        await gate.promise;
        return value;
      },
    ]);
    const outcomes = await pipeline.run(lines('1', '2'));
    expect(begun).toEqual([1, -1, 2, -2]);
    expect(outcomes).toEqual([
      ['1', '-1'],
      ['2', '-2'],
    ]);
  });

  it('asks stages that work on text for text, and parses nothing where none asks for a value', async () => {
    const parse = vi.spyOn(JSON, 'parse');
    const pipeline = open([{ runText: ({ text }) => text.replace('1.0', '2.0') }]);
    expect(await pipeline.run(lines('{"a": 1.0}'))).toEqual(['{"a": 2.0}']);
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
  });

  const circle: Record<string, unknown> = {};
  circle.self = circle;
  it.each<[string, Run, RegExp]>([
    [
      'throws',
      () => {
        throw new TypeError('no');
      },
      /^Stage 1 use failed: TypeError: no$/,
    ],
    [
      'throws a text',
      () => {
        throw 'no';
      },
      /failed: no$/,
    ],
    [
      'throws what has no text',
      () => {
        throw { toString: null, [Symbol.toPrimitive]: null };
      },
      /has no text$/,
    ],
    [
      'rejects',
      async () => {
        throw new Error('later');
      },
      /failed: Error: later$/,
    ],
    ['gives a BigInt', () => ({ n: 1n }), /JSON cannot hold .*BigInt/],
    ['gives a circle', () => circle, /JSON cannot hold .*circular/],
    ['gives a function', () => () => 1, /JSON cannot hold .*function/],
    ['gives a promise of a circle', async () => circle, /JSON cannot hold .*circular/],
    ['gives no bytes', () => new Uint8Array(0), /bytes without any/],
    ['gives too many records', () => new Array(65_537).fill(1), /more than 65536 records/],
    [
      'never comes back',
      () => {
        for (;;);
      },
      /longer than --transform-timeout$/,
    ],
    ['gives a promise that never settles', () => new Promise(() => {}), /longer than --transform-timeout$/],
  ])('fails the line on which a stage %s, and no other', async (_, run, why) => {
    let asked = 0;
    const stage: Run = (value, place) => {
      if (value !== 'bad') return value;
      asked++;
      return run(value, place);
    };
    const pipeline = open([stage]);
    const outcomes = await pipeline.run(lines('"before"', '"bad"', '"after"'));
    expect(outcomes.map(messageOf)).toEqual(['"before"', expect.stringMatching(why), '"after"']);
    expect(asked).toBeGreaterThan(0);
    expect(pipeline.takeFigures()).toMatchObject([{ in: 3, failed: 1 }]);
  });

  it('has nothing of a line where one of its outputs fails', async () => {
    const pipeline = open([
      () => [1, 2, 3],
      (value) => {
        if (value === 3) throw new Error('third');
        return value;
      },
    ]);
    expect((await pipeline.run(lines('0'))).map(messageOf)).toEqual(['Stage 2 use failed: Error: third']);
  });

  it('hands a stage a value of its own each time: one that changes it changes no other line', async () => {
    const pipeline = open([
      (value) => {
        (value as { n: number }).n++;
        return value;
      },
    ]);
    expect(await pipeline.run(lines('{"n":1}', '{"n":1}'))).toEqual(['{"n":2}', '{"n":2}']);
  });

  it('does not hold a line back for its neighbours: as long as some settle, others may take their time', async () => {
    vi.useFakeTimers();
    const settle: (() => void)[] = [];
    const pipeline = open([(value) => new Promise((resolve) => settle.push(() => resolve(value)))], 1000);
    const outcomes = pipeline.run(lines('0', '1', '2', '3'));
    for (const one of settle.slice(0, 3)) {
      await vi.advanceTimersByTimeAsync(900);
      one();
    }
    await vi.advanceTimersByTimeAsync(1100);
    expect((await outcomes).map(messageOf)).toEqual(['0', '1', '2', expect.stringMatching(/longer than/)]);
  });

  it('gives up no line whose answer came while the process stood still', async () => {
    const answering = (value: unknown) => new Promise((resolve) => setTimeout(resolve, 100, value));
    const outcomes = open([answering]).run(lines('"one"', '"two"'));
    standStill(1_500);
    expect((await outcomes).map(messageOf)).toEqual(['"one"', '"two"']);
  });

  it('goes through slow lines that together take longer than one may', async () => {
    const busy = (value: unknown) => {
      const end = performance.now() + 20;
      while (performance.now() < end);
      return value;
    };
    const texts = Array.from({ length: 12 }, (_, i) => String(i));
    expect(await open([busy], 150).run(lines(...texts))).toEqual(texts);
  });
});
