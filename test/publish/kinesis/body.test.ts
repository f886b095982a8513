import { describe, expect, it } from 'vitest';
import { decodeCbor } from '../../../src/aws/cbor.ts';
import { bodySuffix, bodyWriter } from '../../../src/publish/kinesis/body.ts';

const entry = (dataBytes: number, keyBytes: number) => ({
  key: Buffer.alloc(keyBytes, 'k'),
  explicitHashKey: null,
  data: Buffer.alloc(dataBytes, 'd'),
});

describe('a body', () => {
  it.each([0, 23, 24, 255, 256, 65_535, 65_536])(
    'holds data of %i bytes, at both sides of each length of a head',
    (dataBytes) => {
      const out = new Uint8Array(dataBytes + 400);
      const writer = bodyWriter('cbor', out);
      writer.open();
      writer.entry(entry(dataBytes, 24));
      const bytes = writer.close(bodySuffix('cbor', 'arn:x'));
      const { Records } = decodeCbor(out.subarray(0, bytes)) as { Records: { Data: Uint8Array }[] };
      expect(Records[0]?.Data.length).toBe(dataBytes);
    },
  );

  it.each(['cbor', 'json'] as const)('names the stream as it was given, in %s', (wire) => {
    const text = (stream: string) => Buffer.from(bodySuffix(wire, stream)).toString('latin1');
    expect(text('arn:aws:kinesis:x')).toMatch(/StreamARN.*arn:aws:kinesis:x/);
    expect(text('orders')).toMatch(/StreamName.*orders/);
    expect(text('orders')).not.toContain('ARN');
  });

  it('takes an ARN of 2,048 bytes and refuses one more', () => {
    expect(bodySuffix('cbor', 'x'.repeat(2048)).length).toBeGreaterThan(2048);
    expect(() => bodySuffix('cbor', 'x'.repeat(2049))).toThrow(RangeError);
    expect(() => bodySuffix('json', 'ü'.repeat(1025))).toThrow(RangeError);
  });
});
