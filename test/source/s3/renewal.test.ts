import { expect, it } from 'vitest';
import { renewCredentials } from '../../../src/source/s3/renewal.ts';
import { type FailureKind, SourceFailure } from '../../../src/source/source-failure.ts';

/** A provider that counts how often it was told to ask anew. */
function providerOf(fails: boolean) {
  const forced: boolean[] = [];
  const provider = async (options?: { forceRefresh?: boolean }) => {
    forced.push(options?.forceRefresh === true);
    if (fails) throw new Error('no provider');
    return { accessKeyId: 'a', secretAccessKey: 'b' };
  };
  return { forced, provider };
}

it.each<[FailureKind, boolean[]]>([
  ['credentials', [true]],
  ['identity', [true]],
  ['denied', []],
  ['transient', []],
])('asks the chain anew after a failure of kind %s: %s', async (kind, expected) => {
  const { provider, forced } = providerOf(false);
  await renewCredentials(provider, new SourceFailure(kind, 'no'));
  expect(forced).toEqual(expected);
});

it('never fails: the next request says what is wrong', async () => {
  const { provider, forced } = providerOf(true);
  await expect(renewCredentials(provider, new SourceFailure('identity', 'no'))).resolves.toBeUndefined();
  expect(forced).toEqual([true]);
});
