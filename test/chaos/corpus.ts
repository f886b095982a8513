/**
 * Corpus: a small source with everything in it that makes resuming hard.
 * Takes  a seed.
 * Gives  objects as stored (plain, gzip, zstd) and as the oracle reads them (decompressed).
 * Owns   the mix: plain objects of many segments, compressed ones of one or two members, many small ones; about one line in forty
 *        is bad, some are blank, some end in CRLF. Each line carries an id of its own.
 * Never  uses a clock or Math.random.
 */
import { createHash } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { SourceObject } from './oracle.ts';

export interface CorpusObject extends SourceObject {
  /** Bytes as they lie in S3. */
  readonly stored: Buffer;
}

/** @param scale 1 gives about 3 MB in 120 objects. */
export function corpus(random: () => number, bucket: string, scale = 1): CorpusObject[] {
  const objects: CorpusObject[] = [];
  const add = (key: string, content: Buffer, stored: Buffer) => {
    objects.push({
      bucket,
      key,
      etag: `"${createHash('md5').update(stored).digest('hex')}"`,
      content,
      stored,
    });
  };
  for (let n = 0; n < 6; n += 1) {
    const content = lines(random, `plain-${n}`, Math.round((100 + random() * 400) * 1024 * scale));
    add(`p/plain-${n}.jsonl`, content, content);
  }
  for (let n = 0; n < 3; n += 1) {
    const content = lines(random, `gzip-${n}`, Math.round((200 + random() * 400) * 1024 * scale));
    const middle = n === 0 ? content.length : content.indexOf(0x0a, content.length >> 1) - 3; // a member may end within a line
    const members = [content.subarray(0, middle), content.subarray(middle)].filter((part) => part.length > 0);
    add(`p/gzip-${n}.jsonl.gz`, content, Buffer.concat(members.map((part) => gzipSync(part, { level: 1 }))));
  }
  const packed = lines(random, 'zstd', Math.round(300 * 1024 * scale));
  add('p/zstd.jsonl.zst', packed, zstdCompressSync(packed));
  for (let n = 0; n < 110; n += 1) {
    const content = lines(random, `small-${n}`, Math.floor(random() * 2000));
    add(`p/small/${String(n).padStart(4, '0')}.jsonl`, content, content);
  }
  return objects.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
}

/** Lines of one object, of this many bytes and a few more. */
export function lines(random: () => number, name: string, bytes: number): Buffer {
  const parts: string[] = [];
  let total = 0;
  for (let n = 0; total < bytes; n += 1) {
    const line = lineOf(random, `${name}-${n}`);
    parts.push(line);
    total += Buffer.byteLength(line);
  }
  // Some files do not end with a newline.
  const text = parts.join('');
  return Buffer.from(random() < 0.3 ? text.replace(/\r?\n$/, '') : text);
}

function lineOf(random: () => number, id: string): string {
  const end = random() < 0.1 ? '\r\n' : '\n';
  const kind = random();
  if (kind < 0.01) return end;
  if (kind < 0.02) return `{"id":"${id}","user":${end}`;
  if (kind < 0.03) return `{"id":"${id}","note":"no user"}${end}`;
  if (kind < 0.035) return `${'['.repeat(1100)}"${id}"${']'.repeat(1100)}${end}`;
  const user = Math.floor(random() * 40);
  const big = 9007199254740993n + BigInt(Math.floor(random() * 1e9));
  const filler = 'ü€x'.repeat(Math.floor(random() * 120));
  return `{"id":"${id}","user":"u${user}","n":${big},"f":1.0,"t":"${filler}"}${end}`;
}
