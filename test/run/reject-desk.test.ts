import { expect, it } from 'vitest';
import type { DeadLetter } from '../../src/journal/dead-letters.ts';
import { createParseShared, PARSE_SHARED, type RejectedLine, waitingBytesOf } from '../../src/parse/setup.ts';
import { RejectDesk } from '../../src/run/reject-desk.ts';

const deadLetter = { code: 'INVALID_JSON' } as DeadLetter;
const lines = [{ data: Buffer.alloc(30) }, { data: Buffer.alloc(70) }] as unknown as RejectedLine[];

function start(writing: Promise<void> | undefined) {
  const parseShared = createParseShared();
  parseShared[PARSE_SHARED.WAITING_BYTES] = waitingBytesOf(lines);
  const failures: unknown[] = [];
  const added: DeadLetter[] = [];
  const add = (one: DeadLetter) => {
    added.push(one);
    return writing;
  };
  const desk = new RejectDesk({ deadLetters: { add }, parseShared, onFailure: (e) => failures.push(e) });
  const waitingBytes = () => Atomics.load(parseShared, PARSE_SHARED.WAITING_BYTES);
  return { desk, failures, added, waitingBytes };
}

it('gives parsers their room back at once where the disk is not behind', () => {
  const { desk, added, waitingBytes } = start(undefined);
  desk.add(deadLetter);
  desk.taken(lines);
  expect([added, waitingBytes()]).toEqual([[deadLetter], 0]);
});

it('holds parsers back until the disk has what waits for it', async () => {
  const writing = Promise.withResolvers<void>();
  const { desk, waitingBytes } = start(writing.promise);
  desk.add(deadLetter);
  desk.taken(lines);
  expect(waitingBytes()).toBe(waitingBytesOf(lines));
  writing.resolve();
  await writing.promise;
  await Promise.resolve();
  expect(waitingBytes()).toBe(0);
});

it('tells that the disk failed, and holds nobody for that', async () => {
  const writing = Promise.withResolvers<void>();
  const { desk, failures, waitingBytes } = start(writing.promise);
  desk.add(deadLetter);
  desk.taken(lines);
  writing.reject(new Error('no space left'));
  await writing.promise.catch(() => undefined);
  await Promise.resolve();
  expect([failures, waitingBytes()]).toEqual([[new Error('no space left')], 0]);
});

it('only counts where there is no file', () => {
  const parseShared = createParseShared();
  const desk = new RejectDesk({ deadLetters: null, parseShared, onFailure: () => expect.unreachable() });
  desk.add(deadLetter);
  expect(() => desk.taken(lines)).not.toThrow();
});
