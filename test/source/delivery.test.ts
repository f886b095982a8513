/** Delivery: parse batches, their limits, and the order of what leaves. */
import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../src/base/errors.ts';
import { BlockPool } from '../../src/source/block-pool.ts';
import { Delivery, type DeliveryOptions, type Piece, releaseParseBatch } from '../../src/source/delivery.ts';
import type { Format, Segment } from '../../src/source/object.ts';
import { systemClock } from '../../src/source/retry.ts';

const object = { bucket: 'b', key: 'k', etag: '"1"', size: 100, lastModifiedMs: 0, storageClass: 'STANDARD' };
const slot = new BlockPool({ slotCount: 1, blocksPerSlot: 2, blockBytes: 64 }).slots[0]!;

function segmentOf(index: number, format: Format = 'plain'): Segment {
  return { object, objectIndex: 0, index, start: 0, end: 100, format, only: null };
}

function fourSegments(): [Segment, Segment, Segment, Segment] {
  return [segmentOf(0), segmentOf(1), segmentOf(2), segmentOf(3)];
}

function delivery(more: Partial<DeliveryOptions> = {}, busy: { readonly isBusy?: boolean } = {}) {
  const told: string[] = [];
  let fire: (() => void) | null = null;
  const made = new Delivery({
    sink: {
      get isBusy() {
        return busy.isBusy ?? false;
      },
      begin: ({ index }) => told.push(`begin ${index}`),
      parseBatch: (parseBatch) =>
        told.push(`parse batch ${parseBatch.pieces.map((piece) => piece.segment.index)} ${parseBatch.bytes}`),
      oversize: ({ index }) => told.push(`oversize ${index}`),
      end: ({ index }, error) => told.push(`end ${index}${error === null ? '' : ' failed'}`),
      objectFailed: () => {},
      objectSkipped: () => {},
    },
    clock: {
      ...systemClock,
      later: (_, callback) => {
        fire = callback;
        return () => {
          fire = null;
        };
      },
    },
    parseBatchBytes: 100,
    isOrdered: false,
    ...more,
  });
  const piece = (segment: Segment, bytes: number, place: Partial<Piece> = {}): Piece => {
    const block = slot.take()!; // what lies in it is not looked at
    slot.release(block);
    return { segment, block, start: 0, end: bytes, objectOffset: 0, isLast: false, ...place };
  };
  const whole = (segment: Segment, bytes: number, place: Partial<Piece> = {}) => {
    made.begin(segment);
    made.piece(piece(segment, bytes, place));
    made.end(segment, null);
  };
  return { made, told, piece, whole, linger: () => fire?.(), isLingering: () => fire !== null };
}

describe('Delivery', () => {
  it('collects small pieces, and tells the ends after their parse batch', () => {
    const { made, told, whole } = delivery();
    whole(segmentOf(0), 10);
    whole(segmentOf(1), 20);
    expect(told).toEqual(['begin 0', 'begin 1']);
    made.flush();
    expect(told.slice(2)).toEqual(['parse batch 0,1 30', 'end 0', 'end 1']);
    made.flush();
    expect(told.length).toBe(5);
  });

  it.each([
    { name: 'goes at once at exactly parseBatchBytes', sizes: [60, 40], sent: 1 },
    { name: 'stays one byte below', sizes: [60, 39], sent: 0 },
  ])('a parse batch $name', ({ sizes, sent }) => {
    const { told, whole } = delivery();
    for (const [index, bytes] of sizes.entries()) whole(segmentOf(index), bytes);
    expect(told.filter((event) => event.startsWith('parse batch')).length).toBe(sent);
  });

  it('gathers sixteen times as much while the sink is busy, and no longer than that', () => {
    const sink = { isBusy: true };
    const { made, told, whole } = delivery({}, sink);
    for (let index = 0; index < 15; index++) whole(segmentOf(index), 100);
    expect(told.filter((text) => text.startsWith('parse batch'))).toEqual([]);
    whole(segmentOf(15), 100);
    expect(told.filter((text) => text.startsWith('parse batch'))).toEqual([
      'parse batch 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15 1600',
    ]);
    whole(segmentOf(16), 50);
    sink.isBusy = false;
    whole(segmentOf(17), 50);
    expect(told).toContain('parse batch 16,17 100');
    made.flush();
  });

  it('keeps what gathers for a busy sink although a block is waited for, and sends it when the sink is free', () => {
    const sink = { isBusy: true };
    const { made, told, whole, isLingering } = delivery({}, sink);
    whole(segmentOf(0), 100);
    made.hasten();
    whole(segmentOf(1), 100);
    expect(told.filter((text) => text.startsWith('parse batch'))).toEqual([]);
    sink.isBusy = false;
    made.hasten();
    expect(told.filter((text) => text.startsWith('parse batch'))).toEqual(['parse batch 0,1 200']);
    whole(segmentOf(2), 50);
    made.hasten();
    expect([told.at(-1), isLingering()]).toEqual(['end 2', false]);
  });

  it('sends what has gathered for a sink that never says that it is free, when it has lingered for ten times as long', () => {
    const waits: number[] = [];
    const sink = { isBusy: true };
    let fire = () => {};
    const later = (durationMs: number, callback: () => void) => {
      waits.push(durationMs);
      fire = callback;
      return () => {};
    };
    const { told, whole } = delivery({ lingerMs: 3, clock: { ...systemClock, later } }, sink);
    whole(segmentOf(0), 100);
    fire();
    expect([waits, told]).toEqual([[30], ['begin 0', 'parse batch 0 100', 'end 0']]);
  });

  it('sends a parse batch of parseBatchPiecesMax pieces at once', () => {
    const { told, whole } = delivery({ parseBatchPiecesMax: 3 });
    for (let index = 0; index < 5; index++) whole(segmentOf(index), 1);
    expect(told.filter((event) => event.startsWith('parse batch'))).toEqual(['parse batch 0,1,2 3']);
  });

  it('sends a small parse batch when it has lingered, and then rests', () => {
    const { told, whole, linger, isLingering } = delivery();
    expect(isLingering()).toBe(false);
    whole(segmentOf(0), 10);
    expect(isLingering()).toBe(true);
    linger();
    expect([told.at(-1), isLingering()]).toEqual(['end 0', false]);
  });

  it('tells an end without bytes at once', () => {
    const { made, told } = delivery();
    made.begin(segmentOf(0));
    made.end(segmentOf(0), null);
    expect(told).toEqual(['begin 0', 'end 0']);
  });

  it('mixes formats in no parse batch, and parts of compressed objects with nothing', () => {
    const { made, told, whole, piece } = delivery();
    whole(segmentOf(0), 1);
    whole(segmentOf(1, 'gzip'), 1, { isLast: true });
    whole(segmentOf(2, 'gzip'), 1, { isLast: true });
    whole(segmentOf(3, 'zstd'), 1, { isLast: true });
    const large = segmentOf(4, 'zstd');
    made.begin(large);
    made.piece(piece(large, 1, { isLast: false }));
    made.piece(piece(large, 1, { objectOffset: 1, isLast: true }));
    made.end(large, null);
    made.flush();
    expect(told.filter((event) => event.startsWith('parse batch'))).toEqual([
      'parse batch 0 1',
      'parse batch 1,2 2',
      'parse batch 3 1',
      'parse batch 4 1',
      'parse batch 4 1',
    ]);
  });

  it('lets segments out in the order of issue when asked to', () => {
    const { made, told, whole, piece } = delivery({ isOrdered: true });
    const [a, b, c, d] = fourSegments();
    for (const segment of [a, b, c, d]) made.issue(segment);
    whole(c, 200);
    made.begin(b);
    made.piece(piece(b, 200));
    expect(told).toEqual([]);
    whole(a, 200);
    expect(told).toEqual(['begin 0', 'parse batch 0 200', 'end 0', 'begin 1', 'parse batch 1 200']);
    made.drop(d);
    made.oversize(b, { objectOffset: 0, length: 1, head: new Uint8Array() });
    made.end(b, new MillraceError('MILLRACE_OBJECT_CHANGED', 'x'));
    expect(told.slice(5)).toEqual(['oversize 1', 'end 1 failed', 'begin 2', 'parse batch 2 200', 'end 2']);
  });

  it('lets segments out as they come once the order has ended, those that waited first', () => {
    const { made, told, whole } = delivery({ isOrdered: true });
    const [a, b, c, d] = fourSegments();
    for (const segment of [a, b, c, d]) made.issue(segment);
    whole(c, 200);
    whole(b, 200);
    expect(told).toEqual([]);
    made.endOrder();
    const waited = ['begin 1', 'parse batch 1 200', 'end 1', 'begin 2', 'parse batch 2 200', 'end 2'];
    expect(told).toEqual(waited);
    made.drop(d);
    whole(a, 200);
    expect(told.slice(waited.length)).toEqual(['begin 0', 'parse batch 0 200', 'end 0']);
  });
});

it('releaseParcel gives the blocks back, each as often as it is in use', () => {
  const [own] = new BlockPool({ slotCount: 1, blocksPerSlot: 2, blockBytes: 64 }).slots;
  const block = own!.take()!;
  block.references += 2;
  const place = { segment: segmentOf(0), block, start: 0, end: 1, objectOffset: 0, isLast: false };
  releaseParseBatch({ format: 'plain', pieces: [place, place], bytes: 2 });
  expect(block.references).toBe(1);
  own!.release(block);
  expect(() => own!.release(block)).toThrow();
});
