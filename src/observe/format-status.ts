/** Format status: how far a run has come, for people. */
import { printable } from '../base/printable.ts';
import { formatBytes, formatCount, formatDuration } from '../base/quantity.ts';
import type { UnreadableRun } from './runs.ts';
import type { RunStatus } from './status.ts';

/** One line of what matters, then the details that are known. */
export function formatStatus(status: RunStatus): string {
  const { objects, bytes, left, rate, acknowledged } = status;
  const rows: [string, string][] = [
    ['journal', status.journal],
    [
      'objects',
      `${formatCount(objects.done)} done, ${formatCount(objects.begun)} begun, ${formatCount(objects.failed)} failed, of ${objects.listed === null ? 'unknown' : formatCount(objects.listed)}`,
    ],
    [
      'lines',
      `${formatCount(status.lines.read)} read, ${formatCount(status.lines.blank)} blank, ${status.lines.filtered > 0 ? `${formatCount(status.lines.filtered)} filtered, ` : ''}${formatCount(status.lines.rejected)} rejected`,
    ],
    [
      'acknowledged',
      `${formatCount(acknowledged.records)} records, ${formatBytes(acknowledged.bytes)}, at ${acknowledged.at}`,
    ],
    ['records', recordsOf(status)],
    [
      'bytes',
      `${formatBytes(bytes.done)} done, ${formatBytes(bytes.settled)} settled, ${formatBytes(bytes.published)} published`,
    ],
    ['dead letters', formatCount(status.deadLetters)],
  ];
  if (left !== null) rows.push(['left', `${formatCount(left.objects)} objects, ${formatBytes(left.bytes)}`]);
  if (rate !== null)
    rows.push(['rate', `${formatCount(rate.records)} records/s, ${formatBytes(rate.bytes)}/s`]);
  if (status.etaMs !== null) rows.push(['time to go', formatDuration(status.etaMs)]);
  const who = status.pid === null ? '' : `, process ${status.pid}`;
  const share = shareOf(status);
  return [
    `Run ${printable(status.run)}: ${status.state}${who}${share === null ? '' : `, ${share} % done`}`,
    ...rows.map(([name, value]) => `  ${name.padEnd(13)}${printable(value)}`),
  ].join('\n');
}

/** One line a run, aligned. */
export function formatRuns(runs: readonly (RunStatus | UnreadableRun)[], folder: string): string {
  if (runs.length === 0) return `No runs in ${folder}; --journal names the journal of one elsewhere`;
  const width = Math.max(...runs.map((run) => ('run' in run ? printable(run.run).length : 0)));
  return runs.map((run) => ('run' in run ? runLine(run, width) : printable(run.error))).join('\n');
}

function runLine(status: RunStatus, width: number): string {
  const { run, state, acknowledged, rate, etaMs, deadLetters, updatedAt } = status;
  const share = shareOf(status);
  const parts = [
    `${printable(run).padEnd(width)}  ${state.padEnd('finished'.length)}  ${`${share ?? '-'} %`.padStart(5)}`,
    `${formatCount(acknowledged.records)} acknowledged`,
  ];
  if (state === 'running') {
    parts.push(`ETA ${etaMs === null ? '-' : formatDuration(etaMs)}`);
    if (rate !== null) parts.push(`${formatCount(rate.records)}/s`);
  }
  if (deadLetters > 0) parts.push(`${formatCount(deadLetters)} dead letters`);
  return [...parts, updatedAt].join(' | ');
}

/** Of the stored bytes, in percent; null before the listing is complete. */
function shareOf({ bytes, left, state }: RunStatus): number | null {
  if (left === null || bytes.listed === null) return null;
  if (bytes.listed === 0) return state === 'finished' ? 100 : null;
  return Math.floor(Math.min(1, bytes.done / bytes.listed) * 100);
}

function recordsOf({ records }: RunStatus): string {
  const again = [
    [records.ambiguous, 'ambiguous'],
    [records.resent, 'resent'],
  ] as const;
  const rest = again.filter(([count]) => count > 0).map(([count, name]) => `${formatCount(count)} ${name}`);
  return [`${formatCount(records.delivered)} delivered`, ...rest].join(', ');
}
