import { S3Client } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { renewCredentials } from '../../../src/source/s3/renewal.ts';
import { type FailureKind, SourceFailure } from '../../../src/source/source-failure.ts';

/** A client whose provider counts how often it was told to ask anew. */
function clientOf(fails: boolean) {
  const forced: boolean[] = [];
  const credentials = Object.assign(
    async (options?: { forceRefresh?: boolean }) => {
      forced.push(options?.forceRefresh === true);
      if (fails) throw new Error('no provider');
      return { accessKeyId: 'a', secretAccessKey: 'b' };
    },
    { memoized: true },
  );
  return { forced, client: new S3Client({ region: 'us-east-1', credentials }) };
}

it.each<[FailureKind, boolean[]]>([
  ['credentials', [true]],
  ['identity', [true]],
  ['denied', []],
  ['transient', []],
])('asks the chain anew after a failure of kind %s: %s', async (kind, expected) => {
  const { client, forced } = clientOf(false);
  await renewCredentials(client, new SourceFailure(kind, 'no'));
  expect(forced).toEqual(expected);
});

it('never fails: the next request says what is wrong', async () => {
  const { client, forced } = clientOf(true);
  await expect(renewCredentials(client, new SourceFailure('identity', 'no'))).resolves.toBeUndefined();
  expect(forced).toEqual([true]);
});
