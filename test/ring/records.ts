/** Records for lane tests: a key and data of given sizes whose every byte follows from a number. */
import type { LaneConsumer } from '../../src/ring/consumer.ts';
import type { LaneRecord } from '../../src/ring/producer.ts';

export function laneRecord(index: number, keyBytes: number, dataBytes: number): LaneRecord {
  return {
    key: new Uint8Array(keyBytes).fill(index & 255),
    keyStart: 0,
    keyEnd: keyBytes,
    data: new Uint8Array(dataBytes).fill((index * 7 + 1) & 255),
    dataStart: 0,
    dataEnd: dataBytes,
    appendNewline: false,
    slice: index >>> 0,
    lineOffset: index * 1e6,
    hashHigh: BigInt(index),
    hashLow: BigInt(index) << 32n,
    flags: index & 1,
  };
}

/** What the current frame holds, as plain data. */
export function readFrame(consumer: LaneConsumer) {
  return {
    key: Buffer.from(consumer.bytes.subarray(consumer.keyStart, consumer.dataStart)).toString('latin1'),
    data: Buffer.from(
      consumer.bytes.subarray(consumer.dataStart, consumer.dataStart + consumer.dataBytes),
    ).toString('latin1'),
    slice: consumer.slice,
    lineOffset: consumer.lineOffset,
    hashHigh: consumer.hashHigh,
    hashLow: consumer.hashLow,
    flags: consumer.flags,
  };
}

/** What `readFrame` must give for a record. */
export function wantedFrame(record: LaneRecord) {
  const data = Buffer.from(record.data.subarray(record.dataStart, record.dataEnd)).toString('latin1');
  return {
    key: Buffer.from(record.key.subarray(record.keyStart, record.keyEnd)).toString('latin1'),
    data: record.appendNewline ? `${data}\n` : data,
    slice: record.slice,
    lineOffset: record.lineOffset,
    hashHigh: record.hashHigh,
    hashLow: record.hashLow,
    flags: record.flags,
  };
}
