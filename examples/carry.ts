/**
 * Carries objects from S3 to a stream, as `millrace backfill` does: `node examples/carry.ts s3://bucket/events/ events`.
 * The same call goes on where an earlier one stopped; a journal in `.millrace/` knows where that was.
 */
import { backfill, MillraceError } from 'millrace';

const [source = '', stream = ''] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

try {
  // Options are those of the command line, with their units in their names; all that is wrong with them comes in one error.
  const options = { sources: source, stream, onMissingKey: 'coordinates', timeoutMs: 3_600_000 } as const;
  const report = await backfill(options, {
    signal: stop.signal,
    onProgress: ({ records }) => console.error(`${records.toLocaleString('en')} records are on the stream`),
    onNotice: (text) => console.error(text),
  });
  const { delivered, deliveredBefore, ambiguous } = report.records;
  console.log(
    `${report.status}: ${delivered} records now, ${deliveredBefore} before, at most ${ambiguous} of them twice`,
  );
  if (report.lines.rejected > 0) console.log(`${report.lines.rejected} lines are in ${report.deadLetter}`);
  process.exitCode = report.exitCode;
} catch (error) {
  if (!(error instanceof MillraceError)) throw error;
  // 2: the same call cannot help. 3: it goes on where this one stopped.
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = error.exitCode;
}
