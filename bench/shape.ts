/**
 * Question: what do `--where` and the edits cost a parser thread, beside plain scanning?
 * Workloads: github-684 and clicks-77, seed 42, keyed by pointer, into one lane that a reader empties whenever it is full; and clicks of which
 * every other one, at random, has a field more.
 * Contenders: the scanner of this machine, without stages and with each; conditions that about all lines meet, so that what is saved by
 * leaving lines out does not count. Shares are of the plain scanner's speed, of the same round.
 * Run: `node bench/shape.ts [--keep FOLDER] [--smoke]`.
 */
import { strictEqual } from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { openScanner } from '../src/scan/open.ts';
import { createLineShaper } from '../src/shape/prefix/line-shaper.ts';
import type { Stages } from '../src/shape/stages.ts';
import { takeTurns } from './clock.ts';
import { besideTheFirst, type Figure, report } from './report.ts';
import { linesOf, oneLane, rulesFor, scanAll } from './scanning.ts';
import { WORKLOADS } from './workloads/workloads.ts';

const { values: flags } = parseArgs({
  options: { keep: { type: 'string' }, smoke: { type: 'boolean', default: false } },
});
const WORKLOAD_BYTES = flags.smoke ? 40_000 : 8 << 20;
const NOTHING: Stages = {
  ...{ where: null, onWhereError: 'dead-letter', edits: [] },
  ...{ hashKey: null, sample: null, later: [] },
};
const hashKey = Buffer.from('a key for measurements, no secret');

const CASES: Readonly<Record<string, Readonly<Record<string, Partial<Stages>>>>> = {
  'github-684': {
    '--where, one comparison of texts': { where: 'record.type != "NoEvent"' },
    '--where, four conditions': {
      where:
        'record.type in ["PushEvent", "WatchEvent", "CreateEvent", "IssueCommentEvent"] && record.actor.id > 0 && record.repo.name.contains("/") && record.public == true',
    },
    '--where, a condition that no token decides': { where: 'string(record.type) != "NoEvent"' },
    '--drop of one member': { edits: [{ kind: 'drop', pointer: '/actor/url' }] },
    '--set of one member': { edits: [{ kind: 'set', pointer: '/type', json: '"event"' }] },
    '--hash of one member': { edits: [{ kind: 'hash', pointer: '/actor/login' }], hashKey },
    '--sample 99%': { sample: 0.99 },
  },
  'clicks-77': {
    '--where, one comparison of texts': { where: 'record.r != "nothing"' },
    '--where, four conditions': {
      where: 'record.t > 0 && record.p.startsWith("/") && record.r != "nothing" && record.d >= 0',
    },
    '--where, a condition that no token decides': { where: 'string(record.r) != "nothing"' },
    '--drop of one member': { edits: [{ kind: 'drop', pointer: '/p' }] },
    '--set of one member': { edits: [{ kind: 'set', pointer: '/r', json: '"any"' }] },
    '--hash of one member': { edits: [{ kind: 'hash', pointer: '/p' }], hashKey },
    '--sample 99%': { sample: 0.99 },
  },
};

const TWO_KINDS = 'clicks-77, two kinds of lines';

/** A field more in lines whose last digit is odd. */
function inTwoKinds(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1').replaceAll(/(?=,"r":.*[13579]\}$)/gm, ',"tags":["new"]');
  const shared = Buffer.from(new SharedArrayBuffer(text.length));
  shared.write(text, 'latin1');
  return shared;
}

const figures: Figure[] = [];
for (const [name, cases] of [...Object.entries(CASES), [TWO_KINDS, CASES['clicks-77']!] as const]) {
  const workload = WORKLOADS.find((known) => name.startsWith(known.name))!;
  const { bytes: lines, lineCount } = linesOf(workload, WORKLOAD_BYTES);
  const bytes = name === TWO_KINDS ? inTwoKinds(lines) : lines;
  const rules = rulesFor(workload.key);
  const lanes = oneLane();
  const plain = openScanner(rules, lanes);
  const subjects = [
    { name: `${plain.kind} scanner`, run: () => scanAll(plain, lanes, bytes) },
    ...Object.entries(cases).map(([title, stages]) => {
      const shaped = openScanner(rules, lanes, { shaper: createLineShaper({ ...NOTHING, ...stages }) });
      return { name: title, run: () => scanAll(shaped, lanes, bytes) };
    }),
  ].map((subject) => ({ ...subject, itemsPerCall: bytes.length }));
  for (const { name: title, run } of subjects) {
    if (!title.startsWith('--sample')) strictEqual(run(), lineCount, title); // right, then fast
  }
  figures.push(...besideTheFirst(name, await takeTurns(subjects, flags.smoke)));
}
report('what do the stages cost?', figures, { keep: flags.keep });
