/** The table of commands. */
import Backfill from './backfill.ts';
import Demo from './demo.ts';
import Status from './status.ts';

export const COMMANDS = { backfill: Backfill, demo: Demo, status: Status };
