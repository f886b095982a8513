/**
 * Report: how the programs of this folder tell and keep what they measured.
 * Takes  figures: one number a run, for a case, a contender and a metric.
 * Gives  a table on stdout, and with a folder (--keep) one JSON file a program with every raw number, machine, Node and commit.
 * Never  measures anything: see clock.ts and world.ts.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { basename, join } from 'node:path';
import { machineLine } from './clock.ts';

export interface Figure {
  /** What all contenders of a table have in common, e.g. the workload. */
  readonly case: string;
  readonly contender: string;
  /** With its unit, e.g. `MB per CPU-second`. */
  readonly metric: string;
  /** One number a run, in the order of the runs. */
  readonly values: readonly number[];
}

export interface KeptProgram {
  readonly program: string;
  readonly question: string;
  readonly command: string;
  readonly atIso: string;
  readonly machine: {
    readonly line: string;
    readonly cpu: string;
    readonly cores: number;
    readonly memoryBytes: number;
  };
  readonly notes: readonly string[];
  readonly figures: readonly Figure[];
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** CPU time of each contender that took turns, and how fast it is beside the first one, round by round. */
export function besideTheFirst(
  name: string,
  rounds: ReadonlyMap<string, readonly { readonly cpuNs: number }[]>,
): Figure[] {
  const [, first] = [...rounds][0]!;
  return [...rounds].flatMap(([contender, own]) => [
    { case: name, contender, metric: 'CPU-ms per MB', values: own.map(({ cpuNs }) => cpuNs) },
    {
      ...{ case: name, contender, metric: '% of plain speed' },
      values: own.map(({ cpuNs }, round) => (100 * first[round]!.cpuNs) / cpuNs),
    },
  ]);
}

/** Half of the distance between the highest and the lowest run, as a share of the median. */
export function spread(values: readonly number[]): number {
  const middle = median(values);
  return middle === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / 2 / middle;
}

/** Three significant digits, and thousands apart. */
export function format(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return `${value}`;
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: 0 });
}

/** A table for each case: contenders down, metrics across, medians with the spread of several runs. */
export function tables(figures: readonly Figure[]): string {
  const lines: string[] = [];
  for (const [name, group] of Map.groupBy(figures, (figure) => figure.case)) {
    const metrics = [...new Set(group.map(({ metric }) => metric))];
    const rows = [...Map.groupBy(group, ({ contender }) => contender)].map(([contender, own]) => [
      contender,
      ...metrics.map((metric) => cell(own.find((figure) => figure.metric === metric))),
    ]);
    const table = [['', ...metrics], ...rows];
    const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
    lines.push('', name);
    for (const row of table) {
      lines.push(
        `  ${row.map((text, i) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join('   ')}`,
      );
    }
  }
  return lines.join('\n');
}

function cell(figure: Figure | undefined): string {
  if (figure === undefined) return '';
  const { values } = figure;
  return values.length < 2
    ? format(values[0]!)
    : `${format(median(values))} ±${(spread(values) * 100).toFixed(0)}%`;
}

/**
 * Prints the tables, and keeps the raw figures.
 * @param keep A folder, or undefined: nothing is written.
 */
export function report(
  question: string,
  figures: readonly Figure[],
  options: { readonly keep?: string | undefined; readonly notes?: readonly string[] } = {},
): void {
  const { keep, notes = [] } = options;
  const program = basename(process.argv[1] ?? 'bench', '.ts');
  console.log(`${program}: ${question}\n${machineLine()}${tables(figures)}`);
  for (const note of notes) console.log(note);
  if (keep === undefined) return;
  const kept: KeptProgram = {
    program,
    question,
    command: ['node', `bench/${program}.ts`, ...commandFlags()].join(' '),
    atIso: new Date().toISOString(),
    machine: {
      line: machineLine(),
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: cpus().length,
      memoryBytes: totalmem(),
    },
    notes,
    figures,
  };
  mkdirSync(keep, { recursive: true });
  writeFileSync(join(keep, `${program}.json`), `${JSON.stringify(kept, null, 1)}\n`);
}

/** The flags of this process without --keep, whose folder says nothing to others. */
function commandFlags(): string[] {
  const flags = process.argv.slice(2);
  const at = flags.indexOf('--keep');
  return at < 0 ? flags : flags.toSpliced(at, 2);
}
