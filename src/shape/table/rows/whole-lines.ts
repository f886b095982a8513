/**
 * Whole lines: the content of a text in pieces that end with a line.
 * Takes  bytes as they come. Gives  the same bytes, without a byte order mark in front.
 * Owns   the check that they are UTF-8, and the bound on a line.
 */
import { isUtf8 } from 'node:buffer';
import { ENGINE } from '../../../base/limits.ts';
import { formatBytes } from '../../../base/quantity.ts';
import { TableRowError } from './table-file.ts';

const LINE_END = 0x0a;
const MARK = Buffer.from('\ufeff');

export async function* wholeLines(content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let isFirst = true;
  const piece = (parts: readonly Buffer[]): Buffer => {
    const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    const hasMark = isFirst && bytes.subarray(0, MARK.length).equals(MARK);
    isFirst = false;
    if (!isUtf8(bytes)) throw new TableRowError('it is not UTF-8');
    return hasMark ? bytes.subarray(MARK.length) : bytes;
  };
  for await (const chunk of content) {
    // What comes may be overwritten, or lie in shared memory: nothing of it is kept.
    const bytes = Buffer.from(chunk);
    const end = bytes.lastIndexOf(LINE_END) + 1;
    if (end > 0) {
      yield piece([...rest, bytes.subarray(0, end)]);
      rest = [];
      restBytes = 0;
    }
    if (end === bytes.length) continue;
    rest.push(bytes.subarray(end));
    restBytes += bytes.length - end;
    if (restBytes > ENGINE.tableRowBytesMax) throw tooLong();
  }
  if (restBytes > 0) yield piece(rest);
}

export function tooLong(): TableRowError {
  return new TableRowError(`a row is longer than ${formatBytes(ENGINE.tableRowBytesMax)}`);
}
