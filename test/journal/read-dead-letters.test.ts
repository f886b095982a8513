import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  DEAD_LETTER_BYTES_MAX,
  type RedriveLine,
  readDeadLetters,
} from '../../src/journal/read-dead-letters.ts';

const DEAD_LETTER = {
  bucket: 'b',
  key: 'k',
  etag: '"e"',
  offset: 17,
  length: 3,
  code: 'INVALID_JSON',
  message: 'm',
};

async function read(...chunks: (string | Uint8Array)[]): Promise<RedriveLine[]> {
  async function* feed() {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  const lines: RedriveLine[] = [];
  for await (const one of readDeadLetters(feed())) lines.push(one);
  return lines;
}

const line = (fields: object) => JSON.stringify({ ...DEAD_LETTER, ...fields });
const base64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64');

it('gives repaired letters with their coordinates, by data or by text', async () => {
  const lines = await read(`${line({ data: base64('{"a":1}') })}\n\n${line({ text: '{"ü":2}', offset: 0 })}`);
  const place = { bucket: 'b', key: 'k', etag: '"e"', code: 'INVALID_JSON' };
  expect(lines).toEqual([
    {
      deadLetter: {
        ...{ ...place, offset: 17, length: 3, data: Buffer.from('{"a":1}') },
        ...{ isEdited: true, lineNumber: 1 },
      },
      problem: null,
    },
    {
      deadLetter: {
        ...{ ...place, offset: 0, length: 3, data: Buffer.from('{"ü":2}') },
        ...{ isEdited: true, lineNumber: 3 },
      },
      problem: null,
    },
  ]);
});

it('gives the same letters however the file is cut into chunks', async () => {
  const file = Buffer.from(
    [line({ data: base64('one') }), line({ text: 'zwölf' }), 'nonsense', line({ data: '' })].join('\n'),
  );
  const whole = await read(file);
  expect(whole.map(({ problem }) => problem === null)).toEqual([true, true, false, true]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(file.length), { maxLength: 8 }), async (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), file.length];
      expect(await read(...at.slice(1).map((end, i) => file.subarray(at[i], end)))).toEqual(whole);
    }),
  );
});

it.each([
  { name: 'text that is not JSON', text: '{"bucket":', says: 'Line 1 is no dead letter: it is not JSON' },
  { name: 'an array', text: '[]', says: 'not a JSON object' },
  { name: 'null', text: 'null', says: 'not a JSON object' },
  { name: 'no coordinates', text: '{"data":"", "code": 5}', says: 'bucket, key, etag, code must be strings' },
  {
    name: 'an offset that is none',
    text: line({ data: '', offset: '17' }),
    says: 'offset must be a number of bytes',
  },
  {
    name: 'a negative offset',
    text: line({ data: '', offset: -1 }),
    says: 'offset must be a number of bytes',
  },
  { name: 'data that is not base64', text: line({ data: '{"a":1}' }), says: 'data must be base64' },
  { name: 'base64 cut short', text: line({ data: 'YWJ' }), says: 'data must be base64' },
  { name: 'data that is no string', text: line({ data: { a: 1 } }), says: 'data must be base64' },
  { name: 'text that is no string', text: line({ text: { a: 1 } }), says: 'text must be a string' },
  { name: 'both', text: line({ data: '', text: '' }), says: 'both data and text' },
  { name: 'two lines in one', text: line({ text: '1\n2' }), says: 'more than one record' },
])('says what is wrong: $name', async ({ text, says }) => {
  const [result] = await read(text);
  expect(result!.problem).toMatchObject({
    lineNumber: 1,
    kind: 'malformed',
    message: expect.stringContaining(says),
  });
});

it.each([
  { text: 'x\n', data: 'x' },
  { text: 'x', data: 'x' },
  { text: '\n', data: '' },
])('takes one line end at the end as the editor’s: $text', async ({ text, data }) => {
  expect((await read(line({ text })))[0]!.deadLetter!.data.toString()).toBe(data);
});

it('tells letters about whole objects apart, and lets no name steer the terminal', async () => {
  const [result] = await read(
    JSON.stringify({ bucket: 'b', key: '\u001b[2J', etag: 'e', code: 'OBJECT_CHANGED', message: 'm' }),
  );
  expect(result!.problem).toEqual({
    lineNumber: 1,
    kind: 'object',
    message:
      'Line 1 has no data: OBJECT_CHANGED of object s3://b/\\u{1b}[2J as a whole, or a letter without payload',
    object: { bucket: 'b', key: '\u001b[2J', etag: 'e', code: 'OBJECT_CHANGED', reason: 'm' },
  });
});

it('does not keep a line that is too long, and goes on behind it', async () => {
  const chunk = Buffer.alloc(1 << 20, 'x');
  const lines = await read(
    ...Array.from({ length: DEAD_LETTER_BYTES_MAX / chunk.length }, () => chunk),
    'y\n',
    line({ text: '1' }),
  );
  expect(lines.map(({ problem }) => problem?.message ?? 'sent')).toEqual([
    `Line 1 is no dead letter: it is longer than ${DEAD_LETTER_BYTES_MAX} bytes`,
    'sent',
  ]);
});

it('takes a line of exactly the longest length', async () => {
  const empty = line({ text: '' });
  const fill = 'x'.repeat(DEAD_LETTER_BYTES_MAX - empty.length);
  expect((await read(line({ text: fill })))[0]!.deadLetter!.data.length).toBe(fill.length);
  expect((await read(line({ text: `${fill}x` })))[0]!.problem!.message).toContain('longer than');
});
