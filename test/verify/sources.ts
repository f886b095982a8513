/**
 * Sources: a source side for tests: lines of objects, as the scanner would give them.
 */
import { createHash } from 'node:crypto';
import { FRAME } from '../../src/record/frame.ts';
import type { SourceSide } from '../../src/verify/sides.ts';
import { framesOf } from './frames.ts';

export interface TestObject {
  readonly key: string;
  /** A line's own partition key, or null for its coordinates. */
  readonly lines: readonly { readonly data: string; readonly key: string | null }[];
}

export interface TestLine {
  readonly key: string;
  readonly data: string;
}

const BUCKET = 'history';

function coordinateOf(key: string): string {
  return createHash('md5').update(`${BUCKET}\n${key}\n"etag"`).digest().subarray(0, 8).toString('base64url');
}

/** What a backfill would put. */
export function recordsOf(objects: readonly TestObject[]): TestLine[] {
  return objects.flatMap((object) => placed(object).map(({ key, data }) => ({ key, data })));
}

function placed(object: TestObject) {
  let offset = 0;
  return object.lines.map(({ data, key }) => {
    const at = offset;
    offset += Buffer.byteLength(data) + 1;
    return { key: key ?? `${coordinateOf(object.key)}:${at}`, data, offset: at };
  });
}

export function sourceOf(objects: readonly TestObject[]): SourceSide & { scans: number } {
  return {
    scans: 0,
    async scan(onFrames) {
      this.scans += 1;
      for (const object of objects) {
        const lines = placed(object);
        // Runs of a few lines, as blocks would give them.
        for (let from = 0; from < lines.length; from += 100) {
          const run = lines.slice(from, from + 100);
          const frames = framesOf(run);
          const view = new DataView(frames.buffer);
          for (let at = 0, i = 0; at < frames.length; at += view.getUint32(at, true), i++) {
            view.setBigUint64(at + FRAME.LINE_OFFSET, BigInt(run[i]!.offset), true);
          }
          onFrames(frames, { bucket: BUCKET, key: object.key });
        }
      }
    },
  };
}
