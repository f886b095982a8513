import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Sha256 } from '../../src/aws/sha256.ts';

it('equals node:crypto for any text and any secret, on both sides of the block size', async () => {
  const bytes = fc.uint8Array({ maxLength: 150 });
  const secret = fc.oneof(
    bytes,
    fc.string(),
    fc.constantFrom('x'.repeat(63), 'x'.repeat(64), 'x'.repeat(65)),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(bytes, { maxLength: 3 }),
      fc.option(secret, { nil: undefined }),
      async (parts, key) => {
        const mine = new Sha256(key);
        const theirs = key === undefined ? createHash('sha256') : createHmac('sha256', key);
        for (const part of parts) {
          mine.update(part);
          theirs.update(part);
        }
        expect(Buffer.from(await mine.digest()).toString('hex')).toBe(theirs.digest('hex'));
      },
    ),
  );
});
