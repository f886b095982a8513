/** Findings: what rejected lines count for until they are written, and how they travel. */
import { expect, it } from 'vitest';
import { Findings } from '../../src/parse/findings.ts';
import {
  createParseShared,
  PARSE_SHARED,
  type ParseMessage,
  type RejectedLine,
  releaseWaiting,
  type SliceReceipt,
  waitingBytesOf,
} from '../../src/parse/setup.ts';
import type { Reject } from '../../src/scan/scanner.ts';

const LINES_PER_MESSAGE = 1024;
const block = Buffer.from('{}'.repeat(LINES_PER_MESSAGE));
const rejects = Array.from(
  { length: LINES_PER_MESSAGE },
  (_, i): Reject => ({ code: 'MISSING_KEY', message: 'm', objectOffset: i, start: 2 * i, end: 2 * i + 2 }),
);

function open() {
  const shared = createParseShared();
  const received: (readonly RejectedLine[])[] = [];
  let waits = 0;
  const findings = new Findings(
    (message: ParseMessage, transfer) => {
      const copy = structuredClone(message, { transfer: [...transfer] });
      if (copy.kind === 'rejected') received.push(copy.lines);
    },
    shared.buffer,
    () => ++waits > 0, // asked where a parser would wait: it does not, for the run is being stopped
  );
  const receipt = { piece: 3 } as SliceReceipt;
  const send = (bytes: Uint8Array = block) => findings.rejectAll(receipt, rejects, bytes);
  return { shared, received, receipt, send, waits: () => waits };
}

it('a parser waits for thousands of short lines that are not written yet, not for their few bytes', () => {
  const { shared, received, send, waits } = open();
  while (waits() === 0) send();
  expect(received.length).toBe(8);
  const sizeBytes = waitingBytesOf(received[0]!);
  expect(sizeBytes).toBeGreaterThan(100 * block.length);
  expect(shared[PARSE_SHARED.WAITING_BYTES]).toBe(8 * sizeBytes);
  for (const lines of received) releaseWaiting(shared, waitingBytesOf(lines));
  expect(shared[PARSE_SHARED.WAITING_BYTES]).toBe(0);
});

it('lines of a message travel in one buffer, and are what they were, whatever the block holds by then', () => {
  const { received, receipt, send } = open();
  const bytes = Buffer.from(block);
  send(bytes);
  bytes.fill('x');
  const [lines] = received;
  expect(lines?.map(({ data, length }) => `${Buffer.from(data)}${length}`)).toEqual(rejects.map(() => '{}2'));
  expect(new Set(lines?.map(({ data }) => data.buffer)).size).toBe(1);
  expect(receipt.codes).toEqual({ MISSING_KEY: LINES_PER_MESSAGE });
});
