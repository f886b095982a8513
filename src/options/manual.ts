/**
 * Manual: every command with what it is for, what may be typed behind it, and its flags. Help, docs/CLI.md, the schema of configuration files
 * and completion are made from it.
 */
import { BACKFILL_FLAGS } from './backfill.ts';
import { BENCH_FLAGS } from './bench.ts';
import { DEMO_FLAGS } from './demo.ts';
import type { FlagTable } from './flag.ts';
import { COMMON_FLAGS } from './output.ts';
import { PREVIEW_FLAGS } from './preview.ts';
import { REDRIVE_FLAGS } from './redrive.ts';
import { STATUS_FLAGS } from './status.ts';
import { VERIFY_FLAGS } from './verify.ts';

export interface CommandEntry {
  readonly summary: string;
  /** Default: what oclif makes of the flags. */
  readonly usage?: string;
  /** Command lines, as oclif's templates. */
  readonly examples?: readonly string[];
  /** What its words are: objects, a file, one of some texts, or none. */
  readonly words: 'sources' | 'file' | readonly string[];
  readonly flags: FlagTable;
}

export const MANUAL = {
  backfill: {
    summary: 'Carry JSONL objects from S3 to a Kinesis data stream.',
    usage: 'backfill SOURCE... --stream NAME [FLAGS]',
    examples: [
      '<%= config.bin %> backfill s3://bucket/events/2025/ --stream events --partition-key /user/id',
      '<%= config.bin %> backfill s3://bucket/events/ --stream events --dry-run --json',
    ],
    ...{ words: 'sources', flags: { ...BACKFILL_FLAGS, ...COMMON_FLAGS } },
  },
  preview: {
    summary: 'Show the first lines of a source before and after its stages; nothing is sent.',
    usage: 'preview SOURCE... [FLAGS]',
    examples: [
      `<%= config.bin %> preview s3://bucket/events/2025/ --where 'record.type == "order"' --drop /user/mail`,
      '<%= config.bin %> preview s3://bucket/events/ --config run.yaml --limit 1000 --json',
    ],
    ...{ words: 'sources', flags: { ...PREVIEW_FLAGS, ...COMMON_FLAGS } },
  },
  verify: {
    summary: 'Prove that a stream holds every record of the sources, unaltered.',
    usage: 'verify [SOURCE...] --stream NAME | --journal FILE [FLAGS]',
    ...{ words: 'sources', flags: { ...VERIFY_FLAGS, ...COMMON_FLAGS } },
  },
  redrive: {
    summary: 'Send repaired dead letters; what fails again goes to a new dead-letter file.',
    usage: 'redrive DEADLETTER --stream NAME [FLAGS]',
    ...{ words: 'file', flags: { ...REDRIVE_FLAGS, ...COMMON_FLAGS } },
  },
  status: {
    summary: 'Say how far a run is, also while it goes on.',
    ...{ words: [], flags: STATUS_FLAGS },
  },
  bench: {
    summary: 'Measure a backfill on this machine, and say which stage holds it back.',
    usage: 'bench [--source URI...] [--stream NAME] [FLAGS]',
    examples: [
      '<%= config.bin %> bench',
      '<%= config.bin %> bench --shards 16 --provisioned --aggregate',
      '<%= config.bin %> bench --source s3://bucket/events/ --timeout 30s',
    ],
    ...{ words: [], flags: { ...BENCH_FLAGS, ...COMMON_FLAGS } },
  },
  demo: {
    summary: 'Run the whole job on an embedded S3 and Kinesis, and prove the result.',
    ...{ words: [], flags: DEMO_FLAGS },
  },
  completion: {
    summary: 'Print what makes a shell complete commands, flags and values.',
    usage: 'completion bash|zsh',
    examples: [
      'eval "$(<%= config.bin %> completion bash)"   # in ~/.bashrc',
      'source <(<%= config.bin %> completion zsh)    # in ~/.zshrc, behind compinit',
    ],
    ...{ words: ['bash', 'zsh'], flags: {} },
  },
} as const satisfies Readonly<Record<string, CommandEntry>>;
