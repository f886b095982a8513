/**
 * Tells how far a run is, from its journal alone: `node examples/watch.ts .millrace/events.journal`.
 * It disturbs nobody: the journal is read, never written, while another process works with it or long after.
 */
import { MillraceError, readStatus } from 'millrace';

const [journal = ''] = process.argv.slice(2);
try {
  const { run, state, objects, records, rate, etaMs } = await readStatus(journal);
  console.log(
    `${run} is ${state}: ${objects.done} of ${objects.listed} objects, ${records.delivered} records`,
  );
  if (rate !== null) console.log(`${Math.round(rate.records)} records a second`);
  if (etaMs !== null) console.log(`done in ${Math.ceil(etaMs / 1000)} s`);
} catch (error) {
  if (!(error instanceof MillraceError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
