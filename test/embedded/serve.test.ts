import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { ask } from './kinesis/ask.ts';

async function serve(
  ...args: string[]
): Promise<{ server: ChildProcess; ready: { kinesis: string; s3: string } }> {
  const server = spawn(process.execPath, ['src/embedded/serve.ts', ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: server.stdout! }), 'line');
  return { server, ready: JSON.parse(line) };
}

it('serves both from one process, as the flags say, and ends on SIGTERM', async () => {
  const { server, ready } = await serve(
    ...[
      '--stream',
      'a:3',
      '--stream',
      'b',
      '--limits',
      '{"recordsPerSecond":1,"bytesPerSecond":1000}',
      '--no-cbor',
    ],
    ...['--s3', 'data', '--s3-generate', 'events:2:64KiB:684', '--s3-file', 'copy=package.json*2'],
  );
  const summary = await ask(ready.kinesis, 'DescribeStreamSummary', { StreamName: 'a' });
  expect(summary.body.StreamDescriptionSummary).toMatchObject({ OpenShardCount: 3 });
  expect((await ask(ready.kinesis, 'ListStreams', {}, 'cbor')).status).toBe(400);
  const Records = [1, 2].map(() => ({ Data: Buffer.from('x'), PartitionKey: 'k' }));
  expect((await ask(ready.kinesis, 'PutRecords', { StreamName: 'b', Records })).body.FailedRecordCount).toBe(
    1,
  );
  const list = await (await fetch(`${ready.s3}/data?list-type=2`)).text();
  expect([...list.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key)).toEqual([
    'copy',
    'events/00000.jsonl',
    'events/00001.jsonl',
  ]);
  server.kill('SIGTERM');
  expect(await once(server, 'exit')).toEqual([0, null]);
});

it('ends when its stdin ends', async () => {
  const { server } = await serve('--kinesis');
  server.stdin!.end();
  expect(await once(server, 'exit')).toEqual([0, null]);
});
