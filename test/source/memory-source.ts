/**
 * Memory source: a second source, of objects that a test has in its hands. It shows what a source has to be able to do, and no more.
 * Owns  its content. `failures` are thrown by the next reads, in their order.
 */
import { Readable } from 'node:stream';
import { bodyOf } from '../../src/aws/http-body.ts';
import { MillraceError } from '../../src/base/errors.ts';
import { newListTally } from '../../src/source/list-tally.ts';
import type { SourceObject } from '../../src/source/object.ts';
import type { RangeReader, Source } from '../../src/source/source.ts';
import { SourceFailure } from '../../src/source/source-failure.ts';

export interface MemorySource extends Source {
  /** Ranges that were asked for: `key start-end`. */
  readonly asked: string[];
  readonly failures: SourceFailure[];
}

export function openMemorySource(contents: ReadonlyMap<string, Buffer>): MemorySource {
  const asked: string[] = [];
  const failures: SourceFailure[] = [];
  const objectOf = (key: string): SourceObject => ({
    ...{ bucket: 'memory', key, etag: `"${contents.get(key)!.length}"`, size: contents.get(key)!.length },
    ...{ lastModifiedMs: 0, storageClass: 'STANDARD' },
  });
  const openReader = (): RangeReader => ({
    async read({ key }, start, end) {
      asked.push(`${key} ${start}-${end}`);
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      const content = contents.get(key);
      if (content === undefined) throw new SourceFailure('gone', 'it is not here');
      return { body: bodyOf(Readable.from([content.subarray(start, end)])), checksum: null };
    },
    classify(error) {
      if (error instanceof SourceFailure) return error;
      throw error;
    },
    renew: async () => {},
    close: () => {},
  });
  return {
    asked,
    failures,
    async probe() {
      if (contents.size === 0) throw new MillraceError('MILLRACE_SOURCE', 'There is nothing in memory');
    },
    async *list({ tally = newListTally() }) {
      for (const key of [...contents.keys()].toSorted()) {
        const object = objectOf(key);
        tally.listed++;
        tally.listedBytes += object.size;
        yield object;
      }
    },
    find: async ({ key }) => objectOf(key),
    openReader,
    close: () => {},
  };
}
