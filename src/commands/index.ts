/** The table of commands. */
import Backfill from './backfill.ts';
import Bench from './bench.ts';
import Demo from './demo.ts';
import Redrive from './redrive.ts';
import Status from './status.ts';
import Verify from './verify.ts';

export const COMMANDS = {
  backfill: Backfill,
  bench: Bench,
  demo: Demo,
  redrive: Redrive,
  status: Status,
  verify: Verify,
};
