/**
 * Preview: what a run would make of the first lines of its sources. Nothing is sent, and nothing is written.
 * Takes  preview options.
 * Gives  each line as it lies in the source, with the records that it becomes, or why it becomes none.
 * Owns   the way from a line to its outcome. The lines go through the same threads and stages as in a run (pass.ts): what is shown is what
 *        would be sent.
 */
import { untilNamed } from '../aws/await-name.ts';
import type { Preview } from '../observe/preview.ts';
import { framingOf } from '../options/framing.ts';
import type { PreviewOptions } from '../options/preview.ts';
import { findTargets } from '../options/targets.ts';
import { planBudget, tableBytesMax } from './budget.ts';
import { untilEnded } from './ending.ts';
import { keepFirstLines } from './limited-listing.ts';
import { openStages } from './open-stages.ts';
import { bytesOfTables, withTables } from './open-tables.ts';
import { Pass } from './pass.ts';
import { listedSources, readSchema, recordRules } from './prepare.ts';
import { PreviewFindings } from './preview-findings.ts';
import { openSource } from './sources.ts';

export interface PreviewHooks {
  readonly signal: AbortSignal;
  readonly onNotice: (text: string) => void;
}

/** @throws {MillraceError} When the lines cannot be found, or a thread fails. */
export async function preview(options: PreviewOptions, { signal, onNotice }: PreviewHooks): Promise<Preview> {
  const { source: target, notices } = await findTargets(options.aws, '');
  for (const notice of notices) onNotice(notice);
  const schema = await readSchema(options.schema, onNotice);
  const stages = await openStages(options);
  const source = openSource(target, options);
  try {
    const listing = { sources: listedSources(options), allowEmpty: options.allowEmpty, signal };
    await untilEnded(
      untilNamed(() => source.probe(listing), onNotice, signal),
      signal,
    );
    const bytesMax = tableBytesMax({ ...options, publishers: 1, isOrdered: true });
    const shaped = await untilEnded(withTables(stages, { source, bytesMax, onNotice, signal }), signal);
    const tableBytes = bytesOfTables(shaped);
    const budget = planBudget({ ...options, publishers: 1, isOrdered: true, tableBytes });
    const { lineBytesMax } = budget;
    const bounds = { lineBytesMax, bytesMax: options.memoryBytes };
    const findings = new PreviewFindings(bounds, framingOf(options.framing));
    const pass = new Pass({
      ...{ sources: options.sources, options, source, budget, schema, stages: shaped, onNotice },
      rules: recordRules(options, options),
      parserCount: 1,
      digest: null,
      limit: keepFirstLines(options.limitLines, null, {
        onFound: (found) => findings.takeLines(found),
        onContent: (object, bytes) => findings.takeContent(object, bytes),
      }),
      onDeadLetter: (letter) => findings.takeLetter(letter),
      onFrames: (frames, object) => findings.takeFrames(frames, object),
    });
    await pass.run(signal);
    return await findings.told(shaped);
  } finally {
    source.close();
  }
}
