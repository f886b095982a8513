/** Guided: a fault is found, and told with the input that shows it; the same seed finds it again. */
import { expect, it } from 'vitest';
import { fuzz, type Target } from './guided.ts';

/** Breaks on a byte that no seed has. */
const broken: Target = {
  name: 'broken',
  files: ['guided.test.ts'],
  seeds: () => [Buffer.from('a sound input')],
  run: (input) => {
    if (input.includes(0xff)) throw new Error('the planted fault');
  },
};

const found = () => fuzz(broken, 30, 7).catch((error: Error) => error);

it('finds a planted fault and says with which input', async () => {
  const error = (await found()) as Error;
  expect(error.message).toMatch(/^broken: found with the input \(Base64\) /);
  expect(error.cause).toMatchObject({ message: 'the planted fault' });
  const input = Buffer.from(error.message.split(' ').at(-1)!, 'base64');
  expect(input.includes(0xff)).toBe(true);
  expect(((await found()) as Error).message).toBe(error.message);
});

it('is content with a target that holds', async () => {
  const outcome = await fuzz({ ...broken, run: () => undefined }, 0.05, 7);
  expect(outcome.inputs).toBeGreaterThan(1);
});
