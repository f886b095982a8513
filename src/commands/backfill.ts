import { Command } from '@oclif/core';
import { BACKFILL_FLAGS, COMMON_FLAGS, parseBackfillOptions } from '../options.ts';
import { oclifFlags, readArguments } from './flags.ts';

export default class Backfill extends Command {
  static override summary = 'Carry JSONL objects from S3 to a Kinesis data stream.';
  static override usage = 'backfill SOURCE... --stream NAME [FLAGS]';
  static override flags = oclifFlags({ ...BACKFILL_FLAGS, ...COMMON_FLAGS });
  async run(): Promise<void> {
    const { words, raw } = readArguments(this.argv, { ...BACKFILL_FLAGS, ...COMMON_FLAGS });
    console.log(parseBackfillOptions(words, raw));
  }
}
