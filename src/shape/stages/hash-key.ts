/**
 * Hash key: the key of `hash`, from a file or the variable MILLRACE_HASH_KEY, never from a flag.
 * Never  shows the key.
 */
import { readFileSync } from 'node:fs';
import { OptionsError } from '../../base/errors.ts';

const KEY_VARIABLE = 'MILLRACE_HASH_KEY';
/** Shorter keys can be found by trying. */
const KEY_BYTES_MIN = 16;

/** @returns Null where no file is named and the variable is not set. @throws {OptionsError} For a key that cannot be read, or is too short. */
export function hashKeyFrom(file: string | null): Uint8Array | null {
  const from = file === null ? `the variable ${KEY_VARIABLE}` : `--hash-key-file ${file}`;
  const key = file === null ? process.env[KEY_VARIABLE] : readKey(file);
  if (key === undefined) return null;
  const bytes = Buffer.from(key.replace(/\r?\n$/, ''), 'utf8');
  if (bytes.length >= KEY_BYTES_MIN) return bytes;
  throw new OptionsError([
    `Expected ${from} to hold ${KEY_BYTES_MIN} bytes or more, but received ${bytes.length}.`,
  ]);
}

/** @throws {OptionsError} Always. */
export function refuseWithoutKey(): never {
  const advice = `put the key into a file, for --hash-key-file, or into the variable ${KEY_VARIABLE}`;
  throw new OptionsError([`Expected a key for --hash, but received none: ${advice}.`]);
}

function readKey(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    throw new OptionsError([`Cannot read --hash-key-file ${path}: ${why}.`]);
  }
}
