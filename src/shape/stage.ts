/**
 * Stage: what a stage in JavaScript is: as data, which travels to threads, and at work in one of them.
 * Owns  the shapes. No code.
 */
import type { EnrichSpec } from './table/name.ts';

/** Where a record's line lies. */
export interface StagePlace {
  readonly bucket: string;
  readonly key: string;
  /** Null where it is not known (a redrive). */
  readonly modifiedMs: number | null;
  /** Byte offset of the line in the (decompressed) object. */
  readonly offset: number;
  /** What stands for the object in keys of records: `sample` goes by it. Where it is not told, bucket and key stand for it. */
  readonly coordinate?: string;
}

/** A stage as plain data: it travels to threads, and is part of the run's identity. */
export type StageSpec =
  | {
      readonly kind: 'where';
      readonly expression: string;
      readonly onError: 'dead-letter' | 'drop' | 'keep';
    }
  | { readonly kind: 'sample'; readonly percent: number }
  | { readonly kind: 'drop' | 'hash'; readonly pointer: string }
  | { readonly kind: 'set'; readonly pointer: string; readonly json: string }
  | { readonly kind: 'rename'; readonly pointer: string; readonly name: string }
  | { readonly kind: 'pick'; readonly pointers: readonly string[] }
  | {
      readonly kind: 'coerce';
      readonly pointer: string;
      readonly to: 'number' | 'string' | 'boolean' | 'timestamp';
    }
  | { readonly kind: 'format'; readonly template: string }
  | EnrichSpec
  /**
   * `module`: an absolute path or file URL. `name`: of its export. `hash`: SHA-256 of what is loaded. `part`: which stage of a pipe that
   * it exports; absent: all of the export.
   */
  | {
      readonly kind: 'use';
      readonly module: string;
      readonly name: string;
      readonly hash: string;
      readonly part?: { readonly index: number; readonly kind: string };
    };

/**
 * What a stage makes of one record. Undefined or null: nothing, the record is dropped. An array: each of its elements is a record.
 * A Uint8Array: bytes that go out as they are, past the stages behind. Anything else: the record's new value.
 */
export type StageResult = unknown;

/** A record between two stages. Text and value are each made of the other when they are first asked for (carried.ts). */
export interface StageRecord {
  readonly text: string;
  readonly value: unknown;
}

/** What a stage makes of a record's text. */
export type TextResult = string | Uint8Array | null;

/** A stage at work in one thread. */
export interface RunningStage {
  /** Its place in the order written, and its kind, like "3 enrich": what reports and dead letters call it. */
  readonly label: string;
  /** What it throws makes the line a dead letter, TRANSFORM; a StageFailure says which one itself. */
  run(value: unknown, place: StagePlace): StageResult | Promise<StageResult>;
  /**
   * To be asked in place of `run` where a stage has it: it works on the text, so that every byte that it does not name stays. Gives the
   * record's new text, or the same one; bytes that go out as they are; or null: the record is dropped.
   */
  runText?(record: StageRecord, place: StagePlace): TextResult | PromiseLike<TextResult>;
  close?(): void | Promise<void>;
}
