/** The table of commands. */
import Backfill from './backfill.ts';

export const COMMANDS = { backfill: Backfill };
