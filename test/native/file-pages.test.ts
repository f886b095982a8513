/** File pages: what a process of its own says about its memory before and after, and whether it goes on. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { MIB } from '../../src/base/limits.ts';

const MODULE = new URL('../../src/native/file-pages.ts', import.meta.url).href;
const IS_LINUX = process.platform === 'linux';
const why = IS_LINUX ? '' : ' (skipped: only Linux tells)';

interface Told {
  readonly bytes: number;
  readonly before: number;
  readonly after: number;
  /** Bytes of the page that was written to which are no longer those of the file's own page. */
  readonly own: number;
  readonly work: string;
}

/** @param first What the process does before it lets go. */
function tell(first = '', env: Record<string, string> = {}): Told {
  const program = `
    import { createHash } from 'node:crypto';
    import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
    import { deflateSync, inflateSync } from 'node:zlib';
    import { letGoOfFilePages } from '${MODULE}';
    const residentOfFiles = () => Number(/RssFile:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
    const code = () => readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-)/m)
      .filter((it) => it.includes(process.execPath) && /^\\S+ r-xp/.test(it))
      .toSorted((a, b) => size(b) - size(a))[0];
    const size = (it) => Number(/^Size: +(\\d+)/m.exec(it)[1]);
    ${first}
    const before = residentOfFiles();
    const bytes = letGoOfFilePages();
    const after = residentOfFiles();
    const own = Number(/^Anonymous: +(\\d+)/m.exec(code())[1]) * 1024;
    const packed = inflateSync(deflateSync(JSON.stringify({ word: 'abc' }))).toString();
    const work = createHash('sha256').update(JSON.parse(packed).word).digest('hex');
    console.log(JSON.stringify({ bytes, before, after, own, work }));`;
  const args = ['--input-type=module', '--eval', program];
  return JSON.parse(
    execFileSync(process.execPath, args, { encoding: 'utf8', env: { ...process.env, ...env } }),
  );
}

/** SHA-256 of "abc", FIPS 180. */
const WORK = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

describe.skipIf(!IS_LINUX)(`file pages, as the kernel tells of them${why}`, () => {
  it('most of what a start has used of Node goes, and the program goes on', () => {
    const { bytes, before, after, work } = tell();
    expect(bytes).toBeGreaterThan(20 * MIB);
    expect(before - after).toBeGreaterThan(bytes / 2);
    expect(work).toBe(WORK);
  });

  it('what was written to, as a debugger does, stays', () => {
    const write = `
      const memory = openSync('/proc/self/mem', 'r+');
      const at = parseInt(code(), 16);
      const byte = Buffer.alloc(1);
      readSync(memory, byte, 0, 1, at);
      writeSync(memory, byte, 0, 1, at);
      closeSync(memory);`;
    const untouched = tell();
    const { bytes, own, work } = tell(write);
    expect([untouched.own, own > 0]).toEqual([0, true]);
    expect(bytes).toBeLessThan(untouched.bytes - 5 * MIB);
    expect(work).toBe(WORK);
  });

  it('nothing goes without the addon', () => {
    expect(tell('', { MILLRACE_SCANNER: 'portable' })).toMatchObject({ bytes: 0, work: WORK });
  });
});
