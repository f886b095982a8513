/** Succession: which pages can follow each other. */
import { describe, expect, it } from 'vitest';
import { Succession } from '../../../src/source/s3/succession.ts';

const page = (keys: readonly string[], token?: string) => ({
  objects: keys.map((key) => ({
    bucket: 'b',
    key,
    etag: '"1"',
    size: 1,
    lastModifiedMs: 0,
    storageClass: 'STANDARD',
  })),
  token,
});
const where = 's3://b/p/';

describe('Succession', () => {
  it.each([
    {
      name: 'pages whose keys follow each other',
      isOrdered: true,
      after: undefined,
      pages: [page(['a', 'b'], '1'), page(['c'])],
    },
    {
      name: 'pages without keys between them',
      isOrdered: true,
      after: undefined,
      pages: [page([], '1'), page([], '2'), page(['c'])],
    },
    {
      name: 'keys in the order of UTF-8 bytes',
      isOrdered: true,
      after: undefined,
      pages: [page(['\uffee', '\u{1f600}'])],
    },
    {
      name: 'keys in any order, of a directory bucket',
      isOrdered: false,
      after: undefined,
      pages: [page(['b', 'a'], '1'), page(['0'])],
    },
  ])('takes $name', ({ isOrdered, after, pages }) => {
    const succession = new Succession({ where, after, isOrdered });
    for (const next of pages) expect(() => succession.take(next)).not.toThrow();
  });

  it.each([
    {
      name: 'a page that comes again',
      isOrdered: true,
      after: undefined,
      pages: [page(['a', 'b'], '1'), page(['a', 'b'], '2')],
      message: /"a" was listed behind "b"/,
    },
    {
      name: 'a key that comes twice',
      isOrdered: true,
      after: undefined,
      pages: [page(['a', 'a'])],
      message: /"a" was listed behind "a"/,
    },
    {
      name: 'keys in the order of UTF-16 units',
      isOrdered: true,
      after: undefined,
      pages: [page(['\u{1f600}', '\uffee'])],
      message: /UTF-8/,
    },
    {
      name: 'a key that was not asked for',
      isOrdered: true,
      after: 'm',
      pages: [page(['a'])],
      message: /"a" was listed behind "m"/,
    },
    {
      name: 'a token that comes again',
      isOrdered: true,
      after: undefined,
      pages: [page(['a'], '1'), page([], '1')],
      message: /same continuation token twice/,
    },
    {
      name: 'tokens that go in a circle',
      isOrdered: false,
      after: undefined,
      pages: [page(['a'], '1'), page(['b'], '2'), page(['a'], '1')],
      message: /same continuation token twice/,
    },
  ])('refuses $name', ({ isOrdered, after, pages, message }) => {
    const succession = new Succession({ where, after, isOrdered });
    for (const next of pages.slice(0, -1)) succession.take(next);
    let thrown: unknown;
    try {
      succession.take(pages.at(-1)!);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({
      code: 'MILLRACE_SOURCE',
      exitCode: 3,
      message: expect.stringMatching(message),
    });
    expect((thrown as Error).message).toContain(where);
  });
});
