/**
 * Succession: whether each page of a listing goes on where the one before it ended.
 * Takes  the pages of one query, in order.
 * Gives  an error for a page that cannot follow: an endpoint that goes round in circles would be read, and its objects published, for ever.
 * Owns   the last key and the tokens seen: one token a page of 1,000 keys, about a megabyte for ten million.
 */
import { MillraceError } from '../../base/errors.ts';
import { EXIT } from '../../base/exit-code.ts';
import { isKeyBefore } from '../key-order.ts';
import type { Page } from './spread.ts';

export interface SuccessionOptions {
  /** For the error, for example `s3://bucket/prefix`. */
  readonly where: string;
  /** Only keys behind this one were asked for. */
  readonly after?: string | undefined;
  /** Whether the service lists in the order of keys: general purpose buckets do, directory buckets do not. */
  readonly isOrdered: boolean;
}

export class Succession {
  readonly #options: SuccessionOptions;
  readonly #tokens = new Set<string>();
  #last: string | undefined;

  constructor(options: SuccessionOptions) {
    this.#options = options;
    this.#last = options.after;
  }

  /** @throws {MillraceError} MILLRACE_SOURCE, exit 3: this page does not follow those before it. None of its objects may be used. */
  take(page: Pick<Page, 'objects' | 'token'>): void {
    if (this.#options.isOrdered) {
      for (const { key } of page.objects) {
        if (this.#last !== undefined && !isKeyBefore(this.#last, key)) {
          throw this.#broken(
            `the key ${JSON.stringify(key)} was listed behind ${JSON.stringify(this.#last)}, which is not the order of UTF-8 bytes`,
          );
        }
        this.#last = key;
      }
    }
    if (page.token === undefined) return;
    if (this.#tokens.has(page.token)) {
      throw this.#broken('the endpoint gave the same continuation token twice');
    }
    this.#tokens.add(page.token);
  }

  #broken(why: string): MillraceError {
    return new MillraceError(
      'MILLRACE_SOURCE',
      `Cannot list ${this.#options.where} to its end: ${why}. Nothing is lost; the same command goes on when the endpoint lists in order`,
      { exitCode: EXIT.resumable },
    );
  }
}
