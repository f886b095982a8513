/** Lines that are kept to be shown: as they lie in their objects, however their content was cut, and within bounds. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PreviewLines } from '../../src/run/preview-lines.ts';

const objectOf = (key: string) => ({
  ...{ bucket: 'b', key, etag: '"e"', size: 1, lastModifiedMs: 0, storageClass: 'STANDARD' },
});

it('are the same however the content is cut into chunks', () => {
  const text = fc.array(fc.constantFrom('a', '\n', '\r', '\r\n', 'é', '{}')).map((all) => all.join(''));
  fc.assert(
    fc.property(fc.array(text, { maxLength: 3 }), fc.integer({ min: 1, max: 5 }), (contents, step) => {
      const kept = new PreviewLines({ lineBytesMax: 1000, bytesMax: 1e6 });
      const objects = contents.map((content, i) => ({
        object: objectOf(`o${i}`),
        content: Buffer.from(content),
      }));
      for (const { object, content } of objects)
        for (let at = 0; at < content.length; at += step) kept.take(object, content.subarray(at, at + step));
      const expected = objects
        .filter(({ content }) => content.length > 0)
        .map(({ object, content }) => {
          const texts = content.toString('latin1').split('\n');
          const last = texts.pop();
          const all = [
            ...texts.map((line) => [line, true] as const),
            ...(last === '' ? [] : [[last!, false] as const]),
          ];
          let offset = 0;
          const lines = all.map(([line, hasEnd]) => {
            const start = offset;
            offset += line.length + Number(hasEnd);
            const bare = hasEnd ? line.replace(/\r$/, '') : line;
            return { offset: start, end: offset, length: bare.length, bytes: Buffer.from(bare, 'latin1') };
          });
          return { object, lines };
        });
      expect(kept.finish()).toEqual(expected);
    }),
  );
});

it('of a line that is too long its beginning is kept, and its length is known', () => {
  const kept = new PreviewLines({ lineBytesMax: 4, bytesMax: 100 });
  const object = objectOf('o');
  for (const chunk of ['ab', 'cdefg', 'h\r', '\nnext\n']) kept.take(object, Buffer.from(chunk));
  expect(kept.finish()[0]!.lines).toEqual([
    { offset: 0, end: 10, length: 9, bytes: Buffer.from('abcd') },
    { offset: 10, end: 15, length: 4, bytes: Buffer.from('next') },
  ]);
});

it('more than the memory that was given is refused, with what to do', () => {
  const kept = new PreviewLines({ lineBytesMax: 100, bytesMax: 150 });
  kept.take(objectOf('o'), Buffer.alloc(120, 'x'));
  expect(() => kept.take(objectOf('p'), Buffer.alloc(60, 'x'))).toThrow(
    'Expected --limit to be smaller: the first lines take more than the 150 B of --memory.',
  );
});
