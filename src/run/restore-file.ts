/**
 * Restore file: the manifest of archived objects (`<run>.restore.csv`), written as they are found: there may be as many as a bucket holds.
 * Takes  archived objects, one by one; word that the listing is complete.
 * Gives  the whole manifest under its name, or none: what stood there before stays until then.
 * Owns   a new file beside it, which follows no link and is the user's alone, and 64 KiB of lines that are not written yet.
 */
import { closeSync, lstatSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { MillraceError } from '../base/errors.ts';
import { beginningOf, openOwnFile } from '../base/own-file.ts';
import { isRestoreManifest, restoreManifestLine } from './sources.ts';

const PENDING_CHARS_MAX = 64 * 1024;
/** This much of a file says whether it is such a list. */
const BEGINNING_BYTES = 4096;

export class RestoreFile {
  readonly path: string;
  readonly #draft: string;
  #file: number | null = null;
  #pending = '';
  #isChecked = false;

  constructor(path: string) {
    this.path = path;
    this.#draft = `${path}.new`;
  }

  /** @throws The file system's errors, here as in `finish`. @throws {MillraceError} When someone else's file has one of its names. */
  add(object: { readonly bucket: string; readonly key: string }): void {
    if (!this.#isChecked) for (const path of [this.path, this.#draft]) assertReplaceable(path);
    this.#isChecked = true;
    this.#pending += restoreManifestLine(object);
    if (this.#pending.length >= PENDING_CHARS_MAX) this.#write();
  }

  /** Everything was added. */
  finish(): void {
    this.#write();
    this.#close();
    renameSync(this.#draft, this.path);
  }

  /** Nothing more will be added; after `finish` it does nothing. */
  discard(): void {
    if (this.#file === null) return;
    this.#close();
    rmSync(this.#draft, { force: true });
  }

  #write(): void {
    if (this.#file === null) {
      rmSync(this.#draft, { force: true });
      this.#file = openOwnFile(this.#draft, 'replace');
    }
    writeFileSync(this.#file, this.#pending);
    this.#pending = '';
  }

  #close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }
}

/** A link belongs to nobody: it is replaced and not followed. */
function assertReplaceable(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined || stats.isSymbolicLink()) return;
  if (stats.isFile() && isRestoreManifest(beginningOf(path, BEGINNING_BYTES))) return;
  const advice = 'move it, or give another --journal';
  throw new MillraceError(
    'MILLRACE_JOURNAL',
    `Cannot list the archived objects in ${path}: a file that is no such list stands there; ${advice}`,
  );
}
