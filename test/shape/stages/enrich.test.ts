/** Enrich: each record gets its row, and keeps every other byte. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Editor } from '../../../src/shape/prefix/edit.ts';
import type { RunningStage } from '../../../src/shape/stage.ts';
import { StageFailure } from '../../../src/shape/stage-failure.ts';
import { openEnrich } from '../../../src/shape/stages/enrich.ts';
import { type EnrichOptions, enrichSpec } from '../../../src/shape/stages/enrich-spec.ts';
import { TableBuilder } from '../../../src/shape/table/build.ts';
import { tableName, wishOf } from '../../../src/shape/table/name.ts';

const PLACE = { bucket: 'b', key: 'k', modifiedMs: null, offset: 0 };

function stageOf(rows: Readonly<Record<string, unknown>>, options: Partial<EnrichOptions> = {}) {
  const spec = enrichSpec({ table: 'users.csv', on: '/user/id', into: '/user/profile', ...options });
  const builder = new TableBuilder(1 << 20);
  for (const [key, row] of Object.entries(rows)) builder.add(key, JSON.stringify(row));
  const stage = openEnrich(spec, '1 enrich', {
    tables: { [tableName(wishOf(spec))]: builder.finish() },
  }) as RunningStage;
  const runText = (text: string) => stage.runText!({ text, value: JSON.parse(text) }, PLACE);
  return { run: (value: unknown) => stage.run(value, PLACE), runText };
}

const ADA = { name: 'Ada', plan: 'gold' };

describe('enrich', () => {
  it('puts the row where it is wanted, as a value of its own', () => {
    const { run } = stageOf({ 7: ADA });
    const given = { user: { id: 7 }, n: 1 };
    const first = run(given) as { user: { profile: { plan: string } } };
    expect(first).toEqual({ user: { id: 7, profile: ADA }, n: 1 });
    first.user.profile.plan = 'changed';
    expect(run(given)).toEqual({ user: { id: 7, profile: ADA }, n: 1 });
    expect(given).toEqual({ user: { id: 7 }, n: 1 });
  });

  it('leaves every other byte as it was: forms of numbers, spaces, names that stand twice', () => {
    const { runText } = stageOf({ 7: ADA });
    const row = JSON.stringify(ADA);
    expect(runText('{ "n": 1.50e3, "n":-0, "user" : {"id":"7" } , "big":12345678901234567890 }')).toBe(
      `{ "n": 1.50e3, "n":-0, "user" : {"id":"7" ,"profile":${row}} , "big":12345678901234567890 }`,
    );
    expect(runText('{"user":{"profile":{"old":1},"id":7}}')).toBe(`{"user":{"profile":${row},"id":7}}`);
  });

  it('looks for numbers as they are written, so that neighbours beyond 2^53 are told apart', () => {
    const { runText } = stageOf({ 9007199254740993: { name: 'odd' } }, { into: '/p' });
    // The property's name above is the rounded number: its text is 9007199254740992.
    expect(runText('{"user":{"id":9007199254740992}}')).toBe(
      '{"user":{"id":9007199254740992},"p":{"name":"odd"}}',
    );
    expect(runText('{"user":{"id":9007199254740993}}')).toBe('{"user":{"id":9007199254740993},"p":null}');
  });

  it.each([
    ['null', '{"user":{"id":8,"profile":null}}'],
    ['drop', null],
  ] as const)('has a choice for records without a row: %s', (onMissing, expected) => {
    const { runText, run } = stageOf({ 7: ADA }, { onMissing });
    expect(runText('{"user":{"id":8}}')).toBe(expected);
    expect(run({ user: { id: 8 } })).toEqual(expected === null ? null : JSON.parse(expected));
  });

  it('makes dead letters of records without a row where that is wanted, and shows nothing of them', () => {
    const { runText } = stageOf({ 7: ADA }, { onMissing: 'dead-letter' });
    const failure = new StageFailure('the table users.csv has nothing for what /user/id leads to');
    for (const id of ['"secret"', 'null', '{"a":1}', '[7]', '1e999'])
      expect(() => runText(`{"user":{"id":${id}}}`)).toThrow(failure);
    expect(() => runText('{"user":"secret"}')).toThrow(failure);
  });

  it('makes the objects that are missing on the way', () => {
    const { runText } = stageOf({ 7: ADA }, { on: '/id', into: '/a/b~1c/d' });
    const row = JSON.stringify(ADA);
    expect(runText('{"id":7}')).toBe(`{"id":7,"a":{"b/c":{"d":${row}}}}`);
    expect(runText('{"id":7,"a":{}}')).toBe(`{"id":7,"a":{"b/c":{"d":${row}}}}`);
    expect(runText('{"a":{"b/c":{"x":1}},"id":7}')).toBe(`{"a":{"b/c":{"x":1,"d":${row}}},"id":7}`);
  });

  it('replaces elements that are there, and never puts a row where no object is', () => {
    const { runText } = stageOf({ 7: ADA }, { on: '/id', into: '/list/1' });
    expect(runText('{"id":7,"list":[0,1]}')).toBe(`{"id":7,"list":[0,${JSON.stringify(ADA)}]}`);
    const inTheWay = 'nothing can go to /list/1: what /list leads to is no object';
    for (const list of ['[0]', '"text"', 'null', '5'])
      expect(() => runText(`{"id":7,"list":${list}}`)).toThrow(inTheWay);
    expect(() => stageOf({ 7: ADA }, { on: '/0', into: '/x' }).runText('[7]')).toThrow(
      'the record is no object',
    );
  });

  it('does to any record what plain JavaScript would', () => {
    const id = fc.oneof(fc.constantFrom('a', 'b', '', 1, 1.5, true, null), fc.jsonValue());
    const record = fc.record({
      user: fc.record({ id, profile: fc.jsonValue() }, { requiredKeys: ['id'] }),
      other: fc.jsonValue(),
    });
    const rows: Record<string, unknown> = { a: ADA, '': [1], 1: 'one', 1.5: null, true: { yes: true } };
    const { run } = stageOf(rows);
    fc.assert(
      fc.property(record, (value) => {
        const { user } = JSON.parse(JSON.stringify(value)) as { user: { id: unknown } };
        const isKey = ['string', 'number', 'boolean'].includes(typeof user.id);
        const row = isKey && Object.hasOwn(rows, String(user.id)) ? rows[String(user.id)] : null;
        expect(run(value)).toEqual({
          ...(JSON.parse(JSON.stringify(value)) as object),
          user: { ...user, profile: row },
        });
      }),
    );
  });

  it('changes the same bytes as --set, however names are written and wherever the member stands', () => {
    const { runText } = stageOf({ 7: ADA }, { on: '/id', into: '/a/p' });
    const editor = new Editor({
      edits: [{ kind: 'set', pointer: '/a/p', json: JSON.stringify(ADA) }],
      hashKey: null,
    });
    const name = fc.constantFrom('"p"', '"\\u0070"', '"q"', '"a"', '"}"', '"\\"p"', '"\\\\"');
    const space = fc.constantFrom('', ' ', '\t');
    const member = fc
      .tuple(name, space, fc.constantFrom('1', '{"p":2}', '[]', '"p"', '"}"', '"\\\\"'))
      .map(([one, gap, value]) => `${gap}${one}:${gap}${value}${gap}`);
    const object = fc
      .tuple(fc.array(member, { maxLength: 4 }), space)
      .map(([members, gap]) => `{${gap}${members.join(',')}${gap}}`);
    fc.assert(
      fc.property(object, fc.array(member, { maxLength: 2 }), space, (a, others, gap) => {
        const isOwn = (one: string) => !/"a"|"id"/.test(one);
        const text = `${gap}{"id":7,"a":${a}${others
          .filter(isOwn)
          .map((one) => `,${one}`)
          .join('')}${gap}}${gap}`;
        JSON.parse(text);
        expect(runText(text)).toBe(editor.apply(text));
      }),
      { numRuns: 1000 },
    );
  });

  it('that is called by itself loads its file, once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-enrich-'));
    try {
      const table = join(folder, 'users.csv');
      writeFileSync(table, 'id,name\n7,Ada\n');
      const stage = await openEnrich(enrichSpec({ table, on: '/id', into: '/user' }), '1 enrich', {});
      expect(stage.run({ id: 7 }, PLACE)).toEqual({ id: 7, user: { id: '7', name: 'Ada' } });
      const byUrl = { table: pathToFileURL(table), on: '/id', into: '/user' };
      expect(enrichSpec(byUrl)).toEqual(enrichSpec({ ...byUrl, table }));
      const away = enrichSpec({ table: 's3://ref/users.csv', on: '/id', into: '/user' });
      await expect(openEnrich(away, '1 enrich', {})).rejects.toThrow('only a run reads objects');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is refused with all that is wrong about it', () => {
    const options = { table: 'users.xls', on: 'id', into: '', onMissing: 'ignore' as 'null' };
    expect(() => enrichSpec(options)).toThrow(
      [
        'Expected `on` of enrich to be a JSON Pointer like /user/id, but received "id".',
        'Expected `into` of enrich to be a JSON Pointer like /user/profile, but received "".',
        'Expected `onMissing` of enrich to be null, drop, dead-letter, but received "ignore".',
        'Expected the table of enrich to be named .csv,',
      ].join('\n'),
    );
  });
});
