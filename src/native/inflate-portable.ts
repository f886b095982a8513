/**
 * Inflate, portable: the decoder of inflate.ts where the addon cannot serve. Loaded only there.
 * Owns  the state of pako, which is zlib in JavaScript: the same steps bring the same content, at a fraction of the speed.
 */
import {
  Z_BUF_ERROR,
  Z_NO_FLUSH,
  Z_OK,
  Z_STREAM_END,
  ZStream,
  zlibInflate,
  zlibInflateInit2,
  zlibInflateReset,
} from 'pako';
import type { Inflater } from './inflate.ts';

/** The largest window, and a gzip header. */
const GZIP_WINDOW_BITS = 15 + 16;
const UNUSED_BITS_MASK = 63;

export function openPortable(): Inflater {
  const stream = new ZStream();
  zlibInflateInit2(stream, GZIP_WINDOW_BITS);
  return {
    step(input, output) {
      stream.input = input;
      stream.next_in = 0;
      stream.avail_in = input.length;
      stream.output = output as Uint8Array<ArrayBuffer>;
      stream.next_out = 0;
      stream.avail_out = output.length;
      const result = zlibInflate(stream, Z_NO_FLUSH);
      const isSound = result === Z_OK || result === Z_BUF_ERROR;
      const status = result === Z_STREAM_END ? 'member-end' : isSound ? 'more' : 'damaged';
      return {
        consumed: input.length - stream.avail_in,
        produced: output.length - stream.avail_out,
        status,
        unusedBits: stream.data_type & UNUSED_BITS_MASK,
        why: status === 'damaged' ? stream.msg || 'it cannot be decoded' : '',
      };
    },
    reset() {
      zlibInflateReset(stream);
    },
  };
}
