/**
 * ZstdUnits: where the parts of a zstd object begin and end, without decompressing it: RFC 8878, 3.1.
 * Takes  stored bytes, in chunks of any size.
 * Gives  how many of them belong to the open unit. A unit is a frame's header, one of its blocks, its checksum, or a skippable
 *        frame. A decoder that is given no more than one unit at once decodes it whole or not at all, so nothing in front of
 *        damage is lost, however the bytes were cut.
 * Owns   the place in the frame. Never  looks at content.
 */
const MAGIC = [0x28, 0xb5, 0x2f, 0xfd] as const;
/** The lowest four bits of its first byte are free. */
const SKIPPABLE_MAGIC = [0x50, 0x2a, 0x4d, 0x18] as const;
const MAGIC_BYTES = 4;
const BLOCK_HEADER_BYTES = 3;
const CHECKSUM_BYTES = 4;
const RLE_BLOCK = 1;
/** Magic, descriptor, window, dictionary and content size at their longest. */
const HEADER_BYTES_MAX = 18;
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;

type Part =
  | 'magic'
  | 'frame-header'
  | 'skippable-header'
  | 'skippable'
  | 'block-header'
  | 'block'
  | 'checksum';

export class ZstdUnits {
  #part: Part = 'magic';
  /** Bytes of the open part that are still to come; a part whose length is not known yet grows. */
  #missing = MAGIC_BYTES;
  readonly #header = Buffer.alloc(HEADER_BYTES_MAX);
  #headerBytes = 0;
  #isLastBlock = false;
  #hasChecksum = false;
  #isUnknown = false;
  #isUnitEnd = true;
  #isFrameEnd = true;
  #isProven = false;
  #windowBytes: number | null = null;

  /** Between two frames, or in front of the first. */
  get isBetweenFrames(): boolean {
    return this.#isFrameEnd;
  }

  /** The last bytes that were taken end a unit. */
  get isUnitEnd(): boolean {
    return this.#isUnitEnd;
  }

  /** What the decoder has to keep of the open frame's content; null until its header has ended. */
  get windowBytes(): number | null {
    return this.#windowBytes;
  }

  /** What begins here is not a frame. */
  get isUnknown(): boolean {
    return this.#isUnknown;
  }

  /** Of the last frame that has ended: its content has a checksum, or it has none to prove. */
  get isProven(): boolean {
    return this.#isProven;
  }

  /** @returns How many bytes of `bytes` belong to the open unit. With `isUnknown` they are of no use. */
  take(bytes: Uint8Array): number {
    this.#isUnitEnd = false;
    this.#isFrameEnd = false;
    let at = 0;
    while (at < bytes.length) {
      const count = Math.min(this.#missing, bytes.length - at);
      if (this.#isHeader)
        this.#headerBytes += Buffer.from(bytes.subarray(at, at + count)).copy(
          this.#header,
          this.#headerBytes,
        );
      at += count;
      this.#missing -= count;
      this.#isUnknown = this.#part === 'magic' && !mayBeMagic(this.#header.subarray(0, this.#headerBytes));
      if (this.#missing > 0 || this.#isUnknown) break;
      if (this.#endPart()) {
        this.#isUnitEnd = true;
        return at;
      }
    }
    return at;
  }

  get #isHeader(): boolean {
    return this.#part !== 'skippable' && this.#part !== 'block' && this.#part !== 'checksum';
  }

  #begin(part: Part, bytes: number): void {
    this.#part = part;
    this.#missing = bytes;
  }

  /** @returns Whether a unit ends with it. */
  #endPart(): boolean {
    const header = this.#header;
    switch (this.#part) {
      case 'magic':
        if (header[0] === MAGIC[0]) this.#begin('frame-header', 1);
        else this.#begin('skippable-header', 4);
        return false;
      case 'skippable-header':
        this.#begin('skippable', header.readUInt32LE(MAGIC_BYTES));
        return this.#missing === 0 && this.#endFrame(true);
      case 'skippable':
        return this.#endFrame(true);
      case 'frame-header':
        return this.#endFrameHeader();
      case 'block-header':
        return this.#endBlockHeader();
      case 'block':
        return this.#endBlock();
      case 'checksum':
        return this.#endFrame(true);
    }
  }

  #endFrameHeader(): boolean {
    const descriptor = this.#header[MAGIC_BYTES]!;
    const isSingleSegment = (descriptor & 0x20) !== 0;
    const contentSizeBytes =
      CONTENT_SIZE_BYTES[(descriptor >> 6) as 0 | 1 | 2 | 3] || (isSingleSegment ? 1 : 0);
    const windowBytes = isSingleSegment ? 0 : 1;
    const wanted =
      MAGIC_BYTES + 1 + windowBytes + DICTIONARY_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3] + contentSizeBytes;
    if (this.#headerBytes < wanted) {
      this.#missing = wanted - this.#headerBytes;
      return false;
    }
    this.#hasChecksum = (descriptor & 4) !== 0;
    const contentBytes = this.#contentBytes(wanted - contentSizeBytes, contentSizeBytes);
    this.#windowBytes = isSingleSegment
      ? contentBytes
      : Math.min(contentBytes, windowOf(this.#header[MAGIC_BYTES + 1]!));
    this.#beginBlock();
    return true;
  }

  /** What the header says of the frame's content; infinite where it does not. */
  #contentBytes(at: number, sizeBytes: number): number {
    const header = this.#header;
    if (sizeBytes === 0) return Number.POSITIVE_INFINITY;
    if (sizeBytes === 8) return Number(header.readBigUInt64LE(at));
    return header.readUIntLE(at, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  }

  #beginBlock(): void {
    this.#headerBytes = 0;
    this.#begin('block-header', BLOCK_HEADER_BYTES);
  }

  #endBlockHeader(): boolean {
    const header = this.#header.readUIntLE(0, BLOCK_HEADER_BYTES);
    this.#isLastBlock = (header & 1) !== 0;
    this.#begin('block', ((header >> 1) & 3) === RLE_BLOCK ? 1 : header >> 3);
    return this.#missing === 0 && this.#endBlock();
  }

  #endBlock(): boolean {
    if (!this.#isLastBlock) this.#beginBlock();
    else if (this.#hasChecksum) this.#begin('checksum', CHECKSUM_BYTES);
    else return this.#endFrame(false);
    return true;
  }

  #endFrame(isProven: boolean): true {
    this.#isProven = isProven;
    this.#isFrameEnd = true;
    this.#windowBytes = null;
    this.#headerBytes = 0;
    this.#begin('magic', MAGIC_BYTES);
    return true;
  }
}

/** Window_Size of a Window_Descriptor: RFC 8878, 3.1.1.1.2. */
function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** @param begun The first bytes of a frame. */
function mayBeMagic(begun: Uint8Array): boolean {
  const isSkippable = (begun[0]! & 0xf0) === SKIPPABLE_MAGIC[0];
  if (!isSkippable && begun[0] !== MAGIC[0]) return false;
  const magic = isSkippable ? SKIPPABLE_MAGIC : MAGIC;
  return begun.every((byte, i) => i === 0 || byte === magic[i]);
}
