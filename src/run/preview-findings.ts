/**
 * Preview findings: what was found of each of the first lines, put together.
 * Takes  the lines as they lie in their objects; frames, dead letters.
 * Gives  each line with its records, or why it has none.
 * Owns   which of them belong together.
 */
import type { DeadLetter } from '../journal/dead-letters.ts';
import type { FirstLines } from '../journal/first-lines.ts';
import type {
  Preview,
  PreviewBytes,
  PreviewLine,
  PreviewRecord,
  PreviewTrouble,
} from '../observe/preview.ts';
import type { ParseSetup } from '../parse/setup.ts';
import { FRAME, FRAME_FLAG, FRAME_KIND } from '../record/frame.ts';
import type { Stages } from '../shape/stages.ts';
import type { SourceObject } from '../source/object.ts';
import type { LeftOutBy } from './left-out-by.ts';
import { type KeptLine, type KeptLines, PreviewLines, type PreviewLinesOptions } from './preview-lines.ts';
import { PreviewValues } from './preview-values.ts';

interface Record extends PreviewRecord {
  /** Of the first byte of the line's data. */
  readonly offset: number;
}

export class PreviewFindings {
  readonly #lines: KeptLines;
  readonly #records = new Map<string, Record[]>();
  readonly #letters = new Map<string, DeadLetter>();
  readonly #troubles: PreviewTrouble[] = [];
  #more = false;

  /** @param framing As ParseSetup has it: null, lines are lines. */
  constructor(options: PreviewLinesOptions, framing: ParseSetup['framing']) {
    this.#lines = framing ? new PreviewValues({ ...options, ...framing }) : new PreviewLines(options);
  }

  /** @throws {OptionsError} The lines take too much memory. */
  takeContent(object: SourceObject, bytes: Uint8Array): void {
    this.#lines.take(object, bytes);
  }

  takeLines({ facts }: FirstLines): void {
    this.#more = facts.more;
  }

  takeFrames(frames: Uint8Array, object: SourceObject): void {
    const name = nameOf(object);
    const records = this.#records.get(name) ?? [];
    this.#records.set(name, records);
    for (const record of recordsIn(frames)) records.push(record);
  }

  takeLetter(letter: DeadLetter): void {
    const { bucket, key, offset, code, message } = letter;
    if (offset === null) this.#troubles.push({ bucket, key, code, reason: message });
    else this.#letters.set(`${nameOf(letter)}\n${offset}`, letter);
  }

  /** @param stages Of the run, or null. */
  async told(stages: Stages | null): Promise<Preview> {
    const asker = stages && (await (await import('./left-out-by.ts')).openLeftOutBy(stages));
    const told: PreviewLine[] = [];
    for (const { object, lines } of this.#lines.finish()) {
      const records = (this.#records.get(nameOf(object)) ?? []).toSorted((a, b) => a.offset - b.offset);
      let next = 0;
      for (const line of lines) {
        const from = next;
        while (records[next] !== undefined && records[next]!.offset < line.end) next++;
        const place = { ...line, object, line: told.length + 1 };
        told.push(await this.#line(place, records.slice(from, next), asker));
      }
    }
    await asker?.close();
    return { lines: told, troubles: this.#troubles, more: this.#more };
  }

  async #line(
    { line, bytes, offset, length, object }: KeptLine & { line: number; object: SourceObject },
    records: readonly Record[],
    asker: LeftOutBy | null,
  ): Promise<PreviewLine> {
    const { bucket, key, etag } = object;
    const told = (outcome: PreviewLine['outcome'], more: Partial<PreviewLine> = {}): PreviewLine => ({
      ...{ line, bucket, key, etag, offset, length, outcome },
      ...{ stage: null, code: null, reason: null, before: bytesOf(bytes), records: [] },
      ...more,
    });
    const letter = this.#letters.get(`${nameOf(object)}\n${offset}`);
    if (letter !== undefined) return told('rejected', { code: letter.code, reason: letter.message });
    if (records.length > 0)
      return told('sent', { records: records.map(({ offset: _, ...record }) => record) });
    const text = textOf(bytes, offset);
    if (text === '') return told('blank');
    const leftOut = (await asker?.ask(text, object, offset)) ?? null;
    if (leftOut !== null) return told('filtered', leftOut);
    return told('unread', { reason: 'its object could not be read a second time' });
  }
}

/** As the scanner takes it: without white space around it, and without the mark at the beginning of an object. */
function textOf(bytes: Buffer, offset: number): string {
  const text = bytes.toString('utf8').replace(/^[ \t\r]+|[ \t\r]+$/g, '');
  return offset === 0 && text.startsWith('\ufeff') ? text.slice(1).replace(/^[ \t\r]+/, '') : text;
}

function* recordsIn(frames: Uint8Array): Generator<Record> {
  const view = Buffer.from(frames.buffer, frames.byteOffset, frames.length);
  for (let at = 0; at < view.length; at += view.readUInt32LE(at + FRAME.FRAME_BYTES)) {
    // Where the lane came to its end a PAD lies between the records, and may be shorter than a header.
    if (view[at + FRAME.KIND] !== FRAME_KIND.RECORD) continue;
    const key = at + FRAME.HEADER_BYTES;
    const data = key + view.readUInt16LE(at + FRAME.KEY_BYTES);
    const isExplicit = (view[at + FRAME.FLAGS]! & FRAME_FLAG.EXPLICIT_HASH_KEY) !== 0;
    const hash =
      (view.readBigUInt64LE(at + FRAME.HASH_HIGH) << 64n) | view.readBigUInt64LE(at + FRAME.HASH_LOW);
    yield {
      offset: Number(view.readBigUInt64LE(at + FRAME.LINE_OFFSET)),
      partitionKey: view.toString('utf8', key, data),
      explicitHashKey: isExplicit ? String(hash) : null,
      ...bytesOf(view.subarray(data, data + view.readUInt32LE(at + FRAME.DATA_BYTES))),
    };
  }
}

function bytesOf(bytes: Buffer): PreviewBytes {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { text, base64: null };
  } catch {
    return { text: null, base64: bytes.toString('base64') };
  }
}

function nameOf({ bucket, key }: { readonly bucket: string; readonly key: string }): string {
  return `${bucket}\n${key}`;
}
