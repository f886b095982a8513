/** Stages as plain functions: what each makes of a record, and what it refuses. */
import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  coerce,
  drop,
  flatMap,
  format,
  hash,
  map,
  pick,
  rename,
  type Stage,
  sample,
  set,
  tap,
  where,
} from '../../../src/shape/stages/library.ts';

afterEach(() => vi.unstubAllEnvs());

describe('a stage that is called', () => {
  it.each<[name: string, stage: Stage, value: unknown, becomes: unknown]>([
    ['drop', drop('/user/mail'), { user: { mail: 'm', id: 1 } }, { user: { id: 1 } }],
    ['drop', drop('/0'), [1, 2], [2]],
    ['set', set('/a', { b: [1] }), { a: 1 }, { a: { b: [1] } }],
    ['set', set('/b', null), {}, { b: null }],
    ['rename', rename('/a', 'b'), { a: 1 }, { b: 1 }],
    ['pick', pick('/a', '/o/x'), { a: 1, b: 2, o: { x: [3], y: 4 } }, { a: 1, o: { x: [3] } }],
    ['pick', pick('/1/a'), [0, { a: 1, b: 2 }, 2], [{ a: 1 }]],
    ['pick', pick('/a/b'), { a: 5, c: 1 }, {}],
    ['pick', pick('/a', '/a/b'), { a: { b: 1, c: 2 } }, { a: { b: 1, c: 2 } }],
    ['pick', pick('/a'), 'text', {}],
    ['where', where('record.a > 1'), { a: 2 }, { a: 2 }],
    ['where', where('record.a > 1'), { a: 1 }, undefined],
    ['where', where('record.a > 1'), {}, undefined],
    ['where', where('record.a > 1', { onError: 'drop' }), { a: 'x' }, undefined],
    ['where', where('record.a > 1', { onError: 'keep' }), { a: 'x' }, { a: 'x' }],
    [
      'format',
      format('[{/ts}] {/level}: {/message}'),
      { ts: 5, level: 'error', message: 'no "room"\n' },
      '[5] error: no "room"\n',
    ],
    ['map', map<{ a: number }>(({ a }) => ({ a: a + 1 })), { a: 1 }, { a: 2 }],
    ['map', map(() => [1, 2]), {}, [1, 2]],
    ['flatMap', flatMap<{ items: unknown[] }>(({ items }) => items), { items: [1, 2] }, [1, 2]],
  ])('%s gives its outcome (%#)', (_, stage, value, becomes) => {
    const before = structuredClone(value);
    expect(stage(value)).toEqual(becomes);
    expect(value).toEqual(before);
  });

  it('sees where the line lies', () => {
    const isLog = where('source.key.endsWith(".log") && source.offset == 7');
    expect(isLog({ a: 1 }, { key: 'x.log', offset: 7 })).toEqual({ a: 1 });
    expect(isLog({ a: 1 })).toBeUndefined();
    const seen = vi.fn();
    tap(seen)(5, { bucket: 'b' });
    expect(seen).toHaveBeenCalledWith(5, { bucket: 'b', key: '', modifiedMs: null, offset: 0 });
  });

  it('takes the same lines of a sample each time, about as many as it says', () => {
    const half = sample(50);
    const taken = () =>
      Array.from({ length: 1000 }, (_, offset) => half(1, { bucket: 'b', key: 'k', offset }));
    expect(taken()).toEqual(taken());
    const count = taken().filter((value) => value === 1).length;
    expect(count).toBeGreaterThan(400);
    expect(count).toBeLessThan(600);
  });

  it('hashes with the key of the variable, and says where it looks for one', () => {
    const key = 'sixteen bytes at least';
    vi.stubEnv('MILLRACE_HASH_KEY', key);
    expect(hash('/id')({ id: 'u7' })).toEqual({ id: createHmac('sha256', key).update('u7').digest('hex') });
    vi.stubEnv('MILLRACE_HASH_KEY', undefined);
    expect(() => hash('/id')({ id: 'u7' })).toThrow(/key for --hash.*MILLRACE_HASH_KEY/);
  });

  it('shows a copy to the function of tap, and waits for it', async () => {
    const value = { a: [1] };
    const spoil = tap<typeof value>((copy) => void copy.a.push(2));
    expect(spoil(value)).toBe(value);
    expect(value).toEqual({ a: [1] });
    await expect(tap(async () => Promise.reject(new Error('no')))(value)).rejects.toThrow('no');
  });

  it('throws where it has no answer, without a word of the record', () => {
    expect(() => where('record.a > 1')({ a: 'secret' })).toThrow(
      expect.objectContaining({ code: 'FILTER', message: expect.not.stringContaining('secret') }),
    );
    expect(() => coerce('/a', 'number')({ a: 'secret' })).toThrow(
      expect.objectContaining({ code: 'TRANSFORM', message: 'Cannot coerce /a: it reads as no number' }),
    );
  });

  it('says what it is as data, but for those that hold a function', () => {
    expect(drop('/a').spec).toEqual({ kind: 'drop', pointer: '/a' });
    expect(set('/a', [1]).spec).toEqual({ kind: 'set', pointer: '/a', json: '[1]' });
    expect(where('record.a').spec).toEqual({ kind: 'where', expression: 'record.a', onError: 'dead-letter' });
    expect(map(String).spec).toBeNull();
    expect(map(String).kind).toBe('map');
  });
});

describe('coerce', () => {
  it.each<['number' | 'string' | 'boolean' | 'timestamp', unknown, unknown]>([
    ['number', '1.50', 1.5],
    ['number', ' -0012 ', -12],
    ['number', '+3e2', 300],
    ['number', '0', 0],
    ['number', 7, 7],
    ['number', null, null],
    ['number', '', 'refused'],
    ['number', '1,5', 'refused'],
    ['number', '0x1f', 'refused'],
    ['number', 'NaN', 'refused'],
    ['number', true, 'refused'],
    ['number', [1], 'refused'],
    ['string', 1.5, '1.5'],
    ['string', false, 'false'],
    ['string', 'x', 'x'],
    ['string', { b: 1 }, '{"b":1}'],
    ['boolean', 'TRUE', true],
    ['boolean', 0, false],
    ['boolean', '1', true],
    ['boolean', true, true],
    ['boolean', 'yes', 'refused'],
    ['boolean', 2, 'refused'],
    ['timestamp', '2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['timestamp', '2024-02-29 12:30:00', '2024-02-29T12:30:00.000Z'],
    ['timestamp', '2024-02-29T12:30:00.5+01:00', '2024-02-29T11:30:00.500Z'],
    ['timestamp', 1709164800, '2024-02-29T00:00:00.000Z'],
    ['timestamp', 1709164800123, '2024-02-29T00:00:00.123Z'],
    ['timestamp', '1709164800.5', '2024-02-29T00:00:00.500Z'],
    ['timestamp', '2024-02-30', 'refused'],
    ['timestamp', 1e300, 'refused'],
    ['timestamp', 'soon', 'refused'],
    ['timestamp', {}, 'refused'],
  ])('to %s makes of %j %j', (to, from, becomes) => {
    const call = () => coerce('/a', to)({ a: from, b: 1 });
    if (becomes === 'refused') expect(call).toThrow(`it reads as no ${to}`);
    else expect(call()).toEqual({ a: becomes, b: 1 });
  });

  it('leaves alone what is not there, and changes each of equal names', () => {
    expect(coerce('/a/b', 'number')({ a: 1 })).toEqual({ a: 1 });
  });
});

describe('format', () => {
  it.each<[template: string, value: unknown, text: string]>([
    ['{/a}{/b/0}', { a: 1.5, b: [true] }, '1.5true'],
    ['<{/none}>{/a/none}', { a: 1 }, '<>'],
    ['{/a}', { a: null }, 'null'],
    ['{/o}', { o: { x: [1, 'y'] } }, '{"x":[1,"y"]}'],
    ['{}', { a: 1 }, '{"a":1}'],
    ['{{{/a}}}', { a: 'x' }, '{x}'],
    ['{{/a}}', { a: 'x' }, '{/a}'],
    ['{/a~1b} {/é}', { 'a/b': 'é', é: '😀' }, 'é 😀'],
    ['', {}, ''],
  ])('%j makes of %j the text %j', (template, value, text) => {
    expect(format(template)(value)).toBe(text);
  });

  it.each(['{/a', '/a}', '{/a}}', 'a { b } c', '{level}', '{/a~2}'])('refuses %j', (template) => {
    expect(() => format(template)).toThrow(/^Expected /);
  });
});

describe('what a stage does not take is refused at once', () => {
  it.each<[name: string, make: () => unknown, says: RegExp]>([
    [
      'drop',
      () => drop('user'),
      /^Expected drop to have a JSON Pointer like \/user\/mail, but received "user"\.$/,
    ],
    ['drop', () => drop(''), /but received ""/],
    [
      'drop',
      () => drop(['/a', '/b'] as unknown as string),
      /^Expected drop to name one place, but received 2\.$/,
    ],
    ['drop', () => drop(undefined as unknown as string), /but received undefined/],
    ['set', () => set('/a', undefined), /^Expected set to have a value that JSON can hold/],
    ['set', () => set('/a', 1n), /JSON can hold/],
    [
      'rename',
      () => rename('/a', 5 as unknown as string),
      /^Expected rename to have a name for \/a, but received 5\.$/,
    ],
    ['pick', () => pick(), /^Expected pick to have a JSON Pointer/],
    [
      'coerce',
      () => coerce('/a', 'date' as 'number'),
      /number, string, boolean or timestamp for \/a, but received "date"/,
    ],
    [
      'sample',
      () => sample(100),
      /^Expected sample to have a share over 0 % and below 100 %, but received 100\.$/,
    ],
    ['sample', () => sample(Number.NaN), /received NaN/],
    ['where', () => where('record.'), /^Expected where to be a CEL condition/],
    ['where', () => where('1 + 1'), /gives int/],
    ['where', () => where('true', { onError: 'stop' as 'drop' }), /dead-letter, drop or keep/],
  ])('%s (%#)', (_, make, says) => {
    expect(make).toThrow(
      expect.objectContaining({ code: 'MILLRACE_OPTIONS', message: expect.stringMatching(says) }),
    );
  });
});
