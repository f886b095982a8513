/**
 * Sides: what verify asks of the source and of the stream. Both can be read several times, with the same records each time.
 * Owns  the two interfaces. The engine implements the one, stream-side.ts the other.
 */
import type { DigestSums } from '../digest/digest.ts';
import type { StreamPlace } from './report.ts';

/** Where a run of frames comes from. */
export interface ObjectPlace {
  readonly bucket: string;
  readonly key: string;
  readonly etag?: string;
}

/** The key and the size of the digest of one side. */
export interface DigestSpec {
  readonly key: Uint8Array;
  readonly bucketBits: number;
}

export interface SideDigest {
  readonly sums: DigestSums;
  /** Three u64 a bucket. */
  readonly buckets: Uint8Array;
}

export interface SourceSide {
  /** Reads all valid records. `lineOffset` of a frame is the offset of its line. A run of frames belongs to one object. */
  scan(onFrames: (frames: Uint8Array, object: ObjectPlace) => void, signal: AbortSignal): Promise<void>;
  /** The same where the records are read, e.g. in the parser threads; without it verify digests what scan() gives. */
  digest?(spec: DigestSpec, signal: AbortSignal): Promise<SideDigest>;
}

/** Finds where a frame of a run came from. @param unit Of the frame. */
export type Locate = (unit: number) => StreamPlace;

export interface StreamSide {
  digest(spec: DigestSpec, signal: AbortSignal): Promise<SideDigest & StreamExtent>;
  scan(onFrames: (frames: Uint8Array, locate: Locate) => void, signal: AbortSignal): Promise<void>;
}

/** What was read of the stream. */
export interface StreamExtent {
  readonly shards: number;
  readonly outsideHashRange: number;
  readonly undecodable: number;
}
