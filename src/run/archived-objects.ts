/**
 * Archived objects: those that a listing finds in a storage class that cannot be read.
 * Takes  them one by one, and word that the listing is complete.
 * Gives  a manifest for S3 Batch Operations beside the journal (restore-file.ts), and one sentence for people.
 * Owns   the first of them, which stands for all in that sentence.
 */
import { objectUri } from '../base/object-uri.ts';
import type { SourceObject } from '../source/object.ts';
import { RestoreFile } from './restore-file.ts';

export class ArchivedObjects {
  /** Null where the run has no journal beside which it could lie. */
  readonly #file: RestoreFile | null;
  #first: SourceObject | null = null;
  #count = 0;

  /** @param journalPath Null: the run has no journal. */
  constructor(journalPath: string | null) {
    this.#file =
      journalPath === null ? null : new RestoreFile(`${journalPath.replace(/\.journal$/, '')}.restore.csv`);
  }

  /** @throws The file system's errors, here as in the other functions. */
  add(object: SourceObject): void {
    this.#first ??= object;
    this.#count++;
    this.#file?.add(object);
  }

  /** The listing is complete. @returns What people should know, or null where none is archived. */
  finish(): string | null {
    if (this.#first === null) return null;
    const { storageClass } = this.#first;
    this.#file?.finish();
    const what = `${this.#count} objects are archived (${storageClass}: ${objectUri(this.#first)}, ...)`;
    const manifest = this.#file === null ? '' : `${this.#file.path} is a manifest for S3 Batch Operations; `;
    return `${what}: ${manifest}restore them and run the same command again`;
  }

  /** The run ends: an unfinished manifest goes. */
  discard(): void {
    this.#file?.discard();
  }
}
