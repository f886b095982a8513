/** The whole job on one machine, as a newcomer starts it: without credentials, settings or AWS. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { BAD_LINES } from '../../src/embedded/sample-orders.ts';
import { undocumentedFields } from './documented.ts';
import { runCommand } from './fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-demo-test-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('demo --json prints one document, the report and its proof, and leaves nothing behind', async () => {
  const ended = await runCommand(['demo', '--json', '--quiet'], {
    cwd: folder,
    env: {
      ...{ TMPDIR: folder, HOME: folder, AWS_REGION: undefined },
      ...{ AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined },
    },
  });
  expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
  const report = JSON.parse(ended.stdout);
  const { read, rejected } = report.lines;
  expect(report).toMatchObject({
    ...{ status: 'delivered-with-rejects', exitCode: 1, error: null, resumed: false, stream: 'orders' },
    objects: { listed: 8, done: 8, skipped: 0, failed: 0 },
    lines: { rejected: BAD_LINES.length, rejectedByCode: expect.any(Object) },
    records: { delivered: read - rejected - report.lines.blank, deliveredBefore: 0, ambiguous: 0 },
    proof: {
      sourceRecords: report.records.delivered,
      streamRecords: report.records.delivered,
      ...{ missing: 0, foreign: 0 },
    },
  });
  expect(undocumentedFields(report)).toEqual([]);
  expect(read).toBeGreaterThan(170_000);
  // Node itself keeps compiled code there.
  expect(readdirSync(folder).filter((name) => name.startsWith('millrace'))).toEqual([]);
});
