/**
 * ORC streams: the run-length encodings of an ORC file, value by value.
 * Takes  the stored bytes of one stream of a stripe.
 * Gives  bytes, booleans and integers, one after the other: a stripe may hold millions, so none is kept.
 * Owns   the encodings. Source: ORC specification v1, "Compression" and "Run Length Encoding" (orc.apache.org/specification/ORCv1).
 *
 * Integers are plain numbers: exact up to 2^53, which is more than a size, a length or a time of S3 can be.
 */
import zlib from 'node:zlib';
import { snappyUncompress } from 'hyparquet';

/** Compressions by their number in the postscript, as far as they are read here. */
const UNPACK: Readonly<Record<number, (chunk: Buffer, bytesMax: number) => Uint8Array>> = {
  1: (chunk, maxOutputLength) => zlib.inflateRawSync(chunk, { maxOutputLength }),
  2: (chunk, bytesMax) => unpackSnappy(chunk, bytesMax),
  5: (chunk, maxOutputLength) => zlib.zstdDecompressSync(chunk, { maxOutputLength }),
};
const UNCOMPRESSED = 0;
const CHUNK_HEADER_BYTES = 3;
/** The most that is taken at once: a text, or a part of the footer. */
const TAKE_BYTES_MAX = 64 * 1024 * 1024;

/** How the streams of a file are compressed. */
export interface OrcCodec {
  /** Of the postscript. */
  readonly compression: number;
  /** Content of one chunk at most. */
  readonly chunkBytesMax: number;
}

export function isKnownCompression(compression: number): boolean {
  return compression === UNCOMPRESSED || UNPACK[compression] !== undefined;
}

/** The content of a stream, chunk by chunk. @throws {Error} Where it ends too early. */
export class OrcBytes {
  readonly #stored: Buffer;
  readonly #codec: OrcCodec;
  #position = 0;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(stored: Buffer, codec: OrcCodec) {
    this.#stored = stored;
    this.#codec = codec;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#chunk.length && this.#position === this.#stored.length;
  }

  byte(): number {
    if (this.#at === this.#chunk.length) this.#nextChunk();
    return this.#chunk[this.#at++]!;
  }

  take(count: number): Buffer {
    if (count > TAKE_BYTES_MAX) throw new Error(`a value of the ORC file is over ${TAKE_BYTES_MAX} bytes`);
    const taken = Buffer.allocUnsafe(count);
    for (let filled = 0; filled < count; ) {
      if (this.#at === this.#chunk.length) this.#nextChunk();
      const part = this.#chunk.subarray(this.#at, this.#at + count - filled);
      taken.set(part, filled);
      filled += part.length;
      this.#at += part.length;
    }
    return taken;
  }

  rest(): Buffer {
    const parts: Buffer[] = [];
    while (!this.isAtEnd) {
      if (this.#at === this.#chunk.length) this.#nextChunk();
      parts.push(this.take(this.#chunk.length - this.#at));
    }
    return Buffer.concat(parts);
  }

  /** Big-endian. */
  big(byteCount: number): number {
    let value = 0;
    for (let i = 0; i < byteCount; i++) value = value * 256 + this.byte();
    return value;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  #nextChunk(): void {
    const stored = this.#stored;
    if (this.#position >= stored.length) throw new Error('a stream of the ORC file ends too early');
    this.#at = 0;
    if (this.#codec.compression === UNCOMPRESSED) {
      this.#chunk = stored;
      this.#position = stored.length;
      return;
    }
    const header = stored.readUIntLE(this.#position, CHUNK_HEADER_BYTES);
    const start = this.#position + CHUNK_HEADER_BYTES;
    const end = start + (header >> 1);
    if (end > stored.length) throw new Error('a chunk of the ORC file ends too early');
    const chunk = stored.subarray(start, end);
    const isOriginal = (header & 1) === 1;
    this.#chunk = isOriginal ? chunk : UNPACK[this.#codec.compression]!(chunk, this.#codec.chunkBytesMax);
    this.#position = end;
    if (this.#chunk.length === 0) this.#nextChunk();
  }
}

/** The block says how long its content is: that is checked before memory is taken for it. */
function unpackSnappy(chunk: Buffer, bytesMax: number): Uint8Array {
  const bytes = new OrcBytes(chunk, { compression: UNCOMPRESSED, chunkBytesMax: 0 }).varint();
  if (bytes > bytesMax) throw new Error('a chunk of the ORC file is larger than the file allows');
  const content = new Uint8Array(bytes);
  snappyUncompress(chunk, content);
  return content;
}

export function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** Runs of equal bytes, or of literal ones. */
function* bytesOf(stream: OrcBytes): Generator<number> {
  while (!stream.isAtEnd) {
    const control = stream.byte();
    if (control >= 128) for (let left = 256 - control; left > 0; left--) yield stream.byte();
    else for (let left = control + 3, value = stream.byte(); left > 0; left--) yield value;
  }
}

/** Bits of bytes, highest first. The last byte may hold more of them than there are values. */
export function* booleansOf(stream: OrcBytes): Generator<boolean> {
  for (const byte of bytesOf(stream)) for (let bit = 7; bit >= 0; bit--) yield ((byte >> bit) & 1) === 1;
}

/** Version 1: runs with a fixed step, or literals. */
export function* integersV1(stream: OrcBytes, isSigned: boolean): Generator<number> {
  const next = () => (isSigned ? unzigzag(stream.varint()) : stream.varint());
  while (!stream.isAtEnd) {
    const control = stream.byte();
    if (control >= 128) {
      for (let left = 256 - control; left > 0; left--) yield next();
    } else {
      const step = (stream.byte() << 24) >> 24;
      for (let left = control + 3, value = next(); left > 0; left--, value += step) yield value;
    }
  }
}

/** Version 2: the two highest bits of a run's first byte say how it is packed. */
export function* integersV2(stream: OrcBytes, isSigned: boolean): Generator<number> {
  while (!stream.isAtEnd) {
    const first = stream.byte();
    if (first >> 6 === 0) {
      const value = stream.big(((first >> 3) & 7) + 1);
      for (let left = (first & 7) + 3; left > 0; left--) yield isSigned ? unzigzag(value) : value;
      continue;
    }
    const widthCode = (first >> 1) & 31;
    const count = (((first & 1) << 8) | stream.byte()) + 1;
    if (first >> 6 === 1) {
      for (const value of packed(stream, bitsOf(widthCode), count)) yield isSigned ? unzigzag(value) : value;
    } else if (first >> 6 === 2) yield* patched(stream, bitsOf(widthCode), count);
    else yield* deltas(stream, widthCode === 0 ? 0 : bitsOf(widthCode), count, isSigned);
  }
}

/** Width of a packed value by its code. */
function bitsOf(code: number): number {
  return code < 24 ? code + 1 : [26, 28, 30, 32, 40, 48, 56, 64][code - 24]!;
}

/** The smallest width that there is a code for. */
function roundedBits(bits: number): number {
  for (let code = 0; ; code++) if (bitsOf(code) >= bits) return bitsOf(code);
}

/** `count` big-endian values of `bits` bits each; the last byte is filled up. */
function* packed(stream: OrcBytes, bits: number, count: number): Generator<number> {
  let byte = 0;
  let left = 0;
  for (let i = 0; i < count; i++) {
    let value = 0;
    for (let needed = bits; needed > 0; ) {
      if (left === 0) {
        byte = stream.byte();
        left = 8;
      }
      const taken = Math.min(needed, left);
      left -= taken;
      needed -= taken;
      value = value * 2 ** taken + ((byte >> left) & ((1 << taken) - 1));
    }
    yield value;
  }
}

/** Values above a base; the few that are too wide have their upper bits in a list of patches. */
function patched(stream: OrcBytes, bits: number, count: number): number[] {
  const third = stream.byte();
  const fourth = stream.byte();
  const baseBytes = (third >> 5) + 1;
  const patchBits = bitsOf(third & 31);
  const gapBits = (fourth >> 5) + 1;
  const patchCount = fourth & 31;
  const raw = stream.big(baseBytes);
  const sign = 2 ** (baseBytes * 8 - 1);
  const base = raw >= sign ? sign - raw : raw;
  const values = [...packed(stream, bits, count)];
  let at = 0;
  for (const entry of packed(stream, roundedBits(gapBits + patchBits), patchCount)) {
    at += Math.floor(entry / 2 ** patchBits);
    values[at]! += (entry % 2 ** patchBits) * 2 ** bits;
  }
  return values.map((value) => base + value);
}

/** A first value, a first step, and the sizes of the steps that follow, all in its direction. Without sizes all steps are equal. */
function* deltas(stream: OrcBytes, bits: number, count: number, isSigned: boolean): Generator<number> {
  let value = isSigned ? unzigzag(stream.varint()) : stream.varint();
  const step = unzigzag(stream.varint());
  yield value;
  if (count === 1) return;
  value += step;
  yield value;
  const sizes = bits === 0 ? repeat(Math.abs(step), count - 2) : packed(stream, bits, count - 2);
  for (const size of sizes) {
    value += step < 0 ? -size : size;
    yield value;
  }
}

function* repeat(value: number, count: number): Generator<number> {
  for (let left = count; left > 0; left--) yield value;
}
