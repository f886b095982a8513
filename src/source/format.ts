/**
 * Format: what an object's first bytes say about it. Names and headers are not asked: both lie.
 * Owns  the magic numbers of what cannot be carried (those of gzip and zstd: src/inflate/magic.ts). Source: the format descriptions of bzip2,
 *       xz, ZIP (APPNOTE 4.3), LZ4 frames, Snappy framing and Hadoop blocks, Parquet, ORC, Avro, 7-Zip and lzip.
 */
import { MillraceError } from '../base/errors.ts';
import { formatOf } from '../inflate/magic.ts';
import { FORMAT_HEAD_BYTES, type Format } from './object.ts';

/** Formats whose first bytes alone show that they are not text. */
const MAGICS: readonly (readonly [name: string, latin1: string])[] = [
  ['xz', '\xfd7zXZ\0'],
  ['zip', 'PK\x03\x04'],
  ['zip', 'PK\x05\x06'],
  ['zip', 'PK\x07\x08'],
  ['LZ4', '\x04"M\x18'],
  ['LZ4', '\x02!L\x18'],
  ['Snappy', '\xff\x06\0\0sNaPpY'],
  ['Snappy', '\x82SNAPPY\0'],
  ['Avro', 'Obj\x01'],
  ['7-Zip', '7z\xbc\xaf\x27\x1c'],
  ['lzip', 'LZIP\x01'],
  ['compress (.Z)', '\x1f\x9d'],
  ['UTF-32', '\xff\xfe\0\0'],
  ['UTF-32', '\0\0\xfe\xff'],
  ['UTF-16', '\xff\xfe'],
  ['UTF-16', '\xfe\xff'],
];
/** The first bytes could be a line of text that is not JSON: a binary format has control characters close behind. */
const MAGICS_OF_DEAD_LETTERS: readonly (readonly [name: string, latin1: string])[] = [
  ['Parquet', 'PAR1'],
  ['Parquet', 'PARE'],
  ['ORC', 'ORC'],
];
/** Behind `BZh` and a digit: the first block, or the end of a stream without one. */
const BZIP2_BLOCKS = ['1AY&SY', '\x17rE8P\x90'];
// biome-ignore lint/suspicious/noControlCharactersInRegex: they tell binary data from text.
const CONTROL = /[\0-\x08\x0e-\x1f]/;
/** How a value of JSON begins. */
const JSON_START = /^[[{"\-0-9tfn]$/;

/**
 * The name of a format that is known and cannot be carried, or null.
 * @param head As for formatOf. JSON lines, plain or with a UTF-8 byte order mark, are null for certain.
 */
export function foreignFormatOf(head: Uint8Array): string | null {
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1');
  const named = MAGICS.find(([, magic]) => text.startsWith(magic));
  if (named !== undefined) return named[0];
  const lettered = MAGICS_OF_DEAD_LETTERS.find(([, magic]) => text.startsWith(magic));
  if (lettered !== undefined && CONTROL.test(text.slice(lettered[1].length))) return lettered[0];
  if (/^BZh[1-9]/.test(text) && BZIP2_BLOCKS.includes(text.slice(4, 10))) return 'bzip2';
  return wideTextOf(text) ?? (isHadoopSnappy(head) ? 'Snappy' : null);
}

/** UTF-16 and UTF-32 without a byte order mark: JSON begins with a character of ASCII, so with zeros beside it. */
function wideTextOf(text: string): string | null {
  const little = JSON_START.test(text[0] ?? '') && text[1] === '\0';
  if (little) return text.startsWith('\0\0', 2) ? 'UTF-32' : 'UTF-16';
  if (text.startsWith('\0\0\0') && JSON_START.test(text[3] ?? '')) return 'UTF-32';
  return text[0] === '\0' && JSON_START.test(text[1] ?? '') ? 'UTF-16' : null;
}

/** Hadoop's blocks have no magic: two lengths of 32 bits, then Snappy data, which begin with the first length again (a varint). */
function isHadoopSnappy(head: Uint8Array): boolean {
  if (head.length < 12 || head[0] !== 0) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const [length, storedLength] = [view.getUint32(0), view.getUint32(4)];
  let again = 0;
  for (let at = 8, shift = 0; at < 12; at++, shift += 7) {
    again += (head[at]! & 0x7f) * 2 ** shift;
    if (head[at]! < 0x80) return length > 0 && storedLength > 0 && again === length;
  }
  return false;
}

/** An object of another format. */
export class ForeignError extends MillraceError {
  /** @param what For example `bzip2`, or `gzip within gzip`. @param where `Cannot read <uri>`, or null where somebody else says that. */
  constructor(what: string, where: string | null) {
    const why = `it is ${what}; only JSON lines in UTF-8 can be carried, as they are or compressed once with gzip or zstd. Convert it, or leave it out with --exclude`;
    super('MILLRACE_OBJECT_UNREADABLE', where === null ? why : `${where}: ${why}`);
  }
}

/**
 * Passes the content of a compressed object on, once its first bytes have been looked at.
 * @throws {ForeignError} Before anything was passed on: it is not text.
 */
export async function* textOnly(
  kind: Format,
  content: AsyncIterable<Uint8Array> | readonly Uint8Array[],
): AsyncGenerator<Uint8Array> {
  if (kind === 'text') {
    // Its first bytes were looked at where it was stored, or nobody was to look.
    yield* content;
    return;
  }
  let head: Uint8Array | null = new Uint8Array(0);
  try {
    for await (const chunk of content) {
      if (head === null) {
        yield chunk;
        continue;
      }
      // Nearly always all of it is in the first chunk, and nothing is copied.
      const bytes: Uint8Array = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
      head = bytes.length < FORMAT_HEAD_BYTES ? bytes.slice() : null;
      if (head !== null) continue;
      refuseNested(kind, bytes);
      yield bytes;
    }
  } catch (error) {
    // What came out before the damage is still good.
    if (head !== null) yield* textHead(kind, head);
    throw error;
  }
  if (head !== null) yield* textHead(kind, head);
}

function* textHead(kind: Format, head: Uint8Array): Generator<Uint8Array> {
  if (head.length === 0) return;
  refuseNested(kind, head);
  yield head;
}

function refuseNested(kind: Format, bytes: Uint8Array): void {
  const head = bytes.subarray(0, FORMAT_HEAD_BYTES);
  const inner = formatOf(head);
  const name = inner === 'plain' ? foreignFormatOf(head) : inner;
  if (name !== null) throw new ForeignError(`${name} within ${kind}`, null);
}
