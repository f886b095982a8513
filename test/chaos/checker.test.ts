/** Mutation checks: the checker must find each single thing that we spoil, and nothing where nothing is spoilt. */
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { check, duplicatesIn, type Evidence, type StoredRecord } from './checker.ts';
import { consume } from './consumer.ts';
import { expectedOf, type SourceObject } from './oracle.ts';

const line = (n: number) => `{"id":"id-${n}","n":${n}}`;
const a: SourceObject = {
  bucket: 'b',
  key: 'a',
  etag: '"1"',
  content: Buffer.from(`${line(1)}\r\n\n{"id":\n ${line(2)} \n${line(3)}`),
};
const b: SourceObject = {
  bucket: 'b',
  key: 'b',
  etag: '"2"',
  content: Buffer.from(`\ufeff${line(4)}\n\xff\n[[1]]\n{"id":7}\n`, 'utf8'),
};

/** The evidence of a run that kept all its promises. */
function sound(more: Partial<Evidence> = {}): Evidence {
  const expected = expectedOf([a, b], { partitionKeyMember: 'id' });
  const stored = expected.records.map(({ partitionKey, data }, n) => ({
    shardId: 's',
    sequenceNumber: String(n),
    partitionKey,
    data,
  }));
  const letters = expected.letters
    .map(({ object, offset, length, code, data }) => ({
      bucket: object.bucket,
      key: object.key,
      etag: object.etag,
      offset,
      length,
      code,
      message: 'm',
      data: data.toString('base64'),
    }))
    .map((letter) => `${JSON.stringify(letter)}\n`)
    .join('');
  const rejectedByCode = { MISSING_KEY: 1, INVALID_JSON: 2 };
  return {
    expected,
    stored,
    letters,
    exitCode: 1,
    duplicatesMax: 0,
    order: 'key',
    storedByRerun: 0,
    rssBytesMax: 100,
    secrets: ['canary'],
    outputs: ['fine'],
    report: {
      status: 'delivered-with-rejects',
      rssMaxBytes: 100,
      lines: { read: 9, blank: 1, rejected: 3, rejectedByCode },
      records: { delivered: 2, deliveredBefore: 3, ambiguous: 0 },
    },
    ...more,
  };
}
const base = sound();
const record = (n: number) => base.stored[n]!;
const deadLetterLines = base.letters.trim().split('\n');
const letter = (n: number, change: object) =>
  deadLetterLines
    .map((text, at) => (at === n ? JSON.stringify({ ...JSON.parse(text), ...change }) : text))
    .join('\n')
    .concat('\n');
const without = <T>(list: readonly T[], n: number) => list.filter((_, at) => at !== n);
const replaced = (n: number, change: Partial<StoredRecord>) =>
  base.stored.map((one, at) => (at === n ? { ...one, ...change } : one));
const report = (change: (report: Record<string, Record<string, unknown>>) => void) => {
  const copy = structuredClone(base.report) as unknown as Record<string, Record<string, unknown>>;
  change(copy);
  return { report: copy as unknown as Evidence['report'] };
};

it('finds nothing where nothing is spoilt', () => {
  expect(check(base)).toEqual([]);
  expect(base.stored.map(({ data }) => data.toString())).toEqual([
    line(1),
    line(2),
    line(3),
    line(4),
    '{"id":7}',
  ]);
});

describe('finds', () => {
  it.each<[string, Partial<Evidence>, RegExp]>([
    ['a record that was dropped', { stored: without(base.stored, 1) }, /^I1: a at 29 stands 0 times/],
    ['the last record dropped', { stored: without(base.stored, 4) }, /^I1: b at /],
    ['a record that was doubled', { stored: [...base.stored, record(2)] }, /^I8: 1 duplicates, at most 0/],
    [
      'a record with one bit changed',
      { stored: replaced(0, { data: Buffer.from(line(1).replace('1', '0')) }) },
      /^I1: a at 0/,
    ],
    [
      'the same record, seen as foreign',
      { stored: replaced(0, { data: Buffer.from(line(1).replace('"n":1', '"n":0')) }) },
      /^I2 I4: s 0 .* perhaps a at 0, altered/,
    ],
    [
      'a record with its white space kept',
      { stored: replaced(1, { data: Buffer.from(`${line(2)} `) }) },
      /^I2 I4/,
    ],
    [
      'a record written anew by JSON.stringify',
      { stored: replaced(0, { data: Buffer.from(JSON.stringify({ n: 1, id: 'id-1' })) }) },
      /^I2 I4/,
    ],
    ['a record under another key', { stored: replaced(0, { partitionKey: 'id-2' }) }, /^I2 I4/],
    [
      'two records with their keys swapped',
      {
        stored: [
          { ...record(0), partitionKey: 'id-2' },
          { ...record(1), partitionKey: 'id-1' },
          ...base.stored.slice(2),
        ],
      },
      /^I1: a at 0/,
    ],
    [
      'a record that is not from the source',
      { stored: [...base.stored, { ...record(0), data: Buffer.from('{}') }] },
      /^I2 I4/,
    ],
    [
      'an invalid line in the stream',
      { stored: [...base.stored, { ...record(0), data: Buffer.from('{"id":') }] },
      /^I2 I4/,
    ],
    [
      'a letter that is missing',
      { letters: without(deadLetterLines, 1).join('\n').concat('\n') },
      /^I3: b\/b .* is missing/,
    ],
    [
      'a letter that stands twice',
      { letters: `${base.letters}${deadLetterLines[0]}\n` },
      /^I3: .* stands twice/,
    ],
    [
      'a letter of a valid line',
      { letters: `${base.letters}${letter(0, { offset: 0 }).split('\n')[0]}\n` },
      /^I3: b\/a "1" at 0 .* should not be/,
    ],
    ['a letter with another key', { letters: letter(0, { key: 'b' }) }, /^I3: /],
    ['a letter with another bucket', { letters: letter(0, { bucket: 'c' }) }, /^I3: /],
    ['a letter with another ETag', { letters: letter(0, { etag: '"9"' }) }, /^I3: /],
    ['a letter with another offset', { letters: letter(0, { offset: 26 }) }, /^I3: /],
    ['a letter with another length', { letters: letter(0, { length: 7 }) }, /^I3: .*, 7 bytes/],
    ['a letter with another code', { letters: letter(0, { code: 'TOO_DEEP' }) }, /^I3: .* TOO_DEEP/],
    ['a letter with other bytes', { letters: letter(0, { data: 'AAAA' }) }, /^I3: .* AAAA/],
    ['a letter without its bytes', { letters: letter(0, { data: undefined }) }, /^I3: /],
    ['a letter without a message', { letters: letter(0, { message: '' }) }, /^I3: .* no message/],
    [
      'a torn dead-letter file',
      { letters: base.letters.slice(0, -5) },
      /^I3: the dead-letter file ends within a line/,
    ],
    [
      'a dead-letter file of something else',
      { letters: 'hello\n' },
      /^I3: a line of the dead-letter file is not JSON/,
    ],
    [
      'too few records in the report',
      report((r) => {
        r.records!.delivered = 1;
      }),
      /^I5: records delivered by all processes: 4, not 5/,
    ],
    [
      'too many records in the report',
      report((r) => {
        r.records!.deliveredBefore = 9;
      }),
      /^I5: records/,
    ],
    [
      'rejects that the report forgets',
      report((r) => {
        r.lines!.rejected = 2;
      }),
      /^I5: lines rejected/,
    ],
    [
      'rejects under another code',
      report((r) => {
        r.lines!.rejectedByCode = { INVALID_JSON: 3 };
      }),
      /^I5: rejects by code/,
    ],
    [
      'blank lines that the report forgets',
      report((r) => {
        r.lines!.blank = 0;
      }),
      /^I5: blank/,
    ],
    [
      'lines that the report forgets',
      report((r) => {
        r.lines!.read = 8;
      }),
      /^I5: lines read/,
    ],
    ['exit 0 after rejects', { exitCode: 0 }, /^I6: exit code 0, not 1/],
    [
      'a wrong status',
      report((r) => {
        (r as Record<string, unknown>).status = 'delivered';
      }),
      /^I6: status delivered/,
    ],
    ['a rerun that delivers again', { storedByRerun: 1 }, /^I7/],
    ['too much memory', { rssBytesMax: 99 }, /^I9/],
    [
      'memory that was not measured',
      report((r) => {
        (r as Record<string, unknown>).rssMaxBytes = undefined;
      }),
      /^I9/,
    ],
    ['a secret in an output', { outputs: ['x', 'a canary sings'] }, /^I10/],
  ])('%s', (_name, change, problem) => {
    const problems = check(sound(change));
    expect(
      problems.some((text) => problem.test(text)),
      `${problem} in ${JSON.stringify(problems)}`,
    ).toBe(true);
  });

  it('records of one key in another order, but not a later copy of an earlier one', () => {
    const object = { ...a, content: Buffer.from('{"id":"x","n":1}\n{"id":"x","n":2}\n') };
    const expected = expectedOf([object], { partitionKeyMember: 'id' });
    const [one, two] = expected.records.map(({ partitionKey, data }, n) => ({
      shardId: 's',
      sequenceNumber: String(n),
      partitionKey,
      data,
    })) as [StoredRecord, StoredRecord];
    const orderProblems = (stored: StoredRecord[]) =>
      check({ ...base, expected, stored, duplicatesMax: 9 }).filter((text) => text.startsWith('order'));
    expect(orderProblems([two, one])).toHaveLength(1);
    expect(orderProblems([one, two, one, two])).toEqual([]);
    expect(duplicatesIn([one, two, one, two])).toBe(2);
  });

  it('a wrong code or a missing letter of an object that cannot be read', () => {
    const gone: SourceObject = {
      bucket: 'b',
      key: 'gone',
      etag: '"3"',
      content: Buffer.alloc(0),
      unreadable: 'OBJECT_UNREADABLE',
    };
    const own = {
      bucket: 'b',
      key: 'gone',
      etag: '"3"',
      offset: null,
      length: null,
      code: 'OBJECT_UNREADABLE',
      message: 'm',
    };
    const problems = (text: string) => check({ ...base, unreadable: [gone], letters: base.letters + text });
    expect(problems(`${JSON.stringify(own)}\n`)).toEqual([]);
    expect(problems('')).toEqual(['I3: b/gone "3" at null is missing in the dead-letter file']);
    expect(problems(`${JSON.stringify({ ...own, code: 'OBJECT_CHANGED' })}\n`)).toHaveLength(1);
  });
});

describe('in aggregated records', () => {
  const { RecordAggregator } = createRequire(import.meta.url)('aws-kinesis-agg') as {
    RecordAggregator: new () => {
      addUserRecord(record: { partitionKey: string; data: Buffer; explicitHashKey?: string }): unknown;
      build(): { data: Buffer };
    };
  };
  const half = 1n << 127n;
  const ranges = new Map([
    ['s', { start: 0n, end: 2n * half - 1n }],
    ['upper', { start: half, end: 2n * half - 1n }],
  ]);
  const aggregated = (records: readonly StoredRecord[], explicitHashKey?: string): StoredRecord => {
    const made = new RecordAggregator();
    for (const { partitionKey, data } of records)
      made.addUserRecord({ partitionKey, data, ...(explicitHashKey && { explicitHashKey }) });
    return { shardId: 's', sequenceNumber: '1', partitionKey: 'a', data: made.build().data };
  };
  const problems = (...stored: StoredRecord[]) =>
    check(sound({ stored: [...consume([...stored, record(4)], ranges)] }));
  // The last record travels alone: the reference library's encoder mixes up keys that look like numbers, as its own does.
  const [first, second] = [base.stored.slice(0, 3), base.stored.slice(3, 4)];
  const bent = (record: StoredRecord, at: number): StoredRecord => {
    const data = Buffer.from(record.data);
    data[at]! ^= 1;
    return { ...record, data };
  };

  it('finds nothing where nothing is spoilt', () => {
    expect(problems(aggregated(first), aggregated(second))).toEqual([]);
    expect(problems(...first, aggregated(second))).toEqual([]);
  });

  it.each<[string, StoredRecord[], RegExp]>([
    ['a record that was dropped', [aggregated(without(first, 1)), ...second], /^I1: a at 29 stands 0 times/],
    ['an aggregate that was doubled', [aggregated(first), aggregated(first), ...second], /^I8: 3 duplicates/],
    ['a record in two aggregates', [aggregated([...first, ...second]), aggregated(second)], /^I8: 1 dup/],
    [
      'an altered record',
      [aggregated(replaced(0, { data: Buffer.from('{}') }).slice(0, 3)), ...second],
      /^I2 I4/,
    ],
    ['a bit changed in an aggregate', [bent(aggregated(first), 40), ...second], /^I1: a at 0/],
    ['the same, seen as foreign', [bent(aggregated(first), 40), ...second], /^I2 I4: s 1 /],
    ['a checksum changed', [bent(aggregated(first), aggregated(first).data.length - 1), ...second], /^I1/],
    [
      'an aggregate in a shard that has not its hash keys',
      [{ ...aggregated(first, '7'), shardId: 'upper' }, ...second],
      /^I1: a at 0/,
    ],
  ])('finds %s', (_name, stored, problem) => {
    const found = problems(...stored);
    expect(
      found.some((text) => problem.test(text)),
      JSON.stringify(found),
    ).toBe(true);
  });

  it('allows one in a shard that has them', () => {
    const moved = { ...aggregated(first, String(half)), shardId: 'upper' };
    expect(problems(moved, ...second)).toEqual([]);
  });
});

describe('the oracle', () => {
  const judge = (content: Buffer | string, rules = {}) => {
    const { records, letters, blank, lines } = expectedOf(
      [{ ...a, content: Buffer.from(content as string) }],
      rules,
    );
    return {
      records: records.map((one) => one.data.toString()),
      letters: letters.map(({ code, offset, length }) => [code, offset, length]),
      blank,
      lines,
    };
  };
  it.each([
    { name: 'an empty object', content: '', lines: 0, blank: 0, records: [], letters: [] },
    { name: 'a newline alone', content: '\n', lines: 1, blank: 1, records: [], letters: [] },
    { name: 'no final newline', content: '1\n2', lines: 2, blank: 0, records: ['1', '2'], letters: [] },
    {
      name: 'CRLF and blank lines',
      content: '1\r\n\r\n \t\n2\r',
      lines: 4,
      blank: 2,
      records: ['1', '2'],
      letters: [],
    },
    {
      name: 'a byte order mark first and later',
      content: '\ufeff1\n\ufeff2',
      lines: 2,
      blank: 0,
      records: ['1'],
      letters: [['INVALID_JSON', 5, 4]],
    },
    {
      name: 'invalid UTF-8',
      content: Buffer.from([0x22, 0xff, 0x22]),
      lines: 1,
      blank: 0,
      records: [],
      letters: [['INVALID_UTF8', 0, 3]],
    },
    { name: 'a NUL', content: '1\0\n', lines: 1, blank: 0, records: [], letters: [['INVALID_JSON', 0, 2]] },
    {
      name: 'numbers that a parser might change',
      content: '1.0\n1e400\n-0',
      lines: 3,
      blank: 0,
      records: ['1.0', '1e400', '-0'],
      letters: [],
    },
  ])('judges $name', ({ content, lines, blank, records, letters }) => {
    expect(judge(content)).toEqual({ lines, blank, records, letters });
  });
  it.each([
    { depthMax: 2, letters: [] },
    { depthMax: 1, letters: [['TOO_DEEP', 0, 8]] },
  ])('allows brackets in strings, and $depthMax levels', ({ depthMax, letters }) => {
    expect(judge('[["[["]]', { depthMax }).letters).toEqual(letters);
  });
  it.each([
    { recordBytesMax: 3, letters: [] },
    { recordBytesMax: 2, letters: [['RECORD_TOO_LARGE', 0, 10]] },
  ])('counts the key into a record of at most $recordBytesMax bytes', ({ recordBytesMax, letters }) => {
    const rules = { partitionKeyMember: 'k', recordBytesMax: recordBytesMax + 8 };
    expect(judge('{"k":"aa"}', { ...rules, recordBytesMax: recordBytesMax + 9 }).letters).toEqual(letters);
  });
});
