/**
 * Open stages: what a run asks of its lines, with the key of `--hash` and a condition that can be read.
 * Takes  stage options. Gives  stages that travel to the parser threads, or null where there are none; a fingerprint of the key.
 * Owns   where the key comes from: a file, or the variable MILLRACE_HASH_KEY, never a flag.
 * Never  shows the key, and keeps nothing of it: the fingerprint is a keyed hash itself.
 */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { OptionsError } from '../base/errors.ts';
import { editsOf, hasStages, type StageOptions } from '../options/stages.ts';
import { problemsOf, type Stages } from '../shape/stages.ts';

const KEY_VARIABLE = 'MILLRACE_HASH_KEY';
/** Shorter keys can be found by trying. */
const KEY_BYTES_MIN = 16;

/** @throws {OptionsError} When the condition cannot be read, or there is no key. */
export async function openStages(options: StageOptions): Promise<Stages | null> {
  if (!hasStages(options)) return null;
  const { where, samplePercent } = options;
  const onWhereError = options.onWhereError ?? 'dead-letter';
  const edits = editsOf(options);
  const problems = problemsOf(edits);
  if (problems.length > 0) throw new OptionsError(problems);
  // Loaded only here: a start without a condition does not need it.
  if (where !== null) new (await import('../shape/where.ts')).Where(where);
  const hashKey = edits.some(({ kind }) => kind === 'hash') ? hashKeyOf(options.hashKeyFile) : null;
  const sample = samplePercent === null ? null : samplePercent / 100;
  return { where, onWhereError, edits, hashKey, sample, later: [] };
}

/** Tells two keys apart, and nothing else. */
export function printOf(stages: Stages | null): string | null {
  const key = stages?.hashKey ?? null;
  return key && createHmac('sha256', key).update('the key of this run').digest('hex').slice(0, 16);
}

function hashKeyOf(file: string | null): Uint8Array {
  const from = file === null ? `the variable ${KEY_VARIABLE}` : `--hash-key-file ${file}`;
  const key = file === null ? process.env[KEY_VARIABLE] : readKey(file);
  if (key === undefined) {
    const advice = `put the key into a file, for --hash-key-file, or into the variable ${KEY_VARIABLE}`;
    throw new OptionsError([`Expected a key for --hash, but received none: ${advice}.`]);
  }
  const bytes = Buffer.from(key.replace(/\r?\n$/, ''), 'utf8');
  if (bytes.length >= KEY_BYTES_MIN) return bytes;
  throw new OptionsError([
    `Expected ${from} to hold ${KEY_BYTES_MIN} bytes or more, but received ${bytes.length}.`,
  ]);
}

function readKey(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    throw new OptionsError([`Cannot read --hash-key-file ${path}: ${why}.`]);
  }
}
