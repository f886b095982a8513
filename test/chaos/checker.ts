/**
 * Checker: says whether a run kept its word, from the outside.
 * Takes  what must have become of the source (oracle.ts), what the stream holds, the dead-letter file, the reports of all
 *        processes of the run and how they ended.
 * Gives  a list of broken promises, each with the invariant it belongs to (I1 to I10, docs/RELIABILITY.md). Empty: all were kept.
 * Owns   the comparison. It shares no code with the engine. Its own test removes, doubles, alters and misattributes things and
 *        holds it to finding each.
 * Never  believes a report that it cannot count after.
 */
import type { Expected, ExpectedRecord, SourceObject } from './oracle.ts';

export interface StoredRecord {
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly data: Buffer;
}

/** The fields of the final report (docs/CLI.md) that are counted after. */
export interface FinalReport {
  readonly status: string;
  readonly lines: {
    readonly rejected: number;
    readonly blank: number;
    readonly read: number;
    readonly rejectedByCode: Record<string, number>;
  };
  readonly records: {
    readonly delivered: number;
    readonly deliveredBefore: number;
    readonly ambiguous: number;
  };
  readonly rssMaxBytes: number;
}

export interface Evidence {
  readonly expected: Expected;
  /** Objects that could not be read to their end: each has one dead letter of its own, its lines may be anywhere. */
  readonly unreadable?: readonly SourceObject[];
  readonly stored: readonly StoredRecord[];
  /** Content of the dead-letter file. */
  readonly letters: string;
  /** Report of the process that finished the run. */
  readonly report: FinalReport;
  readonly exitCode: number | null;
  /** Copies of records beyond the first that may be there (I8). */
  readonly duplicatesMax: number;
  /** `key`: the first copies of each partition key's records must stand in source order. */
  readonly order?: 'none' | 'key';
  /** Rerunning the finished run stored so many records: must be 0 (I7). */
  readonly storedByRerun?: number;
  /** Bytes of resident memory (I9). */
  readonly rssBytesMax?: number;
  /** Everything that the processes printed or wrote, and what must not be in it (I10). */
  readonly outputs?: readonly string[];
  readonly secrets?: readonly string[];
}

const SHOWN_MAX = 5;

/** @returns Broken promises; empty when there are none. */
export function check(evidence: Evidence): string[] {
  return [
    ...checkStream(evidence),
    ...checkDeadLetters(evidence),
    ...checkBooks(evidence),
    ...checkEnd(evidence),
  ];
}

/** Copies of records in the stream beyond the first. */
export function duplicatesIn(stored: readonly StoredRecord[]): number {
  const seen = new Set(stored.map(identity));
  return stored.length - seen.size;
}

function identity(record: { readonly partitionKey: string; readonly data: Buffer }): string {
  return `${record.partitionKey}\n${record.data.toString('latin1')}`;
}

function checkStream({ expected, stored, duplicatesMax, order, unreadable }: Evidence): string[] {
  const wanted = new Map<string, { first: ExpectedRecord; count: number }>();
  for (const record of expected.records) {
    const entry = wanted.get(identity(record));
    if (entry === undefined) wanted.set(identity(record), { first: record, count: 1 });
    else entry.count += 1;
  }
  const found = new Map<string, number>();
  const foreign: string[] = [];
  // Records of an object that was given up in its middle carry its coordinates; they may be in the stream, or not.
  const tolerated = new Set(
    (unreadable ?? []).flatMap((object) => (object.content.length > 0 ? [object] : [])),
  );
  for (const record of stored) {
    const name = identity(record);
    found.set(name, (found.get(name) ?? 0) + 1);
    if (wanted.has(name) || isOf(record, tolerated)) continue;
    foreign.push(
      `I2 I4: ${record.shardId} ${record.sequenceNumber} is no record of the source: key ${JSON.stringify(record.partitionKey)}, ${record.data.length} bytes${nearest(record, expected)}`,
    );
  }
  const missing: string[] = [];
  let copies = 0;
  for (const [name, { first, count }] of wanted) {
    const stands = found.get(name) ?? 0;
    if (stands < count)
      missing.push(
        `I1: ${first.object.key} at ${first.offset} stands ${stands} times in the stream, not ${count}`,
      );
    copies += Math.max(0, stands - count);
  }
  const problems = [...shown(missing), ...shown(foreign)];
  if (copies > duplicatesMax) problems.push(`I8: ${copies} duplicates, at most ${duplicatesMax} are allowed`);
  if (order === 'key') problems.push(...shown(disorder(expected, stored)));
  return problems;
}

function isOf(record: StoredRecord, objects: ReadonlySet<SourceObject>): boolean {
  for (const object of objects) if (Buffer.from(object.content).includes(record.data)) return true;
  return false;
}

/** Which expected record a foreign one may have been: the one with its key. */
function nearest(record: StoredRecord, expected: Expected): string {
  const same = expected.records.find(({ partitionKey }) => partitionKey === record.partitionKey);
  return same === undefined ? '' : `; perhaps ${same.object.key} at ${same.offset}, altered`;
}

/** First copies of each key's records, in stream order, against source order. */
function disorder(expected: Expected, stored: readonly StoredRecord[]): string[] {
  const place = new Map<string, number>();
  for (const [index, record] of expected.records.entries()) place.set(identity(record), index);
  const lastPlace = new Map<string, number>();
  const seen = new Set<string>();
  const problems: string[] = [];
  for (const record of stored) {
    const name = identity(record);
    const at = place.get(name);
    if (at === undefined || seen.has(name)) continue;
    seen.add(name);
    const last = lastPlace.get(record.partitionKey) ?? -1;
    if (at < last)
      problems.push(
        `order: key ${JSON.stringify(record.partitionKey)}: ${record.sequenceNumber} stands behind a later line`,
      );
    else lastPlace.set(record.partitionKey, at);
  }
  return problems;
}

function checkDeadLetters({ expected, letters, unreadable }: Evidence): string[] {
  const wanted = new Map<string, string>();
  for (const { object, offset, length, code, data } of expected.letters) {
    wanted.set(placeOf(object, offset), describe(length, code, data.toString('base64')));
  }
  const given = new Map((unreadable ?? []).map((object) => [placeOf(object, null), object.unreadable]));
  const problems: string[] = [];
  const seen = new Set<string>();
  const lines = letters.split('\n');
  if (lines.pop() !== '') problems.push('I3: the dead-letter file ends within a line');
  for (const line of lines) {
    let letter: Record<string, unknown>;
    try {
      letter = JSON.parse(line);
    } catch {
      problems.push('I3: a line of the dead-letter file is not JSON');
      continue;
    }
    const place = placeOf(letter as unknown as SourceObject, (letter.offset ?? null) as number | null);
    if (seen.has(place)) problems.push(`I3: ${place} stands twice in the dead-letter file`);
    seen.add(place);
    const isOfGivenUp = (unreadable ?? []).some(
      ({ key, etag }) => key === letter.key && etag === letter.etag,
    );
    if (given.has(place)) {
      if (given.get(place) !== letter.code)
        problems.push(`I3: ${place} has the code ${letter.code}, not ${given.get(place)}`);
    } else if (!wanted.has(place)) {
      if (!isOfGivenUp) problems.push(`I3: ${place} is dead-lettered as ${letter.code} and should not be`);
    } else {
      const stands = describe(letter.length, letter.code, letter.data);
      if (stands !== wanted.get(place))
        problems.push(`I3: ${place} is dead-lettered as ${stands}, not as ${wanted.get(place)}`);
      if (typeof letter.message !== 'string' || letter.message === '')
        problems.push(`I3: ${place} has no message`);
    }
  }
  for (const place of [...wanted.keys(), ...given.keys()]) {
    if (!seen.has(place)) problems.push(`I3: ${place} is missing in the dead-letter file`);
  }
  return shown(problems);
}

function placeOf(object: { bucket: string; key: string; etag: string }, offset: number | null): string {
  return `${object.bucket}/${object.key} ${object.etag} at ${offset}`;
}

function describe(length: unknown, code: unknown, data: unknown): string {
  const text = String(data);
  return `${code}, ${length} bytes, ${text.length > 60 ? `${text.slice(0, 60)}... (${text.length})` : text}`;
}

/** Counts of the whole run: they must add up however many processes it took. */
function checkBooks({ expected, report, unreadable }: Evidence): string[] {
  if ((unreadable ?? []).length > 0) return []; // how far such an object was read before it was given up is not fixed
  const codes: Record<string, number> = {};
  for (const { code } of expected.letters) codes[code] = (codes[code] ?? 0) + 1;
  const delivered = report.records.delivered + report.records.deliveredBefore;
  const pairs: [string, unknown, unknown][] = [
    ['records delivered by all processes', delivered, expected.records.length],
    ['lines rejected', report.lines.rejected, expected.letters.length],
    ['blank lines', report.lines.blank, expected.blank],
    ['lines read', report.lines.read, expected.lines],
    ['rejects by code', sortedJson(report.lines.rejectedByCode), sortedJson(codes)],
  ];
  return pairs
    .filter(([, is, should]) => is !== should)
    .map(([what, is, should]) => `I5: ${what}: ${is}, not ${should}`);
}

function sortedJson(counts: Record<string, number>): string {
  const some = Object.entries(counts).filter(([, count]) => count !== 0);
  return JSON.stringify(some.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function checkEnd(evidence: Evidence): string[] {
  const { expected, report, exitCode, storedByRerun, rssBytesMax, unreadable } = evidence;
  const hasExceptions = expected.letters.length > 0 || (unreadable ?? []).length > 0;
  const problems: string[] = [];
  if (exitCode !== (hasExceptions ? 1 : 0))
    problems.push(`I6: exit code ${exitCode}, not ${hasExceptions ? 1 : 0}`);
  const status = hasExceptions ? 'delivered-with-rejects' : 'delivered';
  if (report.status !== status) problems.push(`I6: status ${report.status}, not ${status}`);
  if ((storedByRerun ?? 0) !== 0)
    problems.push(`I7: the finished run, run again, stored ${storedByRerun} records`);
  if (rssBytesMax !== undefined && !(report.rssMaxBytes <= rssBytesMax)) {
    problems.push(`I9: ${report.rssMaxBytes} bytes of memory, at most ${rssBytesMax} are allowed`);
  }
  for (const secret of evidence.secrets ?? []) {
    if ((evidence.outputs ?? []).some((output) => output.includes(secret)))
      problems.push('I10: a secret was printed or written');
  }
  return problems;
}

function shown(problems: readonly string[]): string[] {
  if (problems.length <= SHOWN_MAX) return [...problems];
  return [
    ...problems.slice(0, SHOWN_MAX),
    `${problems[0]!.split(':')[0]}: and ${problems.length - SHOWN_MAX} more like these`,
  ];
}
