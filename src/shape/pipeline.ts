/**
 * Pipeline: the stages behind the scanner at work on the lines of one slice, in one thread.
 * Takes  valid lines as text; stages in their order.
 * Gives  what becomes of each line: its outputs, nothing, or why it failed; what each stage has done, by its label.
 * Owns   the order of outputs, the time that a line may take, and the rule that a line has all of its outputs or none.
 * Never  blocks: all lines are begun before any is waited for, so that stages may gather them. JavaScript that does not come back is
 *        stopped by the guard, behind an `await` by who watches the thread; a promise that never settles is given up.
 */
import { printable } from '../base/printable.ts';
import type { Heart } from '../ring/heartbeat.ts';
import { OUTPUTS_PER_LINE_MAX } from '../ring/slices.ts';
import {
  FIRST_TRY_SHARE,
  type Guard,
  isStarved,
  nextTryMs,
  TRIES_MAX,
  TRY_MS_MAX,
  threadTimes,
  timesSince,
} from '../scan/guard.ts';
import { Awaiting, Open } from './awaiting.ts';
import { Carried, isPlatformJson, jsonOf } from './carried.ts';
import { FIGURE, FIGURE_CELLS, type StageFigures, takeFigures } from './figures.ts';
import {
  Failed,
  failureOf,
  type LineFailure,
  type LineOutcome,
  type Output,
  reasonOf,
} from './line-outcome.ts';
import type { RunningStage, StagePlace } from './stage.ts';
import { StageFailure } from './stage-failure.ts';

/** Lines on their way. What is said of one is made when it is asked for, so that it need not outlive its line; asked again, it is the same. */
export interface PipelineLines {
  readonly count: number;
  /** JSON, as the fast stages have left it. */
  textAt(line: number): string;
  /** What it stands for: a value of its own each time, so that one that was changed is nobody else's. */
  valueAt(line: number): unknown;
  placeAt(line: number): StagePlace;
}

export interface PipelineOptions {
  readonly guard: Guard;
  /** A promise that has not settled when for so long no line has: its line failed. */
  readonly timeoutMs: number;
  /** Of this thread: who watches it stops JavaScript that does not come back behind an `await`. By default nobody does. */
  readonly heart?: Pick<Heart, 'awaitOthers' | 'beat' | 'isStopped' | 'leaveOthers'>;
}

/** One line of so many is timed: of the first ones more, which may be all that there are. To look at the clock twice costs as much as a short line. */
const TIMED = { FIRST_LINES: 4096, OF_FIRST: 16, OF_OTHERS: 256 } as const;

/** A line while its stages run. */
interface Passage {
  readonly place: StagePlace;
  /** For how many lines its time stands; 0: it is not timed. */
  readonly timedFor: number;
  /** Where its figures are added: a line that is stopped in its first, synchronous part leaves none. */
  figures: Float64Array;
}

export class Pipeline {
  readonly #stages: readonly RunningStage[];
  readonly #guard: Guard;
  readonly #timeoutMs: number;
  readonly #awaiting: Awaiting;
  readonly #figures: Float64Array;
  readonly #lineFigures: Float64Array;
  /** The only stage, where it is a function of a value. */
  readonly #only: RunningStage | null;
  #lines = 0;

  constructor(stages: readonly RunningStage[], { guard, timeoutMs, heart }: PipelineOptions) {
    this.#stages = stages;
    this.#guard = guard;
    this.#timeoutMs = timeoutMs;
    this.#awaiting = new Awaiting(timeoutMs, heart);
    this.#figures = new Float64Array(stages.length * FIGURE_CELLS);
    this.#lineFigures = new Float64Array(stages.length * FIGURE_CELLS);
    this.#only = stages.length === 1 && stages[0]!.runText === undefined ? stages[0]! : null;
  }

  /** Whether it asks for the text of every line, and for no value that is made of many. */
  get asksForTexts(): boolean {
    return this.#stages[0]?.runText !== undefined;
  }

  /** Whether every text that it gives is what the platform's JSON.stringify has made of a value. */
  get writesJson(): boolean {
    return this.#stages.at(-1)?.runText === undefined && isPlatformJson();
  }

  /** What the stages have done since the last call. */
  takeFigures(): StageFigures[] {
    return takeFigures(
      this.#stages.map(({ label }) => label),
      this.#figures,
    );
  }

  /** @returns The outcomes, or a promise of them where a stage is asynchronous. */
  run(lines: PipelineLines): LineOutcome[] | Promise<LineOutcome[]> {
    const { count } = lines;
    const outcomes = new Array<LineOutcome | Open>(count).fill(null);
    let at = 0;
    while (at < count) {
      const isDone = this.#guard.runLines(() => {
        for (; at < count; at++) outcomes[at] = this.#begin(lines, at);
      });
      // The line at which the guard struck, on its own: it may be to blame, or all of those before it. None, where it struck behind the last.
      if (isDone || at === count) break;
      outcomes[at] = this.#beginAlone(lines, at);
      at++;
    }
    const isWaiting = outcomes.some((outcome) => outcome instanceof Open);
    return isWaiting ? this.#settle(outcomes, lines) : (outcomes as LineOutcome[]);
  }

  async close(): Promise<void> {
    for (const stage of this.#stages) await stage.close?.();
  }

  #beginAlone(lines: PipelineLines, line: number): LineOutcome | Open {
    let outcome: LineOutcome | Open = null;
    const isInTime = this.#guard.runLine(() => {
      outcome = this.#begin(lines, line);
    }, lines.textAt(line).length);
    return isInTime ? outcome : this.#condemn(true);
  }

  /** Runs under the guard, which may strike anywhere in it. */
  #begin(lines: PipelineLines, line: number): LineOutcome | Open {
    const one = this.#lines < TIMED.FIRST_LINES ? TIMED.OF_FIRST : TIMED.OF_OTHERS;
    const timedFor = this.#lines % one === 0 ? one : 0;
    if (this.#only !== null && timedFor === 0) return this.#beginOnly(this.#only, lines, line);
    return this.#account(lines.placeAt(line), timedFor, (passage) =>
      this.#pass(this.#carriedAt(lines, line, passage), 0, passage),
    );
  }

  /** In front of the clock: it may be parsed with many others. @throws {Failed} */
  #carriedAt(lines: PipelineLines, line: number, passage: Passage): Carried {
    if (this.asksForTexts) return Carried.ofText(lines.textAt(line));
    try {
      return Carried.ofValue(lines.valueAt(line));
    } catch (error) {
      throw this.#failed(0, error, passage);
    }
  }

  /** The same for one function whose figures are plain: one record in, and one out. */
  #beginOnly(only: RunningStage, lines: PipelineLines, line: number): LineOutcome | Open {
    const place = lines.placeAt(line);
    let result: unknown;
    let error: unknown;
    let text: string | null = null;
    let step: 'run' | 'write' | 'done' = 'run';
    try {
      result = only.run(lines.valueAt(line), place);
      step = 'write';
      if (isPlain(result)) text = jsonOf(result);
      step = 'done';
    } catch (thrown) {
      error = thrown;
    }
    if (text !== null) {
      this.#lines++;
      this.#figures[FIGURE.IN]!++;
      this.#figures[FIGURE.OUT]!++;
      return text;
    }
    return this.#account(place, 0, (passage) => {
      passage.figures[FIGURE.IN]!++;
      if (step === 'done' && isThenable(result)) return this.#passLater(result, 0, passage);
      if (step === 'done') return this.#passOn(result, 0, passage);
      throw this.#failed(0, error, passage);
    });
  }

  /** Adds what a line's work leaves in its figures, once: a line that is stopped in its first, synchronous part leaves none. */
  #account(
    place: StagePlace,
    timedFor: number,
    work: (passage: Passage) => LineOutcome | Promise<LineOutcome>,
  ): LineOutcome | Open {
    const figures = this.#lineFigures;
    // In place of fill(): a call costs more than the few cells.
    for (let i = 0; i < figures.length; i++) figures[i] = 0;
    const passage: Passage = { place, timedFor, figures };
    let outcome: LineOutcome | Promise<LineOutcome>;
    try {
      outcome = work(passage);
    } catch (error) {
      outcome = failureOf(error);
    }
    // From here on there is nothing of the user's: what is added is added once.
    this.#lines++;
    if (!(outcome instanceof Promise)) {
      this.#addFigures(figures);
      return outcome;
    }
    passage.figures = Float64Array.from(figures);
    return new Open(outcome.catch(failureOf), passage.figures);
  }

  #addFigures(figures: Float64Array): void {
    for (let i = 0; i < figures.length; i++) this.#figures[i]! += figures[i]!;
  }

  /** The stages from `at` on. @throws {Failed} */
  #pass(record: Carried, at: number, passage: Passage): LineOutcome | Promise<LineOutcome> {
    let carried = record;
    for (let stage = at; stage < this.#stages.length; stage++) {
      const result = this.#ask(stage, carried, passage);
      if (result instanceof Carried) carried = result;
      else if (isThenable(result)) return this.#passLater(result, stage, passage);
      else return this.#passOn(result, stage, passage);
    }
    return this.#textOf(carried, passage);
  }

  /** What comes of a stage where it is not one record: nothing, many of them, or bytes. @throws {Failed} */
  #passOn(result: unknown, stage: number, passage: Passage): LineOutcome | Promise<LineOutcome> {
    const at = stage * FIGURE_CELLS;
    const { figures } = passage;
    if (result === null || result === undefined) {
      figures[at + FIGURE.DROPPED]!++;
      return null;
    }
    if (result instanceof Uint8Array) {
      if (result.byteLength === 0) throw this.#failed(stage, 'it gave bytes without any', passage);
      figures[at + FIGURE.OUT]!++;
      // A copy: its memory is the stage's, which may use it again.
      return Uint8Array.from(result);
    }
    // What JSON cannot hold has failed in the last stage, and has not come out of it.
    const isLast = stage === this.#stages.length - 1;
    if (!Array.isArray(result)) {
      const text = isLast && !(result instanceof Carried) ? this.#textOf(result, passage) : null;
      figures[at + FIGURE.OUT]!++;
      if (text !== null) return text;
      return this.#pass(result instanceof Carried ? result : Carried.ofValue(result), stage + 1, passage);
    }
    const elements = result.filter((element) => element !== null && element !== undefined);
    if (elements.length === 0) figures[at + FIGURE.DROPPED]!++;
    if (!isLast) figures[at + FIGURE.OUT]! += elements.length;
    const outputs = elements.map((element) => {
      if (element instanceof Uint8Array && element.byteLength > 0) return Uint8Array.from(element);
      if (element instanceof Uint8Array) throw this.#failed(stage, 'it gave bytes without any', passage);
      return this.#pass(Carried.ofValue(element), stage + 1, passage);
    });
    if (isLast) figures[at + FIGURE.OUT]! += elements.length;
    if (outputs.some((output) => output instanceof Promise))
      return Promise.all(outputs).then((settled) => this.#join(settled, stage, passage));
    return this.#join(outputs as LineOutcome[], stage, passage);
  }

  async #passLater(promise: PromiseLike<unknown>, stage: number, passage: Passage): Promise<LineOutcome> {
    const startMs = performance.now();
    let result: unknown;
    try {
      result = await promise;
    } catch (error) {
      throw this.#failed(stage, error, passage);
    }
    const { figures, timedFor } = passage;
    if (timedFor > 0)
      figures[stage * FIGURE_CELLS + FIGURE.TIME]! += (performance.now() - startMs) * timedFor;
    return this.#passOn(result, stage, passage);
  }

  /** Outcomes of the outputs of one line, in order, as one. */
  #join(outcomes: readonly LineOutcome[], stage: number, passage: Passage): LineOutcome {
    const outputs: Output[] = [];
    for (const outcome of outcomes) {
      if (outcome === null) continue;
      if (Array.isArray(outcome)) for (const output of outcome as readonly Output[]) outputs.push(output);
      else outputs.push(outcome as Output);
    }
    if (outputs.length > OUTPUTS_PER_LINE_MAX)
      throw this.#failed(stage, `it made more than ${OUTPUTS_PER_LINE_MAX} records of one line`, passage);
    if (outputs.length === 0) return null;
    return outputs.length === 1 ? outputs[0]! : outputs;
  }

  /** A record where a stage that works on text gives one; all else as it comes. @throws {Failed} */
  #ask(stage: number, record: Carried, passage: Passage): unknown {
    const asked = this.#stages[stage]!;
    const { figures, timedFor, place } = passage;
    const at = stage * FIGURE_CELLS;
    figures[at + FIGURE.IN]!++;
    const startMs = timedFor > 0 ? performance.now() : 0;
    try {
      if (asked.runText === undefined) return asked.run(record.value, place);
      const text = asked.runText(record, place);
      if (isThenable(text)) return Promise.resolve(text as PromiseLike<unknown>).then(carriedOf);
      if (typeof text !== 'string') return text;
      figures[at + FIGURE.OUT]!++;
      return text === record.text ? record : Carried.ofText(text);
    } catch (error) {
      throw this.#failed(stage, error, passage);
    } finally {
      if (timedFor > 0) figures[at + FIGURE.TIME]! += (performance.now() - startMs) * timedFor;
    }
  }

  #textOf(record: unknown, passage: Passage): string {
    try {
      return record instanceof Carried ? record.text : jsonOf(record);
    } catch (error) {
      throw this.#failed(this.#stages.length - 1, error, passage);
    }
  }

  #failed(stage: number, error: unknown, { figures }: Passage): Failed {
    if (error instanceof Failed) return error;
    figures[stage * FIGURE_CELLS + FIGURE.FAILED]!++;
    const code = StageFailure.is(error) ? error.code : 'TRANSFORM';
    return new Failed({
      code,
      message: printable(`Stage ${this.#stages[stage]!.label} failed: ${reasonOf(error)}`),
    });
  }

  /** The line did not come back. Which of its stages is to blame is known where there is only one. @param isNew No figures have it yet. */
  #condemn(isNew: boolean): LineFailure {
    const [first] = this.#stages;
    const label = this.#stages.length === 1 ? `Stage ${first!.label}` : 'A stage';
    if (this.#stages.length === 1 && isNew) this.#figures[FIGURE.IN]!++;
    if (this.#stages.length === 1) this.#figures[FIGURE.FAILED]!++;
    return { code: 'TRANSFORM', message: `${label} failed: it took longer than --transform-timeout` };
  }

  /** Waits for all outcomes. Where none has come for the time that a line may take, those that are missing are given up. */
  async #settle(begun: readonly (LineOutcome | Open)[], lines: PipelineLines): Promise<LineOutcome[]> {
    const open = begun.filter((outcome) => outcome instanceof Open);
    const isStopped = await this.#awaiting.all(open);
    const outcomes: LineOutcome[] = [];
    for (const [line, outcome] of begun.entries()) {
      if (!(outcome instanceof Open)) outcomes.push(outcome);
      else if (outcome.settled !== undefined || !isStopped) outcomes.push(this.#take(outcome));
      // One of them is to blame; what others had begun may be lost with it. Each on its own: then it is known which.
      else outcomes.push(await this.#settleAlone(lines, line));
    }
    return outcomes;
  }

  /**
   * A line again, when something has hung behind an `await`. What hangs now is this line, or a rest of what was begun before: so only
   * one that is stopped twice is condemned, and that has had its time of the processor.
   */
  async #settleAlone(lines: PipelineLines, line: number): Promise<LineOutcome> {
    let tryMs = Math.min(this.#timeoutMs * FIRST_TRY_SHARE, TRY_MS_MAX);
    for (let triesLeft = TRIES_MAX, stops = 0; ; ) {
      const outcome = this.#beginAlone(lines, line);
      if (!(outcome instanceof Open)) return outcome;
      const start = threadTimes();
      const isStopped = await this.#awaiting.all([outcome], tryMs);
      if (!isStopped || outcome.settled !== undefined) return this.#take(outcome);
      const had = timesSince(start, threadTimes());
      if (had.cpuMs >= Math.min(this.#timeoutMs, TRY_MS_MAX) / 2) stops++;
      if (!isStarved(had)) triesLeft--;
      if (stops === STOPS_MAX || triesLeft === 0) return this.#take(outcome);
      tryMs = nextTryMs(tryMs, this.#timeoutMs, had);
    }
  }

  #take({ settled, figures }: Open): LineOutcome {
    this.#addFigures(figures);
    return settled === undefined ? this.#condemn(false) : settled;
  }
}

/** As often a line has to be stopped on its own before it is condemned. */
const STOPS_MAX = 2;

/** Whether it is one record and a value, without a look at its members. Others may be so, too. */
function isPlain(result: unknown): boolean {
  if (typeof result !== 'object' || result === null) return false;
  return (
    Object.getPrototypeOf(result) === Object.prototype &&
    typeof (result as { then?: unknown }).then !== 'function'
  );
}

/** Text that a stage has made in its own time is no value. */
function carriedOf(text: unknown): unknown {
  return typeof text === 'string' ? Carried.ofText(text) : text;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value instanceof Promise) return true;
  const isObject = typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
  return isObject && typeof (value as { then?: unknown }).then === 'function';
}
