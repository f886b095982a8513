/**
 * Restore file: the manifest of archived objects (`<run>.restore.csv`), written while they are found: they may be as many as a bucket holds.
 * Takes  archived objects, one by one; word that the listing is complete.
 * Gives  the whole manifest under its name, or none: what stood there before stays until then.
 * Owns   a new file beside it, which follows no link and is the user's alone, and 64 KiB of lines that are not written yet.
 */
import { closeSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { restoreManifestLine } from './source/restore-manifest.ts';

const PENDING_CHARS_MAX = 64 * 1024;

export class RestoreFile {
  readonly path: string;
  readonly #draft: string;
  #file: number | null = null;
  #pending = '';

  constructor(path: string) {
    this.path = path;
    this.#draft = `${path}.new`;
  }

  /** @throws The file system's errors, here as in `finish`. */
  add(object: { readonly bucket: string; readonly key: string }): void {
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
      this.#file = openSync(this.#draft, 'wx', 0o600);
    }
    writeFileSync(this.#file, this.#pending);
    this.#pending = '';
  }

  #close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }
}
