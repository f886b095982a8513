/** Format verify: the report of `verify`, as people read it. Takes the report as docs/CLI.md has it. */
import { printable } from '../printable.ts';
import { formatBytes, formatCount, formatDuration } from '../quantity.ts';

interface Place {
  readonly bucket?: string;
  readonly key?: string;
  readonly offset?: number;
  readonly length?: number;
  readonly shardId?: string;
  readonly sequenceNumber?: string;
}

/** What is shown of a verify report. */
export interface VerifyView {
  readonly status: 'match' | 'differ' | 'failed';
  readonly error: { readonly message: string } | null;
  readonly source: { readonly records: number; readonly bytes: number };
  readonly streamRecords: { readonly records: number; readonly bytes: number; readonly shards: number };
  readonly missing: number;
  readonly duplicated: number;
  readonly foreign: number;
  readonly altered: number;
  readonly examples: Readonly<Record<string, readonly Place[]>>;
  readonly warnings: readonly string[];
  readonly durationMs: number;
}

const HEADLINES: Readonly<Record<VerifyView['status'], string>> = {
  match: 'Match: every record of the source is on the stream, unaltered',
  differ: 'Differ: the stream does not hold what the source holds',
  failed: 'Failed',
};

export function formatVerifyReport(report: VerifyView): string {
  const { source, streamRecords } = report;
  const lines = [
    HEADLINES[report.status] + (report.error ? `: ${report.error.message}` : ''),
    `  source       ${formatCount(source.records)} records, ${formatBytes(source.bytes)}`,
    `  stream       ${formatCount(streamRecords.records)} records, ${formatBytes(streamRecords.bytes)}, ${streamRecords.shards} shards`,
    `  missing      ${formatCount(report.missing)}`,
    `  duplicated   ${formatCount(report.duplicated)}`,
    `  foreign      ${formatCount(report.foreign)}`,
    `  altered      ${formatCount(report.altered)}`,
    `  time         ${formatDuration(report.durationMs)}`,
  ];
  for (const [kind, places] of Object.entries(report.examples)) {
    for (const place of places) lines.push(`  ${kind.padEnd(13)}${printable(describe(place))}`);
  }
  for (const warning of report.warnings) lines.push(`  warning      ${printable(warning)}`);
  return lines.join('\n');
}

function describe(place: Place): string {
  const parts: string[] = [];
  if (place.key !== undefined)
    parts.push(`s3://${place.bucket}/${place.key} offset ${place.offset}, ${place.length} bytes`);
  if (place.shardId !== undefined) parts.push(`${place.shardId} ${place.sequenceNumber}`);
  return parts.join(' / ');
}
