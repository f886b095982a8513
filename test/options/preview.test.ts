/** The flags of a preview: those of the run that it is a preview of. */
import { expect, it } from 'vitest';
import { parsePreviewOptions } from '../../src/options/preview.ts';

it('shows twenty lines unless it is told otherwise, and asks no stream for its limits', () => {
  expect(parsePreviewOptions(['s3://b/'], {})).toMatchObject({
    ...{ limitLines: 20, sources: ['s3://b/'], recordBytesMax: 1 << 20, keyCharsMax: 256, parsers: 1 },
  });
  const given = { limit: '1000', 'max-record': '5MiB', where: 'record.a == 1', drop: ['/a'] };
  expect(parsePreviewOptions(['s3://b/'], given)).toMatchObject({
    ...{ limitLines: 1000, recordBytesMax: 5 << 20, where: 'record.a == 1', drop: ['/a'] },
  });
});

it('takes the flags of a backfill, so that its command and its configuration serve', () => {
  const flags = { stream: 'orders', 'in-flight': '4', journal: 'x.journal', 'dry-run': true, json: true };
  expect(parsePreviewOptions(['s3://b/'], flags)).toMatchObject({ limitLines: 20 });
});

it('names every problem at once', () => {
  expect(() => parsePreviewOptions([], { limit: '0', wher: 'x' })).toThrow(
    /--wher.*Did you mean --where.*SOURCE.*--limit to be a whole number from 1 to 100000/s,
  );
});
