/**
 * Carried: a record between two stages.
 * Takes  its text, or its value. Gives  the other one as well, made when it is first asked for.
 * Owns   which values are no records.
 */
import type { StageRecord } from './stage.ts';
import { StageFailure } from './stage-failure.ts';

export class Carried implements StageRecord {
  #text: string | null;
  #value: unknown;
  #hasValue: boolean;

  private constructor(text: string | null, value: unknown, hasValue: boolean) {
    this.#text = text;
    this.#value = value;
    this.#hasValue = hasValue;
  }

  /** @param text Valid JSON. */
  static ofText(text: string): Carried {
    return new Carried(text, undefined, false);
  }

  static ofValue(value: unknown): Carried {
    return new Carried(null, value, true);
  }

  /** @throws {StageFailure} For a value that JSON cannot hold. */
  get text(): string {
    this.#text ??= jsonOf(this.#value);
    return this.#text;
  }

  get value(): unknown {
    if (!this.#hasValue) {
      this.#value = JSON.parse(this.#text!);
      this.#hasValue = true;
    }
    return this.#value;
  }
}

/** The platform's own, as it was before any module of the user's was loaded. */
const { stringify } = JSON;

/** Whether texts of `jsonOf` are what the platform writes: a module may have put something else in its place. */
export function isPlatformJson(): boolean {
  return JSON.stringify === stringify;
}

/** @throws {StageFailure} For a value that JSON cannot hold. */
export function jsonOf(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value) as string | undefined;
  } catch (error) {
    throw new StageFailure(`JSON cannot hold what it gave: ${(error as Error).message.split('\n', 1)[0]}`);
  }
  if (text === undefined) throw new StageFailure(`JSON cannot hold what it gave: a ${typeof value}`);
  return text;
}
