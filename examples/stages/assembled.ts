/**
 * Puts a pipeline together when it is known what is wanted, and carries objects through it:
 * `node examples/stages/assembled.ts s3://bucket/events/ events '{ "levels": ["error"], "without": ["/user/mail"], "percent": 10 }'`.
 */
import { backfill, MillraceError } from 'millrace';
import { drop, type Pipe, pipe, type Stage, sample, where } from 'millrace/stages';

export interface Wishes {
  readonly levels?: readonly string[];
  /** Places that nobody may see. */
  readonly without?: readonly string[];
  /** Share of the lines. */
  readonly percent?: number;
}

/** Stages are data here, so a run takes the pipe as it is. */
export function assemble({ levels = [], without = [], percent }: Wishes): Pipe {
  const stages: Stage[] = [];
  if (percent !== undefined) stages.push(sample(percent));
  if (levels.length > 0) stages.push(where(`record.level in ${JSON.stringify(levels)}`));
  return pipe(...stages, ...without.map(drop));
}

if (process.argv[1] === import.meta.filename) {
  const [source = '', stream = '', wishes = '{}'] = process.argv.slice(2);
  try {
    const stages = assemble(JSON.parse(wishes) as Wishes);
    const report = await backfill({ sources: source, stream, stages });
    console.log(
      `${report.status}: ${report.records.delivered} of ${report.lines.read} lines, ${report.lines.filtered} left out`,
    );
    process.exitCode = report.exitCode;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    console.error(error.message);
    process.exitCode = error.exitCode;
  }
}
