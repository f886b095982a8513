/** EnrichWith: a service of the user's in a pipe. How carefully it is asked: lookup.test.ts. */
import { expect, it } from 'vitest';
import { enrichWith, LookupError, map, pipe, StageFailure } from '../../../src/shape/stages/library.ts';

const names: Readonly<Record<string, unknown>> = {
  a: { name: 'Ada' },
  7: ['seven'],
  '9007199254740993': 'odd',
};

function serviceOf() {
  const asked: unknown[][] = [];
  const ask = async (keys: readonly (string | number | boolean)[]) => {
    asked.push([...keys]);
    return keys.map((key) => names[String(key)]);
  };
  return { ask, asked };
}

it('a stage puts the answer of the service into each record, and asks for many records at once', async () => {
  const { ask, asked } = serviceOf();
  const stage = pipe(enrichWith(ask, { on: '/user/id', into: '/user/profile' }));
  const records = ['a', 7, 'b', null, 'a'].map((id, n) => ({ n, user: { id } }));
  const results = await Promise.all(records.map((record) => stage(record)));
  expect(results).toEqual(
    records.map(({ n, user }) => ({ n, user: { id: user.id, profile: names[String(user.id)] ?? null } })),
  );
  expect(asked).toEqual([['a', 7, 'b']]);
  expect(records[0]).toEqual({ n: 0, user: { id: 'a' } });
});

it('records without an answer are dropped, or dead letters, where that is wanted', async () => {
  const { ask } = serviceOf();
  const dropping = enrichWith(ask, { on: '/id', into: '/user', onMissing: 'drop' });
  expect(await dropping({ id: 'b' })).toBeUndefined();
  expect(await pipe(dropping)({ id: 'b' })).toBeUndefined();
  expect(await pipe(dropping)({ id: 'a' })).toEqual({ id: 'a', user: { name: 'Ada' } });
  const strict = enrichWith(ask, { on: '/id', into: '/user', onMissing: 'dead-letter' });
  await expect(strict({ id: 'b' })).rejects.toThrow(
    new StageFailure('the service has nothing for what /id leads to'),
  );
});

it('what the service refuses to answer is the failure of that record alone', async () => {
  const stage = enrichWith(async (keys) => keys.map((key) => (key === 'b' ? new Error('locked') : key)), {
    on: '/id',
    into: '/user',
  });
  const results = await Promise.allSettled([stage({ id: 'a' }), stage({ id: 'b' })]);
  expect(results).toMatchObject([
    { status: 'fulfilled', value: { id: 'a', user: 'a' } },
    { status: 'rejected', reason: new LookupError('no answer from the service: locked') },
  ]);
});

it('a function to call in a map gives each who asks an answer of his own', async () => {
  const { ask, asked } = serviceOf();
  const nameOf = enrichWith(ask, { batch: 2 });
  const stage = pipe(map(async (id: string) => ({ id, found: await nameOf(id) })));
  const [first, second] = (await Promise.all([stage('a'), stage('a')])) as { found: { name: string } }[];
  first!.found.name = 'changed';
  expect([second, await stage('b')]).toEqual([
    { id: 'a', found: { name: 'Ada' } },
    { id: 'b', found: null },
  ]);
  expect(asked).toEqual([['a'], ['b']]);
});

it('options that cannot work are refused', () => {
  const { ask } = serviceOf();
  expect(() => enrichWith(ask, { on: 'id', into: '', onMissing: 'x' as 'null' })).toThrow(
    [
      'Expected `on` of enrichWith to be a JSON Pointer like /user/id, but received "id".',
      'Expected `into` of enrichWith to be a JSON Pointer like /user/profile, but received "".',
      'Expected `onMissing` of enrichWith to be null, drop, dead-letter, but received "x".',
    ].join('\n'),
  );
  expect(() => enrichWith(ask, { batch: 0 })).toThrow('batch of enrichWith');
});
