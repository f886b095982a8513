/**
 * Preview findings: what was found of each of the first lines, put together.
 * Takes  the lines as they lie in their objects; frames, dead letters.
 * Gives  each line with its records, or why it has none.
 * Owns   the lines in memory.
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
import { FRAME, FRAME_FLAG } from '../record/frame.ts';
import type { Stages } from '../shape/stages.ts';
import type { SourceObject } from '../source/object.ts';
import type { LeftOutBy } from './left-out-by.ts';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
/** Bytes of one object, and where each of its lines begins. */
interface ObjectLines {
  readonly object: SourceObject;
  readonly chunks: Uint8Array[];
}

interface Record extends PreviewRecord {
  /** Of the first byte of the line's data. */
  readonly offset: number;
}

export class PreviewFindings {
  readonly #objects: ObjectLines[] = [];
  readonly #records = new Map<string, Record[]>();
  readonly #letters = new Map<string, DeadLetter>();
  readonly #troubles: PreviewTrouble[] = [];
  #more = false;

  takeContent(object: SourceObject, bytes: Uint8Array): void {
    const last = this.#objects.at(-1);
    if (last?.object === object) last.chunks.push(bytes.slice());
    else this.#objects.push({ object, chunks: [bytes.slice()] });
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
    const lines: PreviewLine[] = [];
    for (const { object, chunks } of this.#objects) {
      const records = (this.#records.get(nameOf(object)) ?? []).toSorted((a, b) => a.offset - b.offset);
      let next = 0;
      for (const { bytes, offset, end } of linesIn(Buffer.concat(chunks))) {
        const from = next;
        while (records[next] !== undefined && records[next]!.offset < end) next++;
        const place = { line: lines.length + 1, bytes, offset, object };
        lines.push(await this.#line(place, records.slice(from, next), asker));
      }
    }
    await asker?.close();
    return { lines, troubles: this.#troubles, more: this.#more };
  }

  async #line(
    { line, bytes, offset, object }: { line: number; bytes: Buffer; offset: number; object: SourceObject },
    records: readonly Record[],
    asker: LeftOutBy | null,
  ): Promise<PreviewLine> {
    const { bucket, key, etag } = object;
    const told = (outcome: PreviewLine['outcome'], more: Partial<PreviewLine> = {}): PreviewLine => ({
      ...{ line, bucket, key, etag, offset, length: bytes.length, outcome },
      ...{ stage: null, code: null, reason: null, before: bytesOf(bytes), records: [] },
      ...more,
    });
    const letter = this.#letters.get(`${nameOf(object)}\n${offset}`);
    if (letter !== undefined) return told('rejected', { code: letter.code, reason: letter.message });
    if (records.length > 0)
      return told('sent', { records: records.map(({ offset: _, ...record }) => record) });
    const text = textOf(bytes, offset);
    if (text === '') return told('blank');
    if (asker === null) return told('unread', { reason: 'its object could not be read a second time' });
    return told('filtered', await asker.ask(text, object, offset));
  }
}

/** As the scanner takes it: without white space around it, and without the mark at the beginning of an object. */
function textOf(bytes: Buffer, offset: number): string {
  const text = bytes.toString('utf8').replace(/^[ \t\r]+|[ \t\r]+$/g, '');
  return offset === 0 && text.startsWith('\ufeff') ? text.slice(1).replace(/^[ \t\r]+/, '') : text;
}

function* linesIn(content: Buffer): Generator<{ bytes: Buffer; offset: number; end: number }> {
  for (let at = 0; at < content.length; ) {
    const newline = content.indexOf(NEWLINE, at);
    const end = newline < 0 ? content.length : newline + 1;
    const stop = newline < 0 ? end : newline;
    const isCrLf = stop > at && newline >= 0 && content[stop - 1] === RETURN;
    yield { bytes: content.subarray(at, isCrLf ? stop - 1 : stop), offset: at, end };
    at = end;
  }
}

function* recordsIn(frames: Uint8Array): Generator<Record> {
  const view = Buffer.from(frames.buffer, frames.byteOffset, frames.length);
  for (let at = 0; at < view.length; at += view.readUInt32LE(at)) {
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
