/**
 * Preview: what a run would make of the first lines of its sources. Nothing is sent, and nothing is written.
 * Takes  preview options.
 * Gives  each line as it lies in the source, with the records that it becomes, or why it becomes none.
 * Owns   the way from a line to its outcome. The lines go through the same threads and stages as in a run: what is shown is what would be sent.
 */
import { Accounting } from '../accounting/accounting.ts';
import { untilNamed } from '../aws/await-name.ts';
import type { MillraceError } from '../base/errors.ts';
import { DIGEST_KEY_BYTES } from '../digest/digest.ts';
import type { DeadLetter } from '../journal/dead-letters.ts';
import type { FirstLines } from '../journal/first-lines.ts';
import type { Preview } from '../observe/preview.ts';
import type { PreviewOptions } from '../options/preview.ts';
import { findTargets } from '../options/targets.ts';
import { createParseShared, type RejectedLine, releaseWaiting } from '../parse/setup.ts';
import { createHeartbeats, HANG_MS, HeartMonitor } from '../ring/heartbeat.ts';
import { laneBytes } from '../ring/layout.ts';
import { createDoorbells } from '../ring/wait.ts';
import { scannerReason } from '../scan/open.ts';
import type { RecordRules } from '../scan/scanner.ts';
import type { Stages } from '../shape/stages.ts';
import type { SourceObject } from '../source/object.ts';
import type { Source } from '../source/source.ts';
import { planBudget, tableBytesMax } from './budget.ts';
import { untilEnded } from './ending.ts';
import { hangFailure } from './failures.ts';
import { openStages } from './open-stages.ts';
import { bytesOfTables, withTables } from './open-tables.ts';
import { listedSources, readSchema } from './prepare.ts';
import { PreviewFindings } from './preview-findings.ts';
import { Reading } from './reading.ts';
import { openSource } from './sources.ts';

export interface PreviewHooks {
  readonly signal: AbortSignal;
  readonly onNotice: (text: string) => void;
}

const LISTEN_INTERVAL_MS = 250;

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
    const pass = new PreviewPass(options, { source, schema, stages: shaped, onNotice });
    await pass.run(signal);
    return await pass.findings.told(shaped);
  } finally {
    source.close();
  }
}

interface Opened {
  readonly source: Source;
  readonly schema: { readonly text: string; readonly name: string } | null;
  readonly stages: Stages | null;
  readonly onNotice: (text: string) => void;
}

function rulesOf(options: PreviewOptions): RecordRules {
  const { partitionKey, explicitHashKey, onMissingKey, appendNewline, depthMax } = options;
  const { recordBytesMax, keyCharsMax } = options;
  return {
    partitionKey,
    explicitHashKey,
    onMissingKey,
    appendNewline,
    depthMax,
    recordBytesMax,
    keyCharsMax,
  };
}

/** One reading of the first lines, in a thread of its own. */
class PreviewPass {
  readonly findings: PreviewFindings;
  readonly #shared = createParseShared();
  readonly #heartbeats = createHeartbeats(1);
  readonly #accounting: Accounting;
  readonly #reading: Reading;
  readonly #failed = Promise.withResolvers<never>();

  constructor(options: PreviewOptions, { source, schema, stages, onNotice }: Opened) {
    const tableBytes = bytesOfTables(stages);
    const budget = planBudget({ ...options, publishers: 1, isOrdered: true, tableBytes });
    this.findings = new PreviewFindings({ lineBytesMax: budget.lineBytesMax, bytesMax: options.memoryBytes });
    this.#accounting = new Accounting({
      ...{ journal: null, parserCount: 1, isDryRun: true },
      onDeadLetter: (letter: DeadLetter) => this.findings.takeLetter(letter),
      digestOf: () => ({ sumA: 0n, sumB: 0n }),
    });
    let found: FirstLines | null = null;
    this.#reading = new Reading({
      ...{ sources: options.sources, options, source, budget, accounting: this.#accounting },
      ...{ deadLetters: null, journal: null, onNotice },
      limit: {
        lines: options.limitLines,
        known: () => found,
        keep: async (kept) => {
          found = kept;
          this.findings.takeLines(kept);
        },
        onContent: (object, bytes) => this.findings.takeContent(object, bytes),
      },
      setup: {
        rules: rulesOf(options),
        lanes: [[new SharedArrayBuffer(laneBytes(budget.laneCapacityBytes))]],
        starts: new BigUint64Array(2),
        doorbells: createDoorbells(1),
        control: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
        shared: this.#shared.buffer,
        heartbeats: this.#heartbeats,
        slices: this.#accounting.slices.memory,
        ...{ isOrdered: false, isCollecting: true, schema, stages, isPortable: scannerReason() !== null },
        ...{ lineBytesMax: budget.lineBytesMax, windowBytes: budget.windowBytes },
        digestKey: new Uint8Array(DIGEST_KEY_BYTES),
      },
      onRejected: (lines) => this.#takeRejected(lines),
      onFrames: (frames, object) => this.#takeFrames(frames, object),
      onFound: () => this.#accounting.release(this.#accounting.writeEntries()),
      onListed: () => {},
      onFailure: (error: MillraceError) => this.#failed.reject(error),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const monitor = new HeartMonitor(this.#heartbeats);
    const listening = setInterval(() => {
      const hanging = monitor.findHanging(performance.now(), HANG_MS);
      if (hanging !== null) this.#failed.reject(hangFailure(hanging, 1, HANG_MS));
    }, LISTEN_INTERVAL_MS);
    const onAbort = () => this.#failed.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      const reading = this.#reading.download().then(() => this.#reading.idle());
      await Promise.race([reading, this.#failed.promise]);
    } finally {
      clearInterval(listening);
      signal.removeEventListener('abort', onAbort);
      this.#reading.abort(new Error('The preview has ended'));
      await this.#reading.close();
    }
  }

  #takeRejected(lines: readonly RejectedLine[]): void {
    const bytes = lines.reduce((sum, { data }) => sum + data.byteLength, 0);
    releaseWaiting(this.#shared, bytes);
  }

  #takeFrames(frames: Uint8Array, object: SourceObject): void {
    this.findings.takeFrames(frames, object);
    releaseWaiting(this.#shared, frames.byteLength);
  }
}
