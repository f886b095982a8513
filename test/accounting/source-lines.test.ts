/** How many lines sources hold, by their line ends alone. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SourceLines } from '../../src/accounting/source-lines.ts';
import { LineCounter } from '../../src/parse/line-count.ts';

const objectOf = (size: number) =>
  ({ bucket: 'b', key: 'k', etag: 'e', size, lastModifiedMs: 0, storageClass: 'STANDARD' }) as const;

function countOf(text: string) {
  const counter = new LineCounter();
  counter.add(Buffer.from(text));
  return counter.count(true);
}

it('counts what stands behind the last line end as a line, however the bytes come', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '\n', '\r') });
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), fc.boolean(), (chunks, isWhole) => {
      const counter = new LineCounter();
      for (const chunk of chunks) counter.add(Buffer.from(chunk));
      const { newlines, endsOpen } = counter.count(isWhole);
      const parts = chunks.join('').split('\n');
      expect([newlines, endsOpen]).toEqual([parts.length - 1, isWhole && parts.at(-1) !== '']);
    }),
  );
});

it('counts whole pieces in any order, and a line that is too long', () => {
  const lines = new SourceLines();
  const object = objectOf(17);
  lines.addPlain(object, 13, 17, countOf('d\nef'));
  lines.addPlain(object, 0, 4, countOf('a\nb\n'));
  expect([...lines.uneven]).toEqual([object]);
  lines.addOversize(object, 4, 8);
  expect([lines.lines, [...lines.uneven]]).toEqual([5, []]);
  lines.addOversize(objectOf(9), 0, 9);
  lines.addWhole({ newlines: 2, endsOpen: true });
  expect([lines.lines, [...lines.uneven]]).toEqual([9, []]);
});

it('does not count a line twice that was cut in two, so that the scanner finds one more', () => {
  const lines = new SourceLines();
  const object = objectOf(4);
  lines.addPlain(object, 0, 2, countOf('ab'));
  lines.addPlain(object, 2, 4, countOf('c\n'));
  expect(lines.lines).toBe(1);
});

it('names objects of which bytes came twice or never', () => {
  const lines = new SourceLines();
  const [short, long] = [objectOf(4), objectOf(4)];
  lines.addPlain(short, 0, 2, countOf('a\n'));
  lines.addPlain(long, 0, 3, countOf('ab\n'));
  lines.addPlain(long, 1, 4, countOf('b\nc'));
  expect([...lines.uneven]).toEqual([short, long]);
});
