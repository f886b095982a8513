/**
 * SourceObject: one object as the listing saw it, pinned by its ETag for the whole run.
 * Owns  the nouns of this folder that travel: SourceObject, Format, Segment. Does nothing but name them.
 */
import type { Places } from '../ring/ranges.ts';

/** One object to carry. */
export interface SourceObject {
  readonly bucket: string;
  /** Decoded; any character, 1 to 1,024 UTF-8 bytes. */
  readonly key: string;
  /**
   * As the listing gives it, with or without quotes. '' where it gives none: then the first GET names the version (src/aws/etag.ts), before
   * anything is known of the object's content. It never changes again.
   */
  etag: string;
  /** Stored bytes. At least 1: empty objects never leave the listing. */
  readonly size: number;
  /** Unix milliseconds; 0 where the source does not say (an inventory without LastModifiedDate). */
  readonly lastModifiedMs: number;
  /** As the source names it; STANDARD where it says nothing. */
  readonly storageClass: string;
  /** Whether all of its bytes were read by this process and had the checksum that the source holds; absent before its first download. */
  proof?: 'proven' | 'unproven';
  /** `--limit` ends within it: behind `offset` of its (decompressed) content, which its first `stored` bytes hold. */
  readonly cut?: { readonly offset: number; readonly stored: number };
  /** Tells lines of one object apart that travel as objects of their own (redrive). Absent: the whole object. */
  readonly part?: number;
}

/** Storage classes whose objects have to be restored before they can be read. SDK-S. */
const ARCHIVED_CLASSES: ReadonlySet<string> = new Set(['GLACIER', 'DEEP_ARCHIVE']);

export function isArchived({ storageClass }: Pick<SourceObject, 'storageClass'>): boolean {
  return ARCHIVED_CLASSES.has(storageClass);
}

/** Bytes that decide which format an object has, where it has as many. */
export const FORMAT_HEAD_BYTES = 16;

/** Where the lines end that are wanted of a plain object. */
export function plainEndOf({ size, cut }: SourceObject): number {
  return Math.min(size, cut?.offset ?? size);
}

/** As many stored bytes hold the lines that are wanted, and say which format they have. */
export function storedEndOf({ size, cut }: SourceObject): number {
  return Math.min(size, Math.max(FORMAT_HEAD_BYTES, cut?.stored ?? size));
}

/** What the stored bytes are. `text`: as plain, but in one stream, because nobody knows where a record begins in the middle of it. */
export type Format = 'plain' | 'text' | 'gzip' | 'zstd';

/**
 * The unit of work. A plain object is cut at multiples of segmentBytes, and where an earlier process has delivered a part of it;
 * segment [start, end) owns the lines whose first byte lies in it. A compressed object is one segment of all its stored bytes.
 * `format` and `end` are settled before the first event of the segment reaches a sink, and constant from then on.
 */
export interface Segment {
  readonly object: SourceObject;
  /** Position of the object among those that this run took from the listing, 0-based. */
  readonly objectIndex: number;
  /** 0-based within the object. */
  readonly index: number;
  /** Byte range of the stored object, end exclusive. */
  readonly start: number;
  end: number;
  format: Format;
  /** Only the records at these offsets are wanted, or null: all lines. Never of a compressed object. */
  readonly only: Places | null;
  /** It is an outcome of the run's stages already: a redrive does nothing twice. */
  readonly shaped?: ShapedRecord;
  /** Its bytes are the data of a dead letter. */
  readonly letter?: LetterFacts;
}

/** What a dead letter says of its data. */
export interface LetterFacts {
  readonly code: string;
  /** Bytes that it was about: more than there are where only its beginning was kept. */
  readonly length: number | null;
  readonly isEdited: boolean;
}

/** A record that stages have made of a line. */
export interface ShapedRecord {
  /** Which of its line's outputs it is. */
  readonly output: number;
  /** Bytes that go out as they are. */
  readonly isRaw: boolean;
}
