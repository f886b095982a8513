/**
 * Decoding: what the decoders of this folder share.
 * Owns  the types that say how far a decoder is and what ended it. Never decodes.
 */

/** How far a decoder is, in bytes. */
export interface Progress {
  /** Stored bytes that were understood. */
  stored: number;
  content: number;
  /** Content in front of this has been proven by checksums. */
  proven: number;
}

/** What a decoder may hold beyond a few chunks. */
export interface WindowRoom {
  /** Ends when there is room for a frame's window. @throws {DecodingError} When there will never be. */
  take(windowBytes: number): Promise<void>;
  /** The frame has ended, or is given up. */
  give(): void;
}

/** The bytes cannot be decoded from here on. The message says why, in the decoder's words. */
export class DecodingError extends Error {}
