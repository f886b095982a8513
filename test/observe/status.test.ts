import { describe, expect, it } from 'vitest';
import { Journal } from '../../src/journal/journal.ts';
import type { LockHolder } from '../../src/journal/lock-holder.ts';
import { tally } from '../../src/journal/tally.ts';
import { readStatus } from '../../src/observe/status.ts';
import { MemoryDisk } from '../journal/memory-disk.ts';
import { JOURNAL, noLock } from '../journal/small-run.ts';

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);
const nobody = async () => null;
const somebody = async (): Promise<LockHolder> => ({ host: 'h', boot: 'b', pid: 42, start: null, token: '' });

/** A run over two objects of 1,000 bytes whose clock is the test's. */
async function begin(disk: MemoryDisk, clock: { ms: number }): Promise<Journal> {
  return Journal.open({
    path: JOURNAL,
    run: 'clicks-1',
    identity: { stream: 'clicks' },
    digestKey: '',
    files: disk,
    lock: noLock,
    nowMs: () => clock.ms,
  });
}
async function deliver(journal: Journal, id: number, start: number, end: number): Promise<void> {
  const part = tally({ lines: 11, records: 10, rejected: 1, bytes: end - start, codes: { SCHEMA: 1 } });
  journal.append({ kind: 'segment', id, start, end, tally: part });
  await journal.commit();
}

describe('the status of a run', () => {
  it('tells what is done, what is left, the rate and the time to go, while the run goes on', async () => {
    const disk = new MemoryDisk();
    const clock = { ms: T0 };
    const journal = await begin(disk, clock);
    journal.append({ kind: 'listed', objects: 2, bytes: 2000, complete: true });
    const first = journal.pin({ bucket: 'b', key: 'a', etag: '', size: 1000 });
    for (let n = 0; n < 10; n += 1) {
      clock.ms += 2000;
      await deliver(journal, first, n * 100, n * 100 + 100);
    }
    journal.append({ kind: 'object-done', id: first });
    const second = journal.pin({ bucket: 'b', key: 'b', etag: '', size: 1000 });
    await deliver(journal, second, 0, 500);
    const status = await readStatus(JOURNAL, { files: disk, holder: somebody });
    expect(status).toEqual({
      run: 'clicks-1',
      journal: JOURNAL,
      state: 'running',
      status: null,
      pid: 42,
      processes: 1,
      createdAt: '2026-01-02T03:04:05.000Z',
      startedAt: '2026-01-02T03:04:05.000Z',
      updatedAt: '2026-01-02T03:04:25.000Z',
      objects: { listed: 2, done: 1, failed: 0, begun: 1 },
      lines: { read: 121, blank: 0, filtered: 0, rejected: 11, rejectedByCode: { SCHEMA: 11 } },
      records: { delivered: 110, ambiguous: 0, resent: 0 },
      acknowledged: { records: 110, bytes: 1500, at: '2026-01-02T03:04:25.000Z' },
      bytes: { listed: 2000, done: 1500, settled: 1000, published: 1500 },
      deadLetters: 11,
      rate: { records: 5.5, bytes: 75 },
      left: { objects: 1, bytes: 1000 },
      etaMs: Math.round((500 / 75) * 1000), // half of the second object is done already
      tornBytes: 0,
    });
  });

  it('adds up what all processes sent again, also those that were killed', async () => {
    const disk = new MemoryDisk();
    const first = await begin(disk, { ms: T0 });
    first.append({ kind: 'again', ambiguous: 500, resent: 0 });
    first.append({ kind: 'again', ambiguous: 20, resent: 3 });
    await first.commit();
    const left = disk.after('kill', Math.random);
    const second = await begin(left, { ms: T0 + 1 });
    second.append({ kind: 'again', ambiguous: 0, resent: 40 });
    await second.close({ status: 'delivered', complete: true });
    const status = await readStatus(JOURNAL, { files: left, holder: nobody });
    expect(status.records).toEqual({ delivered: 0, ambiguous: 520, resent: 43 });
  });

  it('reckons the rate over the last minute of the last process only', async () => {
    const disk = new MemoryDisk();
    const clock = { ms: T0 };
    const first = await begin(disk, clock);
    const id = first.pin({ bucket: 'b', key: 'a', etag: '', size: 100_000 });
    clock.ms += 1000;
    await deliver(first, id, 0, 50_000); // fast, and long ago
    await first.close({ status: 'interrupted', complete: false });
    clock.ms += 3_600_000;
    const second = await begin(disk, clock);
    for (let n = 0; n < 100; n += 1) {
      clock.ms += 1000;
      await deliver(second, id, 50_000 + n * 10, 50_010 + n * 10);
    }
    const status = await readStatus(JOURNAL, { files: disk, holder: nobody });
    expect([status.rate?.bytes, status.processes, status.left, status.etaMs]).toEqual([10, 2, null, null]);
  });

  it('reckons with stored bytes: of a compressed object nothing counts before its end', async () => {
    const disk = new MemoryDisk();
    const clock = { ms: T0 };
    const journal = await begin(disk, clock);
    journal.append({ kind: 'listed', objects: 2, bytes: 2000, complete: true });
    const plain = journal.pin({ bucket: 'b', key: 'a', etag: '', size: 1000 });
    const packed = journal.pin({ bucket: 'b', key: 'b.gz', etag: '', size: 1000 });
    for (let n = 1; n <= 10; n += 1) {
      clock.ms += 1000;
      const part = tally({ lines: 100 * n, records: 100 * n, bytes: 7000 * n });
      journal.append({ kind: 'progress', id: packed, offset: 8000 * n, tally: part });
      await deliver(journal, plain, n * 50 - 50, n * 50);
    }
    const during = await readStatus(JOURNAL, { files: disk, holder: somebody });
    // 500 of 2,000 stored bytes in 10 s, though 80,000 were decompressed.
    expect(during).toMatchObject({
      ...{ objects: { done: 0, begun: 2 }, left: { objects: 2, bytes: 2000 } },
      records: { delivered: 1100 },
      etaMs: Math.round((1500 / (450 / 9)) * 1000),
    });
    journal.append({ kind: 'object-done', id: packed, tally: tally({ records: 1000 }) });
    clock.ms += 1000;
    await journal.commit();
    const after = await readStatus(JOURNAL, { files: disk, holder: somebody });
    expect(after).toMatchObject({ objects: { done: 1, begun: 1 }, left: { objects: 1, bytes: 1000 } });
    expect(after.etaMs).toBeLessThan(during.etaMs!);
  });

  it('counts objects that could not be read among the settled, and leaves them out of what is left', async () => {
    const disk = new MemoryDisk();
    const journal = await begin(disk, { ms: T0 });
    journal.append({ kind: 'listed', objects: 3, bytes: 3000, complete: true });
    const [good, bad] = ['a', 'b'].map((key) => ({ bucket: 'b', key, etag: '', size: 1000 }));
    journal.append({ kind: 'object-done', object: good!, tally: tally() });
    const refused = tally({ rejected: 1, codes: { OBJECT_CHANGED: 1 } });
    journal.append({ kind: 'object-done', object: bad!, tally: refused, failed: 'OBJECT_CHANGED' });
    await journal.commit();
    expect(await readStatus(JOURNAL, { files: disk, holder: nobody })).toMatchObject({
      ...{ state: 'killed', objects: { listed: 3, done: 1, failed: 1, begun: 0 } },
      ...{ deadLetters: 1, lines: { read: 0, rejectedByCode: { OBJECT_CHANGED: 1 } } },
      left: { objects: 1, bytes: 1000 },
    });
  });

  it('counts objects that are tried again among the dead letters, until the next process tries them', async () => {
    const disk = new MemoryDisk();
    const journal = await begin(disk, { ms: T0 });
    journal.append({ kind: 'listed', objects: 2, bytes: 2000, complete: true });
    const id = journal.pin({ bucket: 'b', key: 'a', etag: '', size: 1000, format: 'plain' });
    await deliver(journal, id, 0, 400);
    journal.append({ kind: 'object-failed', id, failed: 'OBJECT_UNREADABLE' });
    await journal.close({ status: 'delivered-with-rejects', complete: true });
    expect(await readStatus(JOURNAL, { files: disk, holder: nobody })).toMatchObject({
      ...{ objects: { failed: 1 }, deadLetters: 2, bytes: { done: 1000 } },
      lines: { read: 11, rejected: 2, rejectedByCode: { SCHEMA: 1, OBJECT_UNREADABLE: 1 } },
    });
    await begin(disk, { ms: T0 + 1000 });
    expect(await readStatus(JOURNAL, { files: disk, holder: somebody })).toMatchObject({
      ...{ objects: { failed: 0 }, deadLetters: 1, bytes: { done: 400 } },
      lines: { rejected: 1, rejectedByCode: { SCHEMA: 1 } },
    });
  });

  it('says nothing of what is left before the listing is complete', async () => {
    const disk = new MemoryDisk();
    const journal = await begin(disk, { ms: T0 });
    journal.append({ kind: 'listed', objects: 7, bytes: 70, complete: false });
    await journal.commit();
    expect(await readStatus(JOURNAL, { files: disk, holder: somebody })).toMatchObject({
      ...{ objects: { listed: 7 }, bytes: { listed: 70 }, left: null, etaMs: null },
    });
  });

  it('names the damaged line of a journal, and counts torn bytes at its end', async () => {
    const disk = new MemoryDisk();
    const journal = await begin(disk, { ms: T0 });
    const id = journal.pin({ bucket: 'b', key: 'a', etag: '', size: 300 });
    for (const start of [0, 100, 200]) await deliver(journal, id, start, start + 100);
    const content = Buffer.from(disk.content(JOURNAL)!);
    disk.put(JOURNAL, Buffer.concat([content, Buffer.from('{"kind":"segm')]));
    const torn = await readStatus(JOURNAL, { files: disk, holder: nobody });
    expect([torn.tornBytes, torn.records.delivered]).toEqual([13, 30]);
    const lines = content.toString().split('\n');
    const damaged = lines.findIndex((line) => line.includes('"kind":"segment"'));
    lines[damaged] = lines[damaged]!.replace('"start":0', '"start":1');
    disk.put(JOURNAL, lines.join('\n'));
    await expect(readStatus(JOURNAL, { files: disk, holder: nobody })).rejects.toMatchObject({
      ...{ code: 'MILLRACE_JOURNAL', exitCode: 2 },
      message: expect.stringMatching(new RegExp(`line ${damaged + 1} is damaged`)),
    });
  });

  it.each([
    { name: 'running', end: null, holder: somebody, state: 'running' },
    { name: 'killed', end: null, holder: nobody, state: 'killed' },
    { name: 'stopped', end: { status: 'interrupted', complete: false }, holder: nobody, state: 'stopped' },
    { name: 'finished', end: { status: 'delivered', complete: true }, holder: nobody, state: 'finished' },
  ])('is $name', async ({ end, holder, state }) => {
    const disk = new MemoryDisk();
    const journal = await begin(disk, { ms: T0 });
    if (end !== null) await journal.close(end);
    const status = await readStatus(JOURNAL, { files: disk, holder });
    expect([status.state, status.status, status.rate]).toEqual([state, end?.status ?? null, null]);
    expect(status.etaMs).toBe(state === 'finished' ? 0 : null);
  });

  it('can be read at any byte of a write that is going on', async () => {
    const disk = new MemoryDisk();
    const journal = await begin(disk, { ms: T0 });
    const before = disk.content(JOURNAL)!.byteLength;
    await deliver(journal, journal.pin({ bucket: 'b', key: 'a', etag: '', size: 10 }), 0, 10);
    const whole = Buffer.from(disk.content(JOURNAL)!);
    for (let bytes = before; bytes < whole.byteLength; bytes += 1) {
      disk.put(JOURNAL, whole.subarray(0, bytes));
      const status = await readStatus(JOURNAL, { files: disk, holder: somebody });
      expect(status.records.delivered).toBe(0);
    }
    expect(disk.calls).toBeGreaterThan(0);
  });

  it.each([
    { name: 'no file', content: null, says: /no such file/ },
    { name: 'another file', content: 'hello\n', says: /not a journal of Millrace/ },
    { name: 'an empty file', content: '', says: /it is empty/ },
  ])('says what is wrong with $name', async ({ content, says }) => {
    const disk = new MemoryDisk();
    if (content !== null) disk.put(JOURNAL, content);
    const error = await readStatus(JOURNAL, { files: disk, holder: nobody }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({
      code: 'MILLRACE_JOURNAL',
      exitCode: 2,
      message: expect.stringMatching(says),
    });
  });
});

describe('what was acknowledged', () => {
  /** A process that has `records` of 10 bytes acknowledged, of 20 stored ones each, and dies. */
  const pulse = (records: number, before?: { records: number; bytes: number; done: number }) =>
    ({
      kind: 'pulse',
      records,
      bytes: 10 * records,
      done: 20 * records + (before?.done ?? 0),
      ...(before && { before }),
    }) as const;

  it('is told by pulses, with rate and time to go, though nothing is journaled as safe', async () => {
    const disk = new MemoryDisk();
    const clock = { ms: T0 };
    const journal = await begin(disk, clock);
    journal.append({ kind: 'listed', objects: 1, bytes: 20_000, complete: true });
    for (let n = 1; n <= 90; n += 1) {
      clock.ms += 1000;
      // 2 records a second for half a minute, then 4.
      journal.append(pulse(n <= 30 ? 2 * n : 60 + 4 * (n - 30)));
      await journal.commit();
    }
    expect(await readStatus(JOURNAL, { files: disk, holder: somebody })).toMatchObject({
      ...{ records: { delivered: 0 }, objects: { done: 0 } },
      acknowledged: { records: 300, bytes: 3000, at: '2026-01-02T03:05:35.000Z' },
      bytes: { done: 6000, settled: 0, published: 0 },
      ...{ rate: { records: 4, bytes: 40 }, left: { objects: 1, bytes: 20_000 } },
      etaMs: ((20_000 - 6000) / 80) * 1000,
    });
  });

  it('adds up over processes, what was sent again included; the pace is that of the last one alone', async () => {
    const disk = new MemoryDisk();
    const clock = { ms: T0 };
    const first = await begin(disk, clock);
    const id = first.pin({ bucket: 'b', key: 'a', etag: '', size: 20_000, format: 'plain' });
    await deliver(first, id, 0, 200);
    clock.ms += 1000;
    first.append(pulse(500));
    await first.commit();
    const left = disk.after('kill', Math.random);
    clock.ms += 3_600_000;
    const second = await begin(left, clock);
    expect(await readStatus(JOURNAL, { files: left, holder: somebody })).toMatchObject({
      ...{ acknowledged: { records: 500, bytes: 5000 }, records: { delivered: 10 } },
      ...{ bytes: { done: 200 }, rate: null, etaMs: null },
    });
    const { records, bytes } = second.state.acknowledged;
    second.append({ kind: 'listed', objects: 1, bytes: 20_000, complete: true });
    clock.ms += 2000;
    second.append(pulse(100, { records, bytes, done: 200 }));
    await second.commit();
    expect(await readStatus(JOURNAL, { files: left, holder: somebody })).toMatchObject({
      ...{ acknowledged: { records: 600, bytes: 6000 }, bytes: { done: 2200 } },
      ...{ rate: { records: 50, bytes: 500 }, etaMs: (17_800 / 1000) * 1000 },
    });
  });

  it('is what is journaled as safe where a journal has no pulses', async () => {
    const disk = new MemoryDisk();
    const journal = await begin(disk, { ms: T0 });
    await deliver(journal, journal.pin({ bucket: 'b', key: 'a', etag: '', size: 300 }), 0, 100);
    const { acknowledged } = await readStatus(JOURNAL, { files: disk, holder: nobody });
    expect(acknowledged).toEqual({ records: 10, bytes: 100, at: '2026-01-02T03:04:05.000Z' });
  });

  it('gives no time to go where nothing was acknowledged for a minute', async () => {
    const disk = new MemoryDisk();
    const clock = { ms: T0 };
    const journal = await begin(disk, clock);
    journal.append({ kind: 'listed', objects: 1, bytes: 20_000, complete: true });
    for (let n = 0; n <= 70; n += 1) {
      clock.ms += 1000;
      journal.append(pulse(100));
      await journal.commit();
    }
    const { rate, etaMs } = await readStatus(JOURNAL, { files: disk, holder: somebody });
    expect([rate, etaMs]).toEqual([{ records: 0, bytes: 0 }, null]);
  });

  it('counts no decompressed bytes of a compressed object as stored ones', async () => {
    const disk = new MemoryDisk();
    const journal = await begin(disk, { ms: T0 });
    const id = journal.pin({ bucket: 'b', key: 'a.gz', etag: '', size: 1000, format: 'gzip' });
    await deliver(journal, id, 0, 900);
    const { bytes } = await readStatus(JOURNAL, { files: disk, holder: nobody });
    expect(bytes).toMatchObject({ done: 0, settled: 0 });
  });
});
