/** Which journal a run goes on with where none is named; the real command is in test/commands/nearly-same.test.ts. */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { UNKNOWN_BIRTH } from '../../src/aws/stream-birth.ts';
import { encodeEntry, type JournalEntry } from '../../src/journal/entries.ts';
import { type Identity, runName } from '../../src/journal/run-name.ts';
import { tally } from '../../src/journal/tally.ts';
import { chooseJournal, newRunRefusal, type Sought } from '../../src/run/near-runs.ts';

const IDENTITY = { sources: ['s3://b/p/'], stream: 'arn:orders', partitionKey: null };
const OBJECT = { bucket: 'b', key: 'p/a', etag: '"e"', size: 10 };
const DELIVERED: JournalEntry = { kind: 'object-done', object: OBJECT, tally: tally({ records: 1_234 }) };
const END: JournalEntry = { kind: 'end', status: 'delivered', complete: true };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-near-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Writes a journal, by default under the name that its run's command looks for. */
function journal(
  identity: Identity,
  rest: readonly JournalEntry[] = [DELIVERED, END],
  name?: string,
): string {
  const run = runName('orders', identity);
  const header = { kind: 'run', version: 2, run, identity, digestKey: '00' } as const;
  const path = join(folder, `${name ?? run}.journal`);
  let text = '';
  for (const entry of [header, ...rest]) text += encodeEntry(entry, 1, text.length);
  writeFileSync(path, text);
  return path;
}

function choose(more: Partial<Sought> = {}) {
  const notices: string[] = [];
  const sought: Sought = {
    run: runName('orders', IDENTITY),
    identity: IDENTITY,
    birth: UNKNOWN_BIRTH,
    segmentBytes: 1,
    commandOf: (identity, path) => `go ${JSON.stringify(identity.partitionKey)} ${path ?? 'by default'}`,
    ...more,
  };
  return chooseJournal(folder, sought, (notice) => notices.push(notice)).then((chosen) => ({
    ...chosen,
    notices,
  }));
}

const OWN = { run: runName('orders', IDENTITY), warning: [], notices: [] };

it('is a new one in a folder that is not there, is empty, or holds other runs', async () => {
  const path = join(folder, `${OWN.run}.journal`);
  expect(await choose()).toEqual({ ...OWN, path });
  journal({ ...IDENTITY, sources: ['s3://b/q/'] });
  expect(await choose()).toEqual({ ...OWN, path });
  rmSync(folder, { recursive: true });
  expect(await choose()).toEqual({ ...OWN, path });
  mkdirSync(folder);
});

it('is its own, whatever else is there', async () => {
  journal({ ...IDENTITY, segmentBytes: 1 });
  journal({ ...IDENTITY, partitionKey: '/id' });
  const path = journal(IDENTITY);
  expect(await choose()).toEqual({ ...OWN, path });
});

it('is that of a run of the first format, which keeps its name', async () => {
  const identity = { ...IDENTITY, segmentBytes: 65_536 };
  journal({ ...IDENTITY, partitionKey: '/id' });
  const path = journal(identity);
  expect(await choose()).toEqual({ ...OWN, path, run: runName('orders', identity) });
});

it('of two of the first format it is that with the same --segment-size, else one has to be named', async () => {
  const paths = [1, 2].map((segmentBytes) => journal({ ...IDENTITY, segmentBytes }));
  expect(await choose({ segmentBytes: 2 })).toMatchObject({ path: paths[1] });
  const error = await choose({ segmentBytes: 3 }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'MILLRACE_JOURNAL', exitCode: 2 });
  const [first, ...commands] = (error as Error).message.split('\n');
  expect(first).toMatch(/^Cannot choose between 2 journals of this run/);
  expect(commands.toSorted()).toEqual(paths.map((path) => `To resume it: go null ${path}`).toSorted());
});

it('a run over the same objects is named with what it has delivered and with its command', async () => {
  const other = { ...IDENTITY, partitionKey: '/id' };
  journal(other);
  const elsewhere = journal(IDENTITY, [DELIVERED], 'mine');
  const { warning } = await choose();
  const of = (run: string, how: string) =>
    `${run} is about the same objects and the same stream (1,234 records of it are on the stream): ${how}`;
  expect(warning).toEqual([
    of(OWN.run, `its journal is ${elsewhere}`),
    `To resume it, with the other flags as they are: go null ${elsewhere}`,
    of(runName('orders', other), 'partitionKey was "/id", is now null'),
    'To resume it, with the other flags as they are: go "/id" by default',
  ]);
  expect(newRunRefusal(warning).message.split('\n').slice(1, -1)).toEqual(warning);
});

it.each([
  {
    name: 'ended in good order and delivered nothing',
    rest: [{ ...END, status: 'failed', complete: false }],
  },
  {
    name: 'put to a stream that is gone',
    rest: [{ kind: 'start', pid: 1, stream: { createdAtMs: 1_001, streamId: null } }, DELIVERED],
  },
])('a run that $name is not named', async ({ rest }) => {
  journal({ ...IDENTITY, partitionKey: '/id' }, rest as JournalEntry[]);
  expect((await choose({ birth: { createdAtMs: 99_001, streamId: null } })).warning).toEqual([]);
});

it('a run that was killed, or whose journal is damaged, is named though no record is known', async () => {
  journal({ ...IDENTITY, partitionKey: '/id' }, []);
  expect((await choose()).warning[0]).toContain('(0 records of it are on the stream)');
  const path = journal({ ...IDENTITY, partitionKey: '/id' }, [END]);
  writeFileSync(path, 'no entry\n', { flag: 'a' });
  writeFileSync(path, encodeEntry(END, 1, statSync(path).size), { flag: 'a' });
  expect((await choose()).warning[0]).toContain('(its journal is damaged)');
});
