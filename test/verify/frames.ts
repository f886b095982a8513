/**
 * Frames: test records as the RECORD frames that scanner and stream reader write.
 * Gives  a run of frames in one buffer, its padding filled with noise, as layout.ts allows.
 */
import { FRAME, FRAME_KIND, frameBytes } from '../../src/record/frame.ts';

export interface TestRecord {
  readonly key: Uint8Array | string;
  readonly data: Uint8Array | string;
}

export function bytesOf(text: Uint8Array | string): Uint8Array {
  return typeof text === 'string' ? Buffer.from(text) : text;
}

/** The records as frames, one behind the other. @param noise Value of every byte that means nothing. */
export function framesOf(records: readonly TestRecord[], noise = 0xa5): Uint8Array {
  const parts = records.map((record) => {
    const key = bytesOf(record.key);
    const data = bytesOf(record.data);
    const frame = new Uint8Array(frameBytes(key.length, data.length)).fill(noise);
    const view = new DataView(frame.buffer);
    view.setUint32(FRAME.FRAME_BYTES, frame.length, true);
    view.setUint8(FRAME.KIND, FRAME_KIND.RECORD);
    view.setUint16(FRAME.KEY_BYTES, key.length, true);
    view.setUint32(FRAME.DATA_BYTES, data.length, true);
    // Some slice, and the first output of its line.
    view.setUint32(FRAME.SLICE, 0xa5a5, true);
    frame.set(key, FRAME.HEADER_BYTES);
    frame.set(data, FRAME.HEADER_BYTES + key.length);
    return frame;
  });
  return new Uint8Array(Buffer.concat(parts));
}
