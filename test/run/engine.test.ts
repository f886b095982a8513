/** A run that cannot begin, in a program that goes on: what it had opened is closed, so that a second try can begin. */
import { afterEach, expect, it } from 'vitest';
import { type BackfillReport, backfillOptions } from '../../src/index.ts';
import { backfill } from '../../src/run/engine.ts';
import { BUCKET, STREAM, World } from '../commands/fixture.ts';

let world: World;
afterEach(() => world?.close());

it('leaves its files and their locks to the next try, where the memory was too little for the first', async () => {
  world = await World.open({ objects: [{ key: 'a', body: Buffer.from('{"a":1}\n') }], shards: 1 });
  const carry = (memory: string, parsers: number): Promise<BackfillReport> => {
    const endpoints = {
      's3-endpoint-url': world.s3.endpoint,
      'kinesis-endpoint-url': world.kinesis.endpoint,
    };
    const files = { journal: world.journal, 'dead-letter': world.letters };
    const size = { memory, parsers, region: 'us-east-1' };
    return backfill(
      backfillOptions([`s3://${BUCKET}/`], { stream: STREAM, ...endpoints, ...files, ...size }),
    );
  };
  await expect(carry('64MiB', 64)).rejects.toThrow('--memory');
  expect(await carry('256MiB', 1)).toMatchObject({ status: 'delivered', records: { delivered: 1 } });
});
