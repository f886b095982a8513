import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SettledSet } from '../../src/journal/settled-set.ts';

const object = (key: string, etag = '"1"', size = 1) => ({ bucket: 'b', key, etag, size });

it('finds what was added, through several doublings, and nothing else', () => {
  const set = new SettledSet();
  for (let n = 0; n < 20_000; n += 1) set.add(object(`k${n}`));
  set.add(object('k7'));
  expect(set.size).toBe(20_000);
  for (let n = 0; n < 20_000; n += 1) {
    if (set.find(object(`k${n}`)) !== 'exact') expect.unreachable(`k${n} was not found`);
    if (set.find(object(`k${n}`, '"2"')) !== 'other')
      expect.unreachable(`k${n} with another ETag was not told apart`);
    if (set.find(object(`n${n}`)) !== 'absent') expect.unreachable(`n${n} was never added`);
  }
});

it('agrees with a Map of names, for any names, ETags and sizes', () => {
  const pinned = fc.record({
    bucket: fc.constantFrom('a', 'b'),
    key: fc.oneof(fc.constantFrom('', '__proto__', 'a\nb'), fc.string({ maxLength: 3 })),
    etag: fc.constantFrom('"1"', '"2"'),
    size: fc.constantFrom(0, 1, 2 ** 40),
  });
  fc.assert(
    fc.property(fc.array(pinned, { maxLength: 50 }), pinned, (added, asked) => {
      const set = new SettledSet();
      for (const one of added) set.add(one);
      const sameName = added.filter((one) => one.bucket === asked.bucket && one.key === asked.key);
      const isExact = sameName.some((one) => one.etag === asked.etag && one.size === asked.size);
      expect(set.find(asked)).toBe(isExact ? 'exact' : sameName.length > 0 ? 'other' : 'absent');
    }),
  );
});
