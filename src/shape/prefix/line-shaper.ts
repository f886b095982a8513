/**
 * Line shaper: the stages of a run at work in one parser thread.
 * Takes  stages as data; valid lines, one by one.
 * Gives  the native scanner its program and the answers that it cannot find itself; the portable one the outcome of all stages.
 * Owns   nothing of a line.
 */
import {
  type Judgement,
  type LineShaper,
  type PiecePlace,
  type Shaped,
  STAGE_TIME,
} from '../../scan/shaper.ts';
import type { Stages } from '../stages.ts';
import { Editor } from './edit.ts';
import { predicateOf } from './predicate.ts';
import { programOf, sampleBelow } from './program.ts';
import { sampleNumber, sampleSeed } from './sample.ts';
import { VERDICTS, Where } from './where.ts';

/** For lines that have no place, and for conditions that do not ask for it. */
const NOWHERE: PiecePlace = { bucket: '', key: '', modifiedMs: null };

/** @throws {OptionsError} If the condition cannot be read. */
export function createLineShaper(stages: Stages): LineShaper {
  return new StagesAtWork(stages);
}

class StagesAtWork implements LineShaper {
  readonly times = new Float64Array(STAGE_TIME.CELLS);
  readonly #stages: Stages;
  readonly #where: Where | null;
  readonly #editor: Editor | null;
  readonly #below: number | null;
  #seeded: { readonly coordinate: Uint8Array; readonly seed: number } | null = null;

  constructor(stages: Stages) {
    this.#stages = stages;
    this.#where = stages.where === null ? null : new Where(stages.where);
    this.#editor = stages.edits.length === 0 ? null : new Editor(stages);
    this.#below = stages.sample === null ? null : sampleBelow(stages.sample);
  }

  program(partitionKey: string | null): Uint8Array {
    const condition = this.#where === null ? null : predicateOf(this.#where.ast);
    return programOf(this.#stages, condition, partitionKey);
  }

  isSampled(coordinate: Uint8Array, offset: number): boolean {
    if (this.#below === null) return true;
    if (this.#seeded?.coordinate !== coordinate) this.#seeded = { coordinate, seed: sampleSeed(coordinate) };
    return sampleNumber(this.#seeded.seed, offset) < this.#below;
  }

  verdictOf(text: string, place: PiecePlace | undefined, offset: number): number {
    const verdict = this.#where!.judge(JSON.parse(text), text, { ...NOWHERE, ...place, offset });
    return VERDICTS.indexOf(verdict);
  }

  judge(text: string, value: unknown, place: PiecePlace | undefined, offset: number): Judgement {
    const verdict = this.#where?.judge(value, text, { ...NOWHERE, ...place, offset }) ?? 'match';
    const { onWhereError } = this.#stages;
    if (verdict === 'error' && onWhereError === 'dead-letter') return 'refused';
    return verdict === 'match' || (verdict === 'error' && onWhereError === 'keep') ? 'kept' : 'filtered';
  }

  edit(text: string): string {
    return this.#editor?.apply(text) ?? text;
  }

  shape(text: string, value: unknown, place: PiecePlace | undefined, offset: number): Shaped {
    const kind = this.judge(text, value, place, offset);
    return kind === 'kept' ? { kind, text: this.edit(text) } : { kind };
  }
}
