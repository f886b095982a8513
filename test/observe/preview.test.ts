/** The preview as people and scripts read it. */
import { expect, it } from 'vitest';
import { formatPreview, type PreviewLine, previewJson } from '../../src/observe/preview.ts';

const line = (more: Partial<PreviewLine>): PreviewLine => ({
  ...{ line: 1, bucket: 'b', key: 'k', etag: '"e"', offset: 7, length: 9, outcome: 'sent' as const },
  ...{ stage: null, code: null, reason: null, before: { text: '{"a":1,"b":2}', base64: null }, records: [] },
  ...more,
});
const record = (text: string, partitionKey = 'key', explicitHashKey: string | null = null) => ({
  ...{ text, base64: null, partitionKey, explicitHashKey },
});
const preview = (...lines: PreviewLine[]) => ({ lines, troubles: [], more: true });

it('marks what changed in brackets where there are no colours, below each other where it is narrow', () => {
  const text = formatPreview(preview(line({ records: [record('{"a":1,"c":3}', 'u', '77')] })), {
    ...{ columns: 0, hasColours: false },
  });
  expect(text.split('\n')).toEqual([
    '1 s3://b/k byte 7',
    '  - {"a":1,[-"b"-]:[-2-]}',
    '  + {"a":1,{+"c"+}:{+3+}}',
    '    key u, hash key 77',
    '1 line, 1 record; more lies behind them',
  ]);
});

it('stands side by side where there is room, each row as wide as the terminal at most', () => {
  const wide = `{"text":"${'日本'.repeat(30)}","a":1}`;
  const before = { text: wide, base64: null };
  const lines = [
    line({ before, records: [record(wide.replace('1', '22')), record('{}')] }),
    line({ outcome: 'rejected', code: 'FILTER', reason: 'of another type '.repeat(9) }),
  ];
  const rows = formatPreview(preview(...lines), { columns: 100, hasColours: true }).split('\n');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are taken away.
  const plain = rows.map((row) => row.replace(/\u001b\[\d+m/g, ''));
  const widths = plain.map((row) => [...row].reduce((sum, char) => sum + (/[日本]/.test(char) ? 2 : 1), 0));
  expect(Math.max(...widths)).toBeLessThanOrEqual(100);
  const pairs = plain.filter((row) => row.includes('│'));
  expect(pairs.length).toBeGreaterThan(6);
  expect(rows.join('\n')).toContain('\u001b[31m1\u001b[0m');
  expect(rows.join('\n')).toContain('\u001b[32m22\u001b[0m');
});

it.each<[Partial<PreviewLine>, string]>([
  [{ outcome: 'filtered', stage: 'where', reason: 'not true' }, 'filtered by where: not true'],
  [{ outcome: 'filtered', reason: 'left out' }, 'filtered: left out'],
  [{ outcome: 'rejected', code: 'SCHEMA', reason: 'no id' }, 'dead letter SCHEMA: no id'],
  [{ outcome: 'blank' }, 'blank'],
  [{ outcome: 'unread', reason: 'gone' }, 'gone'],
  [{ records: [record('{"a":1,"b":2}')] }, 'key key, unchanged'],
])('says what became of a line: %j', (more, said) => {
  const text = formatPreview(preview(line(more)), { columns: 80, hasColours: false });
  expect(text.split('\n').at(-2)).toBe(`    ${said}`);
});

it('never lets what others wrote steer a terminal, whatever it is written in', () => {
  const evil = '\u001b]0;x\u0007\u009b2J\r\n\u202e';
  const sent = line({ key: evil, before: { text: evil, base64: null }, records: [record(`${evil}1`, evil)] });
  const refused = line({ outcome: 'rejected', code: 'FILTER', reason: evil, stage: evil });
  const dropped = line({ outcome: 'filtered', reason: evil, stage: evil });
  const troubles = [{ bucket: 'b', key: evil, code: 'OBJECT_UNREADABLE' as const, reason: evil }];
  const all = { lines: [sent, refused, dropped], troubles, more: false };
  const looks = [
    { columns: 0, hasColours: false },
    { columns: 200, hasColours: true },
    { columns: 40, hasColours: true },
  ];
  for (const text of [previewJson(all), ...looks.map((look) => formatPreview(all, look))]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours of ours are no harm.
    const rest = text.replace(/\u001b\[\d+m/g, '');
    expect(rest).not.toMatch(/[^\n\P{Cc}]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
  }
  expect(
    previewJson(all)
      .split('\n')
      .map((text) => JSON.parse(text)),
  ).toEqual([...all.lines, { line: null, ...troubles[0], outcome: 'unreadable' }]);
});

it('shows bytes that are no text in base64, and of a long line its beginning', () => {
  const bytes = { text: null, base64: '/w==' };
  const look = { columns: 0, hasColours: false };
  expect(formatPreview(preview(line({ outcome: 'blank', before: bytes })), look)).toContain('base64 /w==');
  const long = { text: 'x'.repeat(5_000), base64: null };
  expect(formatPreview(preview(line({ outcome: 'blank', before: long })), look)).toContain(
    'x… 1,000 characters more',
  );
});
