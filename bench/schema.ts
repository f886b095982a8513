/**
 * Question: what does `--schema` cost a parser thread?
 * Workloads: github-684 and clicks-77, seed 42, keyed by pointer, into one lane that a reader empties whenever it is full; each with a
 * schema as people write them: types, required properties, a pattern, a format, an enumeration. Every line conforms.
 * Contenders: the scanner of this machine with and without the judge in front of it.
 * Run: `node bench/schema.ts [--keep FOLDER] [--smoke]`.
 */
import { strictEqual } from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { openScanner } from '../src/scan/open.ts';
import { createValidator } from '../src/scan/schema.ts';
import { takeTurns } from './clock.ts';
import { type Figure, report } from './report.ts';
import { linesOf, oneLane, rulesFor, scanAll } from './scanning.ts';
import { WORKLOADS } from './workloads/workloads.ts';

const { values: flags } = parseArgs({
  options: { keep: { type: 'string' }, smoke: { type: 'boolean', default: false } },
});
const WORKLOAD_BYTES = flags.smoke ? 40_000 : 8 << 20;
const text = { type: 'string' };

const SCHEMAS: Readonly<Record<string, object>> = {
  'github-684': {
    type: 'object',
    required: ['id', 'type', 'actor', 'repo', 'created_at'],
    properties: {
      id: { type: 'string', pattern: '^[0-9]+$' },
      type: { enum: ['PushEvent', 'IssueCommentEvent', 'WatchEvent', 'CreateEvent'] },
      actor: {
        type: 'object',
        required: ['id', 'login'],
        properties: { id: { type: 'integer' }, login: { type: 'string', maxLength: 100 }, url: text },
      },
      repo: { type: 'object', required: ['id', 'name'], properties: { id: { type: 'integer' }, name: text } },
      payload: { type: 'object' },
      public: { type: 'boolean' },
      created_at: { type: 'string', format: 'date-time' },
    },
  },
  'clicks-77': {
    type: 'object',
    required: ['u', 't', 'p'],
    properties: {
      u: { type: 'string', pattern: '^[0-9a-f]{8,}$' },
      t: { type: 'integer', minimum: 0 },
      p: { type: 'string', minLength: 1 },
      r: { enum: ['google', 'direct', 'bing', 'mail', 'newsletter', 'duckduckgo', 'partner-7', 'app'] },
      d: { type: 'integer' },
    },
    additionalProperties: false,
  },
};

const figures: Figure[] = [];
for (const [name, schema] of Object.entries(SCHEMAS)) {
  const workload = WORKLOADS.find((known) => known.name === name)!;
  const { bytes, lineCount } = linesOf(workload, WORKLOAD_BYTES);
  const rules = rulesFor(workload.key);
  const lanes = oneLane();
  const validator = createValidator(JSON.stringify(schema), `${name}.json`);
  const plain = openScanner(rules, lanes);
  const judging = openScanner(rules, lanes, { validator });
  const subjects = [
    { name: `${plain.kind} scanner`, run: () => scanAll(plain, lanes, bytes) },
    { name: `${plain.kind} scanner with --schema`, run: () => scanAll(judging, lanes, bytes) },
  ].map((subject) => ({ ...subject, itemsPerCall: bytes.length }));
  for (const { run } of subjects) strictEqual(run(), lineCount); // right, then fast
  for (const [contender, rounds] of await takeTurns(subjects, flags.smoke)) {
    const row = { case: name, contender };
    figures.push(
      { ...row, metric: 'CPU-ms per MB', values: rounds.map(({ cpuNs }) => cpuNs) },
      { ...row, metric: 'MB per CPU-s', values: rounds.map(({ cpuNs }) => 1000 / cpuNs) },
    );
  }
}
report('what does --schema cost?', figures, { keep: flags.keep });
