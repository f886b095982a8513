/** Lookup tables: what a table gives is what a Map gives, wherever its rows lie and however their keys collide. */
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TableBuilder, TableFullError } from '../../../src/shape/table/build.ts';
import { halfSipHash, hashWords } from '../../../src/shape/table/hash.ts';
import { KeyBytes, keyTextOf } from '../../../src/shape/table/key.ts';
import { HEADER, placeOf, upperOf } from '../../../src/shape/table/layout.ts';
import { Table } from '../../../src/shape/table/table.ts';
import { anyText } from '../../any-text.ts';

const BYTES_MAX = 64 << 20;

function tableOf(rows: Iterable<readonly [string, unknown]>, bytesMax = BYTES_MAX): Table {
  const builder = new TableBuilder(bytesMax);
  for (const [key, row] of rows) builder.add(key, JSON.stringify(row));
  return new Table(builder.finish());
}

const text = fc.oneof(
  anyText({ maxLength: 12 }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
  fc.constantFrom('', '0', 'a', '__proto__', 'constructor', '\ud800', '\udc00', '\ud83d\ude00', '\ufffd'),
);

describe('a lookup table', () => {
  it('gives what a Map gives, for keys of any characters, repeated ones and those that are missing', () => {
    const rows = fc.array(fc.tuple(text, fc.jsonValue()), { maxLength: 60 });
    fc.assert(
      fc.property(rows, fc.array(text, { maxLength: 20 }), (given, others) => {
        const table = tableOf(given);
        // As JSON has it: -0 is 0 there.
        const map = new Map(given.map(([key, row]) => [key, JSON.parse(JSON.stringify(row)) as unknown]));
        expect(table.rowCount).toBe(map.size);
        for (const key of [...map.keys(), ...others]) expect(table.find(key)).toEqual(map.get(key));
      }),
      { numRuns: 300 },
    );
  });

  it('finds each of many rows, whose keys share slots', () => {
    const count = 50_000;
    const table = tableOf(Array.from({ length: count }, (_, i) => [`user-${i}`, { i }] as const));
    let wrong = 0;
    for (let i = 0; i < count; i++)
      if ((table.find(`user-${i}`) as { i?: number } | undefined)?.i !== i) wrong++;
    expect(wrong).toBe(0);
    let found = 0;
    for (let i = count; i < 2 * count; i++) if (table.find(`user-${i}`) !== undefined) found++;
    expect(found).toBe(0);
  });

  it('tells keys by their bytes where slots and tags are the same', () => {
    const hashKey = [1, 2] as const;
    const bytes = new KeyBytes();
    const placeIn = (key: string) => {
      bytes.encode(key);
      halfSipHash(...hashKey, bytes.bytes, 0, bytes.length);
      // The first slot of eight, and all that a slot holds of a hash.
      return `${hashWords[0]! & 7} ${hashWords[1]! >>> 16}`;
    };
    const keys = Array.from({ length: 200_000 }, (_, i) => `k${i}`);
    const groups = [...Map.groupBy(keys, placeIn).values()].filter(({ length }) => length >= 6);
    expect(groups.length).toBeGreaterThan(0);
    for (const [missing, ...group] of groups) {
      const builder = new TableBuilder(BYTES_MAX, { hashKey });
      for (const key of group.slice(0, 5)) builder.add(key, JSON.stringify(key));
      const table = new Table(builder.finish());
      for (const key of group.slice(0, 5)) expect(table.find(key)).toBe(key);
      expect([table.find(missing), table.rowCount, builder.repeatedCount]).toEqual([undefined, 5, 0]);
    }
  });

  it('has no row where there is none at all', () => {
    const table = tableOf([]);
    expect([table.rowCount, table.find(''), table.find('a')]).toEqual([0, undefined, undefined]);
  });

  it('takes the last of the rows with one key, and counts the others', () => {
    const builder = new TableBuilder(BYTES_MAX);
    for (const [key, json] of [
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
    ] as const)
      builder.add(key, json);
    const table = new Table(builder.finish());
    expect([table.find('a'), table.find('b'), table.rowCount, builder.repeatedCount]).toEqual([3, 2, 2, 1]);
  });

  it('is asked by texts, numbers and booleans, which are one key where they read the same', () => {
    const table = tableOf([
      ['42', 'number'],
      ['1.5', 'fraction'],
      ['true', 'yes'],
      ['-0', 'text'],
      ['0', 'zero'],
    ]);
    const asked = [42, '42', 42.0, 1.5, '1.50', true, 'true', false, 0, -0, '-0'];
    expect(asked.map((value) => table.find(value))).toEqual([
      ...['number', 'number', 'number', 'fraction', undefined],
      ...['yes', 'yes', undefined, 'zero', 'zero', 'text'],
    ]);
  });

  it('finds nothing for what is no key: null, objects, arrays, integers that a double rounds', () => {
    const table = tableOf([
      ['9007199254740992', 'wrong'],
      ['null', 'wrong'],
      ['[object Object]', 'wrong'],
      ['a', 'wrong'],
    ]);
    // biome-ignore lint/correctness/noPrecisionLoss: that is what is tested.
    const asked = [9007199254740993, null, undefined, {}, ['a'], Number.NaN];
    expect(asked.map((value) => table.find(value))).toEqual(asked.map(() => undefined));
    expect(table.find('9007199254740992')).toBe('wrong');
  });

  it('gives each who asks a value of his own', () => {
    const table = tableOf([['a', { plan: { name: 'gold' } }]]);
    const first = table.find('a') as { plan: { name: string } };
    first.plan.name = 'changed';
    expect(table.find('a')).toEqual({ plan: { name: 'gold' } });
  });

  it('is refused as soon as it is larger than it may be', () => {
    const builder = new TableBuilder(200_000);
    const add = () => {
      for (let i = 0; i < 10_000; i++) builder.add(`key ${i}`, '"some row or other"');
    };
    expect(add).toThrow(TableFullError);
    expect(builder.rowCount).toBeGreaterThan(1000);
  });

  it('is refused where the rows fit, and the slots do not', () => {
    const bytes = HEADER.BYTES + 8 + 1 + 1;
    const builder = new TableBuilder(bytes);
    builder.add('a', '1');
    expect(() => builder.finish()).toThrow(TableFullError);
    expect(() => new TableBuilder(1)).toThrow(TableFullError);
  });

  it('takes what address space there is, where it may take more', () => {
    const builder = new TableBuilder(2 ** 53);
    builder.add('a', '1');
    expect(new Table(builder.finish()).find('a')).toBe(1);
  });

  it('finds rows that lie beyond 4 GiB', () => {
    const builder = new TableBuilder(6 * 2 ** 30, { from: 5 * 2 ** 30 });
    builder.add('far', '"away"');
    builder.add('farther', '"still"');
    const memory = builder.finish();
    const table = new Table(memory);
    expect([table.find('far'), table.find('farther'), table.find('near')]).toEqual([
      'away',
      'still',
      undefined,
    ]);
    expect(memory.byteLength).toBeGreaterThan(5 * 2 ** 30);
  });

  it('is one for all threads: each reads the very bytes that the main thread has', async () => {
    const builder = new TableBuilder(BYTES_MAX);
    builder.add('a', '{"from":"main"}');
    const memory = builder.finish();
    const module = new URL('../../../src/shape/table/table.ts', import.meta.url).href;
    const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      import(${JSON.stringify(module)}).then(({ Table }) => {
        const table = new Table(workerData);
        const answer = () => parentPort.postMessage(table.find('a'));
        parentPort.on('message', answer);
        answer();
      });`;
    const worker = new Worker(code, { eval: true, workerData: memory });
    const answer = () =>
      new Promise<unknown>((resolve, reject) => {
        worker.once('message', resolve).once('error', reject);
      });
    try {
      expect(await answer()).toEqual({ from: 'main' });
      Buffer.from(memory).write('MAIN', Buffer.from(memory).indexOf('main'));
      const second = answer();
      worker.postMessage('again');
      expect(await second).toEqual({ from: 'MAIN' });
    } finally {
      await worker.terminate();
    }
  });
});

describe('the bytes of a key', () => {
  it('are UTF-8, and those of two texts differ where the texts do', () => {
    const key = new KeyBytes();
    const bytesOf = (of: string) => {
      key.encode(of);
      return Buffer.from(key.bytes.subarray(0, key.length));
    };
    fc.assert(
      fc.property(text, text, (one, other) => {
        if (one.isWellFormed()) expect(bytesOf(one)).toEqual(Buffer.from(one));
        expect(bytesOf(one).equals(bytesOf(other))).toBe(one === other);
      }),
    );
    expect(bytesOf('\u20ac'.repeat(1000))).toEqual(Buffer.from('\u20ac'.repeat(1000)));
  });

  it('are made of what reads the same in CSV and in JSON', () => {
    expect([1e21, 0.1, 12n, 'x', true].map(keyTextOf)).toEqual([null, '0.1', '12', 'x', 'true']);
  });
});

describe('the hash of a key', () => {
  it('is HalfSipHash-2-4 with 64 bits, as the reference implementation has it', () => {
    const key = Buffer.from([0, 1, 2, 3, 4, 5, 6, 7]);
    const input = Uint8Array.from({ length: 64 }, (_, i) => i);
    // The first vectors_hsip64 of its vectors.h.
    const vectors = [
      ...['218d1f59b9b83cc8', 'be552412f8387315', '064f39ef7c50eb57', 'ce0f1a45f7060679', 'd5e78a175be52ea1'],
      ...['cb9d7c3f2f3db580', 'ce3e91358aa2bc25', 'ff202728b07bc684', 'edfee820bce4858c', '5b51cccc13888307'],
    ];
    const hashes = vectors.map((_, length) => {
      halfSipHash(key.readUInt32LE(0), key.readUInt32LE(4), input, 0, length);
      return Buffer.from(hashWords.buffer).toString('hex');
    });
    expect(hashes).toEqual(vectors);
  });
});

describe('a slot', () => {
  it('says where a row lies with 48 bits', () => {
    for (const place of [64, 2 ** 32 - 1, 2 ** 32, 5 * 2 ** 32 + 7, 2 ** 48 - 1])
      expect(placeOf(place % 2 ** 32, upperOf(place, 0xabcd1234))).toBe(place);
  });
});
