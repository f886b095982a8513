/** Plans: a list of stages comes to the same bytes as its stages one after the other, whatever part of it the scanner does. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Carried } from '../../../src/shape/carried.ts';
import { createLineShaper } from '../../../src/shape/prefix/line-shaper.ts';
import { planStages } from '../../../src/shape/prefix/plan.ts';
import { Where } from '../../../src/shape/prefix/where.ts';
import type { RunningStage, StageSpec } from '../../../src/shape/stage.ts';
import { StageFailure } from '../../../src/shape/stage-failure.ts';
import { openStage } from '../../../src/shape/stages/open-stage.ts';
import type { Stages } from '../../../src/shape/stages.ts';
import { condition, lineText } from './generators.ts';

const hashKey = Buffer.from('a key of thirty-two bytes, really');
const PLACE = { bucket: 'b', key: 'k.jsonl', modifiedMs: 0, coordinate: 'someobject' };

const drop = (pointer: string): StageSpec => ({ kind: 'drop', pointer });
const hash = (pointer: string): StageSpec => ({ kind: 'hash', pointer });
const set = (pointer: string, json = '1'): StageSpec => ({ kind: 'set', pointer, json });
const rename = (pointer: string, name: string): StageSpec => ({ kind: 'rename', pointer, name });
const where = (expression: string): StageSpec => ({ kind: 'where', expression, onError: 'dead-letter' });

/** A record's text, or why there is none. */
type Outcome = { readonly text: string } | { readonly none: 'dropped' | 'FILTER' | 'TRANSFORM' };

/** What the scanner does with a valid line. */
function scanned(stages: Stages, text: string, offset: number): Outcome {
  const shaper = createLineShaper({ ...stages, hashKey });
  if (!shaper.isSampled(Buffer.from(PLACE.coordinate), offset)) return { none: 'dropped' };
  const shaped = shaper.shape(text, JSON.parse(text), PLACE, offset);
  if (shaped.kind === 'filtered') return { none: 'dropped' };
  return shaped.kind === 'refused' ? { none: 'FILTER' } : { text: shaped.text };
}

function ran({ runText }: RunningStage, text: string, offset: number): Outcome {
  try {
    const result = runText!(Carried.ofText(text), { ...PLACE, offset });
    return result === null ? { none: 'dropped' } : { text: result as string };
  } catch (error) {
    if (!(error instanceof StageFailure)) throw error;
    return { none: error.code };
  }
}

/** Each stage alone; where the scanner knows it, by the scanner. */
async function oneByOne(specs: readonly StageSpec[], line: string, offset: number): Promise<Outcome> {
  let outcome: Outcome = { text: line };
  for (const spec of specs) {
    if ('none' in outcome) return outcome;
    const alone = planStages([spec]);
    outcome =
      alone.later.length === 0
        ? scanned(alone, outcome.text, offset)
        : ran(await openStage(spec, '1', { hashKey }), outcome.text, offset);
  }
  return outcome;
}

async function planned(specs: readonly StageSpec[], line: string, offset: number): Promise<Outcome> {
  const stages = planStages(specs);
  let outcome = scanned(stages, line, offset);
  for (const spec of stages.later) {
    if ('none' in outcome) return outcome;
    outcome = ran(await openStage(spec, '1', { hashKey }), outcome.text, offset);
  }
  return outcome;
}

describe('what the scanner does of a list', () => {
  it.each<[title: string, specs: StageSpec[], laterCount: number]>([
    [
      'all of a sample, a condition and edits of different places',
      [
        { kind: 'sample', percent: 5 },
        where('record.a == 1'),
        drop('/a'),
        set('/b'),
        rename('/c', 'd'),
        hash('/e'),
      ],
      0,
    ],
    ['nothing of a condition behind an edit', [drop('/a'), where('record.a == 1')], 1],
    ['nothing of a sample behind a condition', [where('record.a == 1'), { kind: 'sample', percent: 5 }], 1],
    ['one of two conditions', [where('record.a == 1'), where('record.b == 1')], 1],
    ['one of two edits of a place', [set('/a'), drop('/a')], 1],
    ['a hash, and the new name of what it stands for', [hash('/a'), rename('/a', 'b')], 0],
    ['nothing of a value for a new name', [rename('/a', 'b'), set('/b')], 1],
    ['nothing below a new name', [rename('/a', 'b'), drop('/b/c')], 1],
    ['nothing of an element behind one that is gone', [drop('/a/0'), drop('/a/1')], 1],
    ['an element in front of one that goes later', [set('/a/0'), drop('/a/1')], 0],
    ['nothing within what has a new value', [set('/a', '{}'), set('/a/b')], 1],
    ['a member, and later the name of its object', [drop('/a/b'), rename('/a', 'c')], 0],
    [
      'nothing behind the first stage that it does not know',
      [drop('/a'), { kind: 'pick', pointers: ['/b'] }, drop('/c')],
      2,
    ],
  ])('is %s', (_, specs, laterCount) => {
    expect(planStages(specs).later).toEqual(laterCount === 0 ? [] : specs.slice(-laterCount));
  });

  it('is the smallest of several samples in front', () => {
    const specs: StageSpec[] = [50, 5, 20].map((percent) => ({ kind: 'sample', percent }));
    expect(planStages(specs)).toMatchObject({ sample: 0.05, later: [] });
  });

  it('is at most as many places as it has room for', () => {
    const specs = Array.from({ length: 100 }, (__, i) => drop(`/n${i}`));
    const { edits, later } = planStages(specs);
    expect([edits.length > 50, later.length > 0, edits.length + later.length]).toEqual([true, true, 100]);
    expect(() => createLineShaper(planStages(specs)).program('/a/key/that/is/deep')).not.toThrow();
  });
});

function isCondition(expression: string): boolean {
  try {
    return new Where(expression) instanceof Where;
  } catch {
    return false;
  }
}

const token = fc.constantFrom('a', 'b', 'ab', 'id', 'é', '0', '1', '');
const pointer = fc.oneof(
  fc.array(token, { minLength: 1, maxLength: 2 }).map((tokens) => tokens.map((part) => `/${part}`).join('')),
  fc.constantFrom('/a/0', '/a/1', '/a', '/b', '/a/b'),
);
const edit: fc.Arbitrary<StageSpec> = fc.oneof(
  fc.record({ kind: fc.constant('drop' as const), pointer }),
  fc.record({ kind: fc.constant('hash' as const), pointer }),
  fc.record({
    kind: fc.constant('set' as const),
    pointer,
    json: fc.constantFrom('1', '"é"', '{"a":[1.0]}', '{"b":{"a":null} }', '[]', '{ }'),
  }),
  fc.record({ kind: fc.constant('rename' as const), pointer, name: fc.constantFrom('a', 'b', 'n', '0') }),
);
const other: fc.Arbitrary<StageSpec> = fc.oneof(
  fc.record({
    kind: fc.constant('where' as const),
    expression: condition.filter(isCondition),
    onError: fc.constantFrom('dead-letter' as const, 'drop' as const, 'keep' as const),
  }),
  fc.record({ kind: fc.constant('sample' as const), percent: fc.constantFrom(30, 60, 99) }),
  fc.record({
    kind: fc.constant('pick' as const),
    pointers: fc.array(pointer, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('coerce' as const),
    pointer,
    to: fc.constantFrom('number' as const, 'string' as const, 'boolean' as const, 'timestamp' as const),
  }),
);
/** Members of small names, with white space everywhere. */
const spaced = fc
  .array(
    fc.tuple(
      fc.constantFrom('', ' ', '  '),
      fc.constantFrom('a', 'b', 'c'),
      fc.constantFrom('1', '{"a":1 , "b": 2 }', '[ 1 , 2, 3 ]', '[ 0, {} ]', '{ }'),
      fc.constantFrom('', ' ', '\t'),
    ),
    { maxLength: 4 },
  )
  .map((members) => `{${members.map(([s1, name, value, s2]) => `${s1}"${name}" :${value}${s2}`).join(',')}}`);

it('comes to the same bytes as its stages one after the other, over generated lists and lines', {
  timeout: 120_000,
}, async () => {
  const counts = { changed: 0, withEdits: 0, withLater: 0, none: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ arbitrary: edit, weight: 5 }, other), { minLength: 1, maxLength: 6 }),
      fc.array(fc.oneof(lineText, spaced), { minLength: 1, maxLength: 6 }),
      async (specs, lines) => {
        const { edits, later } = planStages(specs);
        if (edits.length > 1) counts.withEdits++;
        if (later.length > 0) counts.withLater++;
        for (const [offset, line] of lines.map((text) => text.trim()).entries()) {
          const outcome = await oneByOne(specs, line, offset);
          expect(await planned(specs, line, offset)).toEqual(outcome);
          if ('none' in outcome) counts.none++;
          else if (outcome.text !== line) counts.changed++;
        }
      },
    ),
    { numRuns: 3000 },
  );
  expect(counts.changed).toBeGreaterThan(2000);
  expect(counts.withEdits).toBeGreaterThan(500);
  expect(counts.withLater).toBeGreaterThan(1000);
  expect(counts.none).toBeGreaterThan(500);
});
