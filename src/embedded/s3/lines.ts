/**
 * Lines: seeded JSONL for loads, alike enough to events that scanners and compressors see nothing unusual.
 * Takes  a seed, a size, a line's length.
 * Gives  one buffer of whole lines, each a JSON object with an `id` that is unique in the buffer.
 */
import { seededRandom } from '../kinesis/faults.ts';

const NAMES = ['PushEvent', 'WatchEvent', 'ForkEvent', 'IssuesEvent', 'CreateEvent', 'PullRequestEvent'];
/** Shorter lines have no room for a type beside the id. */
const TYPED_LINE_BYTES = 96;

/**
 * @param sizeBytes The result is at most this long and less than one line shorter.
 * @param lineBytes Newline included; at least 64, with a seed of up to ten digits.
 */
export function generateLines({ seed = 1, sizeBytes = 1 << 20, lineBytes = 684 }): Buffer {
  const random = seededRandom(seed);
  const count = Math.max(1, Math.floor(sizeBytes / lineBytes));
  const out = Buffer.alloc(count * lineBytes, 0x20);
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)]!;
  for (let i = 0, at = 0; i < count; i++, at += lineBytes) {
    const id = `${seed}-${String(i).padStart(9, '0')}`;
    const type = lineBytes < TYPED_LINE_BYTES ? '' : `,"type":"${pick(NAMES)}"`;
    const start = `{"id":"${id}","user":${Math.floor(random() * 1e5)}${type}`;
    const room = lineBytes - start.length - ',"text":""}\n'.length;
    let text = '';
    while (text.length < room) text += `${Math.floor(random() * 2 ** 32).toString(36)} `;
    const line = `${start},"text":"${text.slice(0, room)}"}\n`;
    out.write(line, at, 'latin1');
  }
  return out;
}
