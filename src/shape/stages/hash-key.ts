/**
 * Hash key: the key of `hash`, from a file or the variable MILLRACE_HASH_KEY, never from a flag.
 * Never  shows the key.
 */
import { OptionsError } from '../../base/errors.ts';
import { readGivenFile } from '../../base/given-file.ts';

const KEY_VARIABLE = 'MILLRACE_HASH_KEY';
/** Shorter keys can be found by trying. */
const KEY_BYTES_MIN = 16;

/** @returns Null where the variable is not set. @throws {OptionsError} For a key that is too short. */
export function hashKeyOfVariable(): Uint8Array | null {
  const key = process.env[KEY_VARIABLE];
  return key === undefined ? null : checked(key, `the variable ${KEY_VARIABLE}`);
}

/** Of the file, or where none is named of the variable. @throws {OptionsError} For a key that cannot be read, too. */
export async function hashKeyFrom(file: string | null): Promise<Uint8Array | null> {
  return file === null ? hashKeyOfVariable() : checked(await readKey(file), `--hash-key-file ${file}`);
}

function checked(key: string, from: string): Uint8Array {
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

async function readKey(path: string): Promise<string> {
  try {
    return await readGivenFile(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    throw new OptionsError([`Cannot read --hash-key-file ${path}: ${why}.`]);
  }
}
