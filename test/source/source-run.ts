/** Harness of this folder's tests: runs a download pool against the embedded S3 and keeps what the sink is told. */
import { setImmediate as turn } from 'node:timers/promises';
import { createS3Client } from '../../src/aws/s3-client.ts';
import { openS3Way } from '../../src/aws/s3-way.ts';
import type { MillraceError } from '../../src/base/errors.ts';
import { type ParseBatch, releaseParseBatch, type SourceSink } from '../../src/source/delivery.ts';
import { DownloadPool, type DownloadPoolOptions } from '../../src/source/download-pool.ts';
import type { OversizeLine } from '../../src/source/line-cutter.ts';
import type { Segment, SourceObject } from '../../src/source/object.ts';
import { type Clock, systemClock } from '../../src/source/retry.ts';
import { S3Calls, type S3CallsOptions } from '../../src/source/s3/calls.ts';
import { createObjectGetter } from '../../src/source/s3/get-object.ts';
import { openS3 } from '../../src/source/s3/source.ts';
import type { Source } from '../../src/source/source.ts';

process.env.AWS_ACCESS_KEY_ID ??= 'test';
process.env.AWS_SECRET_ACCESS_KEY ??= 'test';

/** A client with credentials that the embedded servers do not check. */
export function testClient({ endpoint }: { readonly endpoint: string }) {
  return createS3Client({ region: 'us-east-1', profile: null, endpoint });
}

/** The calls of a listing. */
export function testCalls(
  { endpoint }: { readonly endpoint: string },
  options: Partial<S3CallsOptions> = {},
): S3Calls {
  const way = openS3Way({ region: 'us-east-1', profile: null, endpoint });
  return new S3Calls(way, { clock: systemClock, ...options });
}

/** The same as a whole source. */
export function testSource({ endpoint }: { readonly endpoint: string }): Source {
  const target = { region: 'us-east-1', profile: null, endpoint };
  return openS3(target, { connectionsMax: 8, requesterPays: false });
}

/** A clock on which waiting takes no time, but is written down. */
export function hastyClock(): Clock & { readonly sleptMs: number[] } {
  const sleptMs: number[] = [];
  return {
    ...systemClock,
    sleptMs,
    sleep: async (durationMs, signal) => {
      signal?.throwIfAborted();
      sleptMs.push(durationMs);
      await turn();
    },
  };
}

export interface Recorded {
  /** Everything told, in order: `begin k#0`, `piece k#0 offset bytes`, `end k#0`, `failed k CODE`. */
  readonly events: string[];
  /** Bytes by object and segment, pieces one after the other. */
  readonly contents: Map<string, Buffer>;
  readonly parseBatches: { pieces: number; bytes: number; format: string }[];
  readonly errors: Map<string, MillraceError>;
  readonly oversized: { key: string; line: OversizeLine }[];
  readonly skipped: string[];
}

export function nameOf(segment: Segment): string {
  return `${segment.object.key}#${segment.index}`;
}

export interface RunOptions extends Partial<Omit<DownloadPoolOptions, 'objects'>> {
  readonly endpoint: string;
  readonly objects: AsyncIterable<SourceObject>;
  /** When parse batches go back. Default: in a later turn of the event loop. */
  readonly release?: (parseBatch: ParseBatch) => void;
}

export function startPool(options: RunOptions): { pool: DownloadPool; recorded: Recorded } {
  const recorded: Recorded = {
    events: [],
    contents: new Map(),
    parseBatches: [],
    errors: new Map(),
    oversized: [],
    skipped: [],
  };
  const { events, contents } = recorded;
  const release =
    options.release ?? ((parseBatch: ParseBatch) => setImmediate(() => releaseParseBatch(parseBatch)));
  const sink: SourceSink = {
    begin: (segment) => {
      events.push(`begin ${nameOf(segment)} ${segment.format}`);
      contents.set(nameOf(segment), Buffer.alloc(0));
    },
    parseBatch: (parseBatch) => {
      recorded.parseBatches.push({
        pieces: parseBatch.pieces.length,
        bytes: parseBatch.bytes,
        format: parseBatch.format,
      });
      for (const { segment, block, start, end, objectOffset, isLast } of parseBatch.pieces) {
        const name = nameOf(segment);
        const before = contents.get(name);
        if (before === undefined) throw new Error(`a piece of ${name} came before its begin`);
        events.push(`piece ${name} ${objectOffset}${isLast ? ' last' : ''}`);
        contents.set(name, Buffer.concat([before, block.bytes.subarray(start, end)]));
      }
      release(parseBatch);
    },
    oversize: ({ object }, line) => recorded.oversized.push({ key: object.key, line }),
    end: (segment, error) => events.push(`end ${nameOf(segment)}${error === null ? '' : ` ${error.code}`}`),
    objectFailed: (object, error) => {
      events.push(`failed ${object.key} ${error.code}`);
      recorded.errors.set(object.key, error);
    },
    objectSkipped: (object) => recorded.skipped.push(object.key),
  };
  const clock = options.clock ?? systemClock;
  const pool = new DownloadPool({
    reader: createObjectGetter(
      openS3Way({ region: 'us-east-1', profile: null, endpoint: options.endpoint }),
      {
        clock,
      },
    ),
    sink,
    downloads: 4,
    segmentBytes: 1024 * 1024,
    compression: 'auto',
    isOrdered: false,
    ...options,
  });
  return { pool, recorded };
}

/** Runs to the end. @returns What the sink was told. */
export async function runPool(options: RunOptions): Promise<Recorded & { pool: DownloadPool }> {
  const { pool, recorded } = startPool(options);
  await pool.run();
  return { ...recorded, pool };
}

/** The bytes of each object, its segments joined in order. */
export function joined(recorded: Recorded): Map<string, string> {
  const parts = [...recorded.contents].map(([name, bytes]) => {
    const at = name.lastIndexOf('#');
    return { key: name.slice(0, at), index: Number(name.slice(at + 1)), bytes };
  });
  parts.sort((one, other) => one.index - other.index);
  const result = new Map<string, string>();
  for (const { key, bytes } of parts) result.set(key, (result.get(key) ?? '') + bytes.toString('latin1'));
  return result;
}
