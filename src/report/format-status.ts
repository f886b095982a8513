/** Format status: how far a run is, as people read it. */
import { printable } from '../printable.ts';
import { formatBytes, formatCount, formatDuration } from '../quantity.ts';
import type { RunStatus } from './status.ts';

/** One line of what matters, then the details that are known. */
export function formatStatus(status: RunStatus): string {
  const { objects, bytes, left, rate } = status;
  const rows: [string, string][] = [
    ['journal', status.journal],
    [
      'objects',
      `${formatCount(objects.done)} done, ${formatCount(objects.begun)} begun, ${formatCount(objects.failed)} failed, of ${objects.listed === null ? 'unknown' : formatCount(objects.listed)}`,
    ],
    [
      'lines',
      `${formatCount(status.lines.read)} read, ${formatCount(status.lines.blank)} blank, ${formatCount(status.lines.rejected)} rejected`,
    ],
    ['records', recordsOf(status)],
    ['bytes', `${formatBytes(bytes.settled)} settled, ${formatBytes(bytes.published)} published`],
    ['dead letters', formatCount(status.deadLetters)],
  ];
  if (left !== null) rows.push(['left', `${formatCount(left.objects)} objects, ${formatBytes(left.bytes)}`]);
  if (rate !== null)
    rows.push(['rate', `${formatCount(rate.records)} records/s, ${formatBytes(rate.bytes)}/s`]);
  if (status.etaMs !== null) rows.push(['time to go', formatDuration(status.etaMs)]);
  const who = status.pid === null ? '' : `, process ${status.pid}`;
  return [
    `Run ${printable(status.run)}: ${status.state}${who}`,
    ...rows.map(([name, value]) => `  ${name.padEnd(13)}${printable(value)}`),
  ].join('\n');
}

function recordsOf({ records }: RunStatus): string {
  const again = [
    [records.ambiguous, 'ambiguous'],
    [records.resent, 'resent'],
  ] as const;
  const rest = again.filter(([count]) => count > 0).map(([count, name]) => `${formatCount(count)} ${name}`);
  return [`${formatCount(records.delivered)} delivered`, ...rest].join(', ');
}
