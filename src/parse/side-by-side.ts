/**
 * Side by side: whether a line that is no JSON holds several values of it, as Firehose writes them.
 * Takes  a rejected line, or its beginning. Gives  a word about --framing for its dead letter, or nothing.
 */
import { isJsonText } from '../scan/json-text.ts';
import { CUT_STATE, ValueLines } from '../scan/values.ts';
import { PortableValues } from '../scan/values-portable.ts';

/** Enough for two values of usual length. */
const LOOK_BYTES = 64 * 1024;
const [OPEN_OBJECT, CLOSE_OBJECT] = [0x7b, 0x7d];

export function sideBySideHint(line: Uint8Array): string {
  const start = line.findIndex((byte) => byte > 0x20);
  if (line[start] !== OPEN_OBJECT) return '';
  const bytes = line.subarray(start, start + LOOK_BYTES);
  // Most lines that are no JSON are something else.
  if (!bytes.some((byte, at) => byte === CLOSE_OBJECT && bytes[at + 1] === OPEN_OBJECT)) return '';
  const values = new ValueLines(bytes.length + 2, 2);
  const place = { objectOffset: 0, state: CUT_STATE.SIDE_BY_SIDE, isLast: false };
  new PortableValues().find(bytes, 0, bytes.length, place, values);
  if (values.count < 2) return '';
  const [first, second] = [0, 1].map((row) =>
    Buffer.from(values.bytes.subarray(values.startOf(row), values.behind(row) - 1)).toString('latin1'),
  );
  if (!isJsonText(first!) || !isJsonText(second!)) return '';
  return '; it holds values of JSON side by side: --framing values makes a record of each';
}
