/**
 * Verify side: one half of `verify` as a process of its own, so that its CPU time can be told from the other half's.
 * Takes  `source` or `stream`, and the key pointer of the workload. Gives  count and bytes of what it digested, as JSON.
 */

import { BUCKET_BITS } from '../../src/digest/buckets.ts';
import { DIGEST_KEY_BYTES } from '../../src/digest/digest.ts';
import { parseBackfillOptions } from '../../src/options/backfill.ts';
import { findTargets } from '../../src/options/targets.ts';
import { openSource } from '../../src/run/sources.ts';
import type { SideDigest } from '../../src/verify/sides.ts';
import { createSourceSide } from '../../src/verify/source-side.ts';
import { createStreamSide } from '../../src/verify/stream-side.ts';

const [side, partitionKey] = process.argv.slice(2);
const spec = { key: new Uint8Array(DIGEST_KEY_BYTES).fill(7), bucketBits: BUCKET_BITS };
const { signal } = new AbortController();

async function digestSource(): Promise<SideDigest> {
  const options = parseBackfillOptions(['s3://bench/events/'], {
    stream: 'bench',
    'partition-key': partitionKey,
  });
  const { onMissingKey, depthMax } = options;
  const targets = await findTargets(options.aws, options.stream);
  const source = openSource(targets.source, options);
  const sourceSide = createSourceSide({
    sources: options.sources,
    options,
    source,
    rules: {
      partitionKey: options.partitionKey,
      explicitHashKey: null,
      onMissingKey,
      appendNewline: false,
      depthMax,
      recordBytesMax: 1 << 20,
      keyCharsMax: 256,
    },
    schema: null,
    observer: {
      onDeadLetter: ({ message }) => {
        throw new Error(message);
      },
      onArchived: () => {},
      onFiltered: () => {},
      onObject: () => {},
    },
  });
  try {
    return await sourceSide.digest!(spec, signal);
  } finally {
    source.close();
  }
}

function digestStream(): Promise<SideDigest> {
  const endpoint = process.env.AWS_ENDPOINT_URL_KINESIS!;
  const target = { region: 'us-east-1', profile: null, endpoint };
  return createStreamSide({ target, stream: 'bench', untilMs: Date.now() }).digest(spec, signal);
}

const { sums } = await (side === 'source' ? digestSource() : digestStream());
console.log(JSON.stringify({ records: sums.count, bytes: sums.bytes }));
