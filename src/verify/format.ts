/** Format verify: the report of `verify`, as people read it. Takes the report as docs/CLI.md has it. */
import { objectUri } from '../base/object-uri.ts';
import { printable } from '../base/printable.ts';
import { formatBytes, formatCount, formatDuration } from '../base/quantity.ts';

interface Place {
  readonly bucket?: string;
  readonly key?: string;
  readonly offset?: number | null;
  readonly length?: number | null;
  readonly shardId?: string;
  readonly sequenceNumber?: string;
}

/** What is shown of a verify report. */
export interface VerifyView {
  readonly status: 'match' | 'match-with-rejects' | 'differ' | 'failed';
  readonly error: { readonly message: string } | null;
  readonly source: { readonly records: number; readonly bytes: number };
  readonly streamRecords: { readonly records: number; readonly bytes: number; readonly shards: number };
  readonly lines: Readonly<
    Record<'counted' | 'records' | 'blank' | 'rejected' | 'filtered' | 'added', number>
  >;
  readonly deadLetters: { readonly file: string | null } & Readonly<
    Record<'held' | 'redriven' | 'absent' | 'unclaimed', number>
  >;
  readonly objects: Readonly<Record<'archived' | 'unreadable' | 'changed' | 'excluded', number>>;
  readonly missing: number;
  readonly duplicated: number;
  readonly foreign: number;
  readonly altered: number;
  readonly examples: Readonly<Record<string, readonly Place[]>>;
  readonly warnings: readonly string[];
  readonly durationMs: number;
}

const HEADLINES: Readonly<Record<Exclude<VerifyView['status'], 'match-with-rejects'>, string>> = {
  match: 'Match: every record of the source is on the stream, unaltered',
  differ: 'Differ: the stream does not hold what the source holds',
  failed: 'Failed',
};

export function formatVerifyReport(report: VerifyView): string {
  const { source, streamRecords } = report;
  const lines = [
    headlineOf(report) + (report.error ? `: ${report.error.message}` : ''),
    `  source       ${formatCount(source.records)} records, ${formatBytes(source.bytes)}`,
    `  stream       ${formatCount(streamRecords.records)} records, ${formatBytes(streamRecords.bytes)}, ${streamRecords.shards} shards`,
    `  lines        ${linesOf(report)}`,
    ...rowsOf(report),
    `  missing      ${formatCount(report.missing)}`,
    `  duplicated   ${formatCount(report.duplicated)}`,
    `  foreign      ${formatCount(report.foreign)}`,
    `  altered      ${formatCount(report.altered)}`,
    `  time         ${formatDuration(report.durationMs)}`,
  ];
  for (const [kind, places] of Object.entries(report.examples)) {
    for (const place of places) lines.push(`  ${labelOf(kind).padEnd(13)}${printable(describe(place))}`);
  }
  for (const warning of report.warnings) lines.push(`  warning      ${printable(warning)}`);
  return lines.join('\n');
}

/** A match that leaves something out says what, in its first words. */
function headlineOf({ status, lines, deadLetters, objects }: VerifyView): string {
  if (status !== 'match-with-rejects') return HEADLINES[status];
  const isHeld = deadLetters.file !== null;
  const count = isHeld ? deadLetters.held : lines.rejected - deadLetters.redriven;
  const what = isHeld ? 'are dead letters' : 'were rejected';
  const parts: string[] = [];
  if (count > 0) parts.push(`${formatCount(count)} of ${formatCount(lines.counted)} lines that ${what}`);
  if (objects.unreadable > 0)
    parts.push(`${objectsOf(objects.unreadable)} that could not be read to the end`);
  return `Match, except ${parts.join(' and ')}`;
}

function linesOf({ lines }: VerifyView): string {
  const { counted, records, blank, rejected, filtered } = lines;
  const parts = [`${formatCount(records)} records`];
  if (blank > 0) parts.push(`${formatCount(blank)} blank`);
  if (rejected > 0) parts.push(`${formatCount(rejected)} rejected`);
  if (filtered > 0) parts.push(`${formatCount(filtered)} filtered`);
  return `${formatCount(counted)}: ${parts.join(', ')}`;
}

/** Counts that are worth a row only where they are not zero. */
function rowsOf({ deadLetters, objects }: VerifyView): string[] {
  const { file, held, redriven, absent } = deadLetters;
  const parts: string[] = [];
  if (held > 0) parts.push(formatCount(held));
  if (redriven > 0) parts.push(`${formatCount(redriven)} redriven`);
  if (absent > 0) parts.push(`${formatCount(absent)} lines without one`);
  const rows = parts.length === 0 ? [] : [`  dead letters ${printable(`${parts.join(', ')} (${file})`)}`];
  for (const [name, count] of Object.entries(objects))
    if (count > 0) rows.push(`  ${name.padEnd(13)}${objectsOf(count)}`);
  return rows;
}

function objectsOf(count: number): string {
  return `${formatCount(count)} ${count === 1 ? 'object' : 'objects'}`;
}

/** The column is narrow. */
function labelOf(kind: string): string {
  return kind === 'withoutLetter' ? 'no letter' : kind;
}

function describe(place: Place): string {
  const parts: string[] = [];
  if (place.key !== undefined) {
    const uri = objectUri({ bucket: place.bucket!, key: place.key });
    const { offset = null, length } = place;
    parts.push(offset === null ? uri : `${uri} offset ${offset}, ${length} bytes`);
  }
  if (place.shardId !== undefined) parts.push(`${place.shardId} ${place.sequenceNumber}`);
  return parts.join(' / ');
}
