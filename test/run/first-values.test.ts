/** The first values: where `--limit` cuts objects that hold values, held against what the cutter makes of the whole object and of its beginning. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FirstValues } from '../../src/run/first-values.ts';
import { PreviewValues } from '../../src/run/preview-values.ts';
import { PortableValues } from '../../src/scan/values-portable.ts';
import { BREAKERS } from '../parse/breakers.ts';
import { cutParts } from '../parse/cut-parts.ts';

const finder = new PortableValues();
const HEAVY = process.env.MILLRACE_HEAVY !== undefined;

const spread = (json: string) => JSON.stringify(JSON.parse(json), null, 2);
const values = fc.oneof(fc.json({ maxDepth: 2 }), fc.json({ maxDepth: 2 }).map(spread));
const documentOf = fc
  .array(values, { maxLength: 4 })
  .map((all) => `{"x":{"a":0},"a":[${all.join(' ,\n')}],"b":[1]}`);
const contentOf = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: values },
      { weight: 3, arbitrary: documentOf },
      { weight: 4, arbitrary: fc.constantFrom('', ' ', '\n', '\r\n', '\n  ', ' \n') },
      { weight: 2, arbitrary: fc.constantFrom(...BREAKERS) },
    ),
    { maxLength: 10 },
  )
  .map((all) => Buffer.from(all.join('')).toString('latin1'));
const tokensOf = fc.constantFrom(null, [], ['a'], ['x', 'a'], ['0']);

const objectOf = (key: string) => ({
  ...{ bucket: 'b', key, etag: '"e"', size: 1, lastModifiedMs: 0, storageClass: 'STANDARD' },
});

/** What the first values of a content are, chunk by chunk. */
function findFirst(
  text: string,
  wanted: number,
  given: { tokens: readonly string[] | null; chunkBytes: number; bytesMax: number },
) {
  const found = new FirstValues({ tokens: given.tokens, lineBytesMax: given.bytesMax }, wanted);
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += given.chunkBytes)
    found.take(bytes.subarray(at, at + given.chunkBytes));
  return found;
}

it('are the first parts of any object, however it is cut into chunks, and the same ones where nothing lies behind them', async () => {
  const seen = { cut: 0, whole: 0, lost: 0, array: 0 };
  await fc.assert(
    fc.asyncProperty(
      contentOf,
      fc.integer({ min: 1, max: 8 }),
      tokensOf,
      fc.integer({ min: 1, max: 100 }),
      fc.constantFrom(1 << 20, 20),
      async (text, wanted, tokens, chunkBytes, bytesMax) => {
        const settings = { tokens, chunkBytes, bytesMax };
        const { parts } = await cutParts(finder, text, settings);
        const found = findFirst(text, wanted, settings);
        expect(found.count(true)).toBe(parts.length);
        if (found.end === null) {
          expect(parts.length).toBeLessThanOrEqual(wanted);
          seen.whole++;
          return;
        }
        const first = await cutParts(finder, text.slice(0, found.end), settings);
        expect(first.parts).toEqual(parts.slice(0, wanted));
        // Nobody says that nothing follows before the object has ended.
        expect(found.hasMore || found.count(true) > wanted).toBe(parts.length > wanted);
        // `verify` counts as many in it.
        expect(findFirst(text.slice(0, found.end), wanted, settings).count(true)).toBe(wanted);
        seen.cut++;
        if (first.parts.some(({ kind }) => kind !== 'value')) seen.lost++;
        if (tokens !== null && first.parts.some(({ kind }) => kind === 'value')) seen.array++;
      },
    ),
    { numRuns: HEAVY ? 20_000 : 1000, seed: 16 },
  );
  expect(
    Object.values(seen).every((count) => count > 20),
    JSON.stringify(seen),
  ).toBe(true);
});

it('what is kept to be shown are the parts of any object, with damage between them, however it is cut into chunks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(contentOf, { minLength: 1, maxLength: 2 }),
      tokensOf,
      fc.integer({ min: 1, max: 100 }),
      async (texts, tokens, chunkBytes) => {
        const kept = new PreviewValues({ tokens, lineBytesMax: 1 << 20, bytesMax: 1 << 20 });
        const expected = [];
        for (const [i, text] of texts.entries()) {
          const object = objectOf(`o${i}`);
          const bytes = Buffer.from(text, 'latin1');
          for (let at = 0; at < bytes.length; at += chunkBytes)
            kept.take(object, bytes.subarray(at, at + chunkBytes));
          const { parts } = await cutParts(finder, text, { tokens });
          if (text !== '') expected.push(parts.map(({ offset, text: part }) => [offset, part]));
        }
        const shown = kept.finish().map(({ lines }) =>
          lines.map(({ offset, length, bytes, end }) => {
            expect(bytes).toHaveLength(length);
            expect(end).toBeGreaterThanOrEqual(offset + length);
            return [offset, bytes.toString('latin1')];
          }),
        );
        expect(shown).toEqual(expected);
      },
    ),
    { numRuns: HEAVY ? 5000 : 300 },
  );
});

it('of a value that is too long to be a record its beginning is kept, and more than the memory is refused', () => {
  const kept = new PreviewValues({ tokens: null, lineBytesMax: 4, bytesMax: 10 });
  const [first, second] = [objectOf('o'), objectOf('p')];
  for (const chunk of ['"abc', 'def', 'gh" ', '12 ']) kept.take(first, Buffer.from(chunk));
  expect(kept.finish()[0]!.lines).toEqual([
    { offset: 0, end: 10, length: 10, bytes: Buffer.from('"abc') },
    { offset: 11, end: 13, length: 2, bytes: Buffer.from('12') },
  ]);
  kept.take(second, Buffer.from('"1234567'));
  expect(() => kept.take(second, Buffer.from('" 123 '))).toThrow('Expected --limit to be smaller');
});
