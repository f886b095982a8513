/** docs/RELIABILITY.md, row 15: whatever happens to a journal's bytes, it is refused, or what it still believes done was done. */
import { beforeAll, describe, expect, it } from 'vitest';
import { MillraceError } from '../../src/base/errors.ts';
import { encodeEntry } from '../../src/journal/entries.ts';
import { Journal } from '../../src/journal/journal.ts';
import { tally } from '../../src/journal/tally.ts';
import { MemoryDisk } from './memory-disk.ts';
import { JOURNAL, noLock, smallRun, WORK } from './small-run.ts';

let sound: Buffer;
let delivered: Set<string>;
beforeAll(async () => {
  const disk = new MemoryDisk();
  const outcome = await smallRun(disk, { stopAfter: 11 });
  sound = Buffer.from(disk.content(JOURNAL)!);
  delivered = outcome.promised;
  expect(delivered.size).toBe(9);
});

const open = (disk: MemoryDisk) =>
  Journal.open({
    path: JOURNAL,
    run: 'r',
    identity: { stream: 'a', sources: ['s3://b/'] },
    digestKey: '',
    files: disk,
    lock: noLock,
  });

/** Opens a journal of these bytes. @returns What it believes done, or the message of the refusal. */
async function judge(bytes: Uint8Array): Promise<Set<string> | string> {
  const disk = new MemoryDisk();
  disk.put(JOURNAL, bytes);
  let journal: Journal;
  try {
    journal = await open(disk);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    expect([error.code, error.exitCode]).toEqual(['MILLRACE_JOURNAL', 2]);
    expect(Buffer.compare(disk.content(JOURNAL)!, bytes), 'a refused journal is left as it is').toBe(0);
    return error.message;
  }
  const done = new Set<string>();
  for (const work of WORK) {
    const found = journal.state.lookup(work);
    for (let start = 0; start < work.size; start += 100) {
      const end = Math.min(start + 100, work.size);
      if (found.kind === 'settled') done.add(`${work.key}:${start}-${end}`);
      if (found.kind !== 'partial') continue;
      if (found.object.done.some(([from, to]) => from < end && start < to))
        done.add(`${work.key}:${start}-${end}`);
    }
  }
  return done;
}

function expectHonest(judged: Set<string> | string, label: string): void {
  if (typeof judged === 'string') return;
  for (const name of judged) expect(delivered.has(name), `${label} made it believe ${name}`).toBe(true);
}

describe('a journal', () => {
  it('cut at any byte is resumed with what came before the cut, or refused if not even its header is whole', async () => {
    const headerBytes = sound.indexOf(0x0a) + 1;
    for (let bytes = 0; bytes < sound.byteLength; bytes += 1) {
      const judged = await judge(sound.subarray(0, bytes));
      expectHonest(judged, `a cut at ${bytes}`);
      expect(typeof judged === 'string', `cut at ${bytes}`).toBe(bytes < headerBytes);
    }
  });

  it('with any one bit flipped is refused, or resumed without what the flip destroyed', async () => {
    let refused = 0;
    for (let at = 0; at < sound.byteLength; at += 1) {
      const bytes = Buffer.from(sound);
      bytes[at]! ^= 1 << (at % 8);
      const judged = await judge(bytes);
      expectHonest(judged, `a flip in byte ${at}`);
      if (typeof judged === 'string') refused += 1;
    }
    // Only the last write has nothing behind it that bears witness of damage; all before it is refused.
    const lastWrite = Number(/"from":(\d+),"crc":"[0-9a-f]{8}"}\n$/.exec(sound.toString())![1]);
    expect(refused).toBe(lastWrite);
  });

  it('with any line removed, doubled or swapped with the next is refused or resumed honestly', async () => {
    const lines = sound.toString().split(/(?<=\n)/);
    for (let n = 0; n < lines.length; n += 1) {
      const without = [...lines.slice(0, n), ...lines.slice(n + 1)];
      const doubled = [...lines.slice(0, n + 1), ...lines.slice(n)];
      const swapped = [...lines.slice(0, n), lines[n + 1] ?? '', lines[n]!, ...lines.slice(n + 2)];
      for (const [what, changed] of Object.entries({ without, doubled, swapped })) {
        expectHonest(await judge(Buffer.from(changed.join(''))), `line ${n} ${what}`);
      }
    }
  });

  it('whose first writes were zeroed, or with a hole of zeros anywhere, is refused or resumed honestly', async () => {
    for (let at = 0; at < sound.byteLength; at += 7) {
      const bytes = Buffer.from(sound);
      bytes.fill(0, at, Math.min(at + 64, bytes.byteLength));
      expectHonest(await judge(bytes), `zeros at ${at}`);
    }
  });

  it('names the line that is damaged', async () => {
    const bytes = Buffer.from(sound);
    const third = sound.toString().split('\n').slice(0, 2).join('\n').length + 1;
    bytes[third + 20]! ^= 1;
    expect(await judge(bytes)).toMatch(/line 3 is damaged \(wrong checksum\)/);
  });

  it.each([
    { name: 'an unknown kind of entry', line: '{"kind":"later"}', says: /unknown kind/ },
    { name: 'a range that was done before', line: null, says: /is damaged/ },
  ])('with a sound line of $name in it is refused', async ({ line, says }) => {
    const entry =
      line === null ? { kind: 'segment', id: 0, start: 200, end: 300, tally: tally() } : JSON.parse(line);
    const extra = encodeEntry(entry, 1, sound.byteLength);
    const after = encodeEntry({ kind: 'start', pid: 1 }, 1, sound.byteLength + extra.length);
    expect(await judge(Buffer.concat([sound, Buffer.from(extra + after)]))).toMatch(says);
  });
});
