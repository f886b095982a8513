/**
 * Serve: the embedded servers as a process of their own, so that a bench can keep their CPU time apart from the engine's.
 * Takes  flags, see USAGE.
 * Gives  one JSON line on stdout when ready: `{ "kinesis": URL, "s3": URL }`, only what was started.
 * Owns   the process: it ends on SIGTERM, SIGINT, and when stdin ends, so that no server outlives the bench that started it.
 *
 * Start: `node src/embedded/serve.ts --stream orders:8 --limits real`, `node src/embedded/serve.ts --s3 data --s3-generate events:16:64MiB:684`
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { EXIT } from '../base/exit-code.ts';
import { GIB, KIB, MIB } from '../base/limits.ts';
import { type FastS3Object, startFastS3 } from './fast-s3.ts';
import { type LocalKinesisOptions, startLocalKinesis } from './kinesis.ts';
import { generateLines } from './s3/lines.ts';

const USAGE = `node src/embedded/serve.ts [flags]
  --stream NAME:SHARDS        repeatable; starts the Kinesis
  --kinesis                   starts the Kinesis without a stream
  --port N                    its port (0: any)
  --limits off|real|JSON      per shard; JSON as ShardLimits (off)
  --retain-bytes N            held per stream, e.g. 64MiB (1GiB)
  --discard                   count records and forget them
  --no-cbor                   refuse CBOR
  --require-signature         refuse unsigned requests
  --verify-payload-hash       compare x-amz-content-sha256
  --faults JSON               rules, as KinesisFault[]
  --seed N                    of the faults (1)
  --transition-ms N           time streams stay CREATING, UPDATING (0)
  --s3 BUCKET                 starts the fast read-only S3
  --s3-port N                 its port (0: any)
  --s3-file KEY=PATH[*N]      repeatable; N times the content of a file
  --s3-generate PREFIX:COUNT:SIZE:LINEBYTES[*N]   repeatable; COUNT objects of generated JSONL, each N times SIZE
  --s3-faults JSON            rules, as S3Fault[]`;

const flags = {
  stream: { type: 'string', multiple: true },
  kinesis: { type: 'boolean', default: false },
  port: { type: 'string', default: '0' },
  limits: { type: 'string', default: 'off' },
  'retain-bytes': { type: 'string', default: '1GiB' },
  discard: { type: 'boolean', default: false },
  'no-cbor': { type: 'boolean', default: false },
  'require-signature': { type: 'boolean', default: false },
  'verify-payload-hash': { type: 'boolean', default: false },
  faults: { type: 'string', default: '[]' },
  seed: { type: 'string', default: '1' },
  'transition-ms': { type: 'string', default: '0' },
  s3: { type: 'string' },
  's3-port': { type: 'string', default: '0' },
  's3-file': { type: 'string', multiple: true },
  's3-generate': { type: 'string', multiple: true },
  's3-faults': { type: 'string', default: '[]' },
  help: { type: 'boolean', default: false },
} as const;

function sizeBytes(text: string): number {
  const match = /^(\d+)(KiB|MiB|GiB|)$/.exec(text);
  if (match === null) throw new TypeError(`Expected a size like 64MiB, but received ${text}`);
  return Number(match[1]) * { KiB: KIB, MiB: MIB, GiB: GIB, '': 1 }[match[2] as 'KiB' | 'MiB' | 'GiB' | ''];
}

function limitsOf(text: string): LocalKinesisOptions['limits'] & {} {
  return text === 'off' || text === 'real' ? text : JSON.parse(text);
}

/** Objects of one setting share one buffer: 16 objects of 64 MiB take 64 MiB, and so does one that is 64 MiB*16. */
function objectsOf(files: readonly string[], generated: readonly string[]) {
  const objects: FastS3Object[] = [];
  for (const file of files) {
    const match = /^([^=]+)=(.+?)(?:\*(\d+))?$/.exec(file) ?? [file, basename(file), file];
    objects.push({ key: match[1]!, body: readFileSync(match[2]!), repeat: Number(match[3] ?? 1) });
  }
  for (const spec of generated) {
    const [, made, times] = /^(.+?)(?:\*(\d+))?$/.exec(spec)!;
    const [prefix, count, size, lineBytes] = made!.split(':');
    const repeat = Number(times ?? 1);
    const body = generateLines({
      seed: 42,
      sizeBytes: sizeBytes(size ?? '1MiB'),
      lineBytes: Number(lineBytes ?? 684),
    });
    for (let i = 0; i < Number(count ?? 1); i++) {
      const key = `${prefix}/${String(i).padStart(5, '0')}.jsonl`;
      // The digest of a repeated body would take as long as reading all of it.
      const etag = createHash('md5').update(`${spec} ${i}`).digest('hex');
      objects.push({ key, body, repeat, ...(repeat > 1 && { etag: `"${etag}"` }) });
    }
  }
  return objects;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: flags });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const closers: (() => Promise<void>)[] = [];
  const ready: Record<string, string> = {};
  if (values.kinesis || values.stream !== undefined) {
    const kinesis = await startLocalKinesis({
      port: Number(values.port),
      streams: Object.fromEntries(
        (values.stream ?? []).map((spec) => spec.split(':')).map(([k, v]) => [k, Number(v ?? 1)]),
      ),
      limits: limitsOf(values.limits),
      retainBytes: sizeBytes(values['retain-bytes']),
      discard: values.discard,
      cbor: !values['no-cbor'],
      requireSignature: values['require-signature'],
      verifyPayloadHash: values['verify-payload-hash'],
      faults: JSON.parse(values.faults),
      seed: Number(values.seed),
      transitionMs: Number(values['transition-ms']),
    });
    ready.kinesis = kinesis.endpoint;
    closers.push(() => kinesis.close());
  }
  if (values.s3 !== undefined) {
    const s3 = await startFastS3({
      port: Number(values['s3-port']),
      buckets: { [values.s3]: objectsOf(values['s3-file'] ?? [], values['s3-generate'] ?? []) },
      faults: JSON.parse(values['s3-faults']),
      seed: Number(values.seed),
    });
    ready.s3 = s3.endpoint;
    closers.push(() => s3.close());
  }
  const end = async () => {
    process.stdin.destroy();
    await Promise.all(closers.map((close) => close()));
    process.exit(EXIT.done);
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  process.stdin.once('end', end).once('error', end).resume();
  console.log(JSON.stringify(ready));
}

await main();
