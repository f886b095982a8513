import { expect, it } from 'vitest';
import { untilNamed } from '../../src/aws/await-name.ts';

const unnamed = (code: string) => Object.assign(new Error(code), { code, hostname: 'kinesis.test' });

it.each(['ENOTFOUND', 'EAI_AGAIN'])(
  'asks again while the host has no address (%s), and says so once',
  async (code) => {
    const notices: string[] = [];
    let attempts = 0;
    const ask = async () => {
      if (++attempts < 3) throw unnamed(code);
      return 'answer';
    };
    expect(await untilNamed(ask, (text) => notices.push(text), undefined)).toBe('answer');
    expect([attempts, notices]).toEqual([
      3,
      [`kinesis.test has no address (${code}); asking again for 20 s`],
    ]);
  },
);

it('does not wait for any other failure', async () => {
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  await expect(untilNamed(() => Promise.reject(refused), expect.unreachable, undefined)).rejects.toBe(
    refused,
  );
});

it('stops waiting at a signal', async () => {
  const stop = new AbortController();
  const waiting = untilNamed(
    () => Promise.reject(unnamed('ENOTFOUND')),
    () => stop.abort(),
    stop.signal,
  );
  await expect(waiting).rejects.toThrow(/abort/i);
});
