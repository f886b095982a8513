/** Kinesis control: what the service says of a stream, whatever its way to say it, and what is said when it is no Kinesis. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { isForeignAnswer } from '../../src/aws/call-fault.ts';
import { KinesisControl } from '../../src/aws/kinesis-control.ts';
import { openKinesisWay } from '../../src/aws/kinesis-way.ts';

const ARN = 'arn:aws:kinesis:us-east-1:123456789012:stream/s';
const closers: (() => void)[] = [];
beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'a');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'b');
});
afterEach(() => {
  for (const close of closers.splice(0)) close();
  vi.unstubAllEnvs();
});

interface Asked {
  readonly operation: string;
  readonly input: Record<string, unknown>;
}

/** A server whose answers are these, one after the other; the last one serves for all that follow. */
async function open(...answers: { status?: number; type?: string; body: string }[]) {
  const asked: Asked[] = [];
  const server = createServer((request, response: ServerResponse) => {
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.once('end', () => {
      const [, operation = ''] = String(request.headers['x-amz-target']).split('.');
      asked.push({ operation, input: JSON.parse(text) });
      const {
        status = 200,
        type = 'application/x-amz-json-1.1',
        body,
      } = answers[asked.length - 1] ?? answers.at(-1)!;
      response.writeHead(status, { 'content-type': type }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const target = { region: 'us-east-1', profile: null, endpoint: `http://127.0.0.1:${port}` };
  const control = new KinesisControl(openKinesisWay(target));
  closers.push(
    () => control.close(),
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return { control, asked };
}

it('asks for a stream as it was named, and makes times of seconds', async () => {
  const summary = {
    StreamName: 's',
    StreamARN: ARN,
    StreamCreationTimestamp: 1_795_671_759.938,
    StreamId: null,
  };
  const { control, asked } = await open({ body: JSON.stringify({ StreamDescriptionSummary: summary }) });
  const described = await control.describe('s');
  expect(described).toEqual({
    ...{ StreamName: 's', StreamARN: ARN },
    StreamCreationTimestamp: new Date(1_795_671_759_938),
  });
  await control.describe(ARN);
  expect(asked).toEqual([
    { operation: 'DescribeStreamSummary', input: { StreamName: 's' } },
    { operation: 'DescribeStreamSummary', input: { StreamARN: ARN } },
  ]);
});

it('reads shards page by page, and takes a null for nothing', async () => {
  const shard = (id: string) => ({
    ShardId: id,
    ParentShardId: null,
    SequenceNumberRange: { EndingSequenceNumber: null },
  });
  const { control, asked } = await open(
    { body: JSON.stringify({ Shards: [shard('0'), shard('1')], NextToken: 'next' }) },
    { body: JSON.stringify({ Shards: [shard('2')], NextToken: null }) },
  );
  const shards = await control.shards('s', { ShardFilter: { Type: 'AT_LATEST' } });
  expect(shards).toEqual(['0', '1', '2'].map((ShardId) => ({ ShardId, SequenceNumberRange: {} })));
  expect(asked.map(({ input }) => input)).toEqual([
    { StreamName: 's', ShardFilter: { Type: 'AT_LATEST' } },
    { NextToken: 'next' },
  ]);
});

it.each([
  { what: 'a page', status: 200, type: 'text/html', body: '<html>hello</html>' },
  { what: 'a page that says no', status: 404, type: 'text/html', body: '<html>not here</html>' },
])('says that $what is not of Kinesis, and asks once', async ({ status, type, body }) => {
  const { control, asked } = await open({ status, type, body });
  const error = await control.describe('s').catch((thrown: unknown) => thrown);
  expect([isForeignAnswer(error), asked.length]).toEqual([true, 1]);
  expect(error).toMatchObject({ name: 'KinesisCallError', statusCode: status });
});

it('says what the credential chain says, and asks nobody', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
  vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  const { control, asked } = await open({ body: '{}' });
  await expect(control.describe('s')).rejects.toMatchObject({ name: 'CredentialsProviderError' });
  expect(asked).toEqual([]);
});

it('sends nothing once its signal is aborted', async () => {
  const { control, asked } = await open({ body: '{}' });
  const reason = new Error('enough');
  await expect(control.describe('s', AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(asked).toEqual([]);
});
