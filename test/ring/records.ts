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
    unit: index >>> 0,
    lineOffset: index * 1e6,
    hashHigh: BigInt(index),
    hashLow: BigInt(index) << 32n,
    flags: index & 1,
  };
}

/** What the current frame holds, as plain data. */
export function readFrame(consumer: LaneConsumer) {
  return {
    key: [...consumer.bytes.subarray(consumer.keyStart, consumer.keyStart + consumer.keyBytes)],
    data: [...consumer.bytes.subarray(consumer.dataStart, consumer.dataStart + consumer.dataBytes)],
    unit: consumer.unit,
    lineOffset: consumer.lineOffset,
    hashHigh: consumer.hashHigh,
    hashLow: consumer.hashLow,
    flags: consumer.flags,
  };
}

/** What `readFrame` must give for a record. */
export function wantedFrame(record: LaneRecord) {
  return {
    key: [...record.key.subarray(record.keyStart, record.keyEnd)],
    data: [...record.data.subarray(record.dataStart, record.dataEnd), ...(record.appendNewline ? [10] : [])],
    unit: record.unit,
    lineOffset: record.lineOffset,
    hashHigh: record.hashHigh,
    hashLow: record.hashLow,
    flags: record.flags,
  };
}
