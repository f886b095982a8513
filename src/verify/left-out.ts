/**
 * Left out: the objects of the sources that a comparison could not take in as they were, by name.
 * Takes  objects, one by one. Gives  how many there are of each kind, and the first of them.
 * Owns   the bound: `examplesMax` names of each kind.
 */
import { objectUri } from '../base/object-uri.ts';
import type { ObjectPlace } from './sides.ts';

/**
 * `archived`: must be restored before it can be read. `unreadable`: not read to its end. `changed`: while it was read. `excluded`: by
 * filters. `givenUp`: not read to its end, nor by the run, which has a dead letter for it. `newer`: another version than the run's.
 */
export type LeftOutKind = 'archived' | 'unreadable' | 'changed' | 'excluded' | 'givenUp' | 'newer';

export interface NamedObjects {
  readonly count: number;
  readonly examples: readonly ObjectPlace[];
}

const NONE: NamedObjects = { count: 0, examples: [] };

export class LeftOut {
  readonly #examplesMax: number;
  readonly #named = new Map<LeftOutKind, { count: number; examples: ObjectPlace[] }>();

  constructor(examplesMax: number) {
    // One is always kept, for the sentence that tells of it.
    this.#examplesMax = Math.max(1, examplesMax);
  }

  add(kind: LeftOutKind, { bucket, key }: ObjectPlace): void {
    const named = this.#named.get(kind) ?? { count: 0, examples: [] };
    this.#named.set(kind, named);
    named.count++;
    if (named.examples.length < this.#examplesMax) named.examples.push({ bucket, key });
  }

  of(kind: LeftOutKind): NamedObjects {
    return this.#named.get(kind) ?? NONE;
  }
}

/** `2 objects (<uri>, ...)` */
export function describeObjects({ count, examples }: NamedObjects): string {
  const [first] = examples;
  const name = first === undefined ? '' : ` (${objectUri(first)}${count > 1 ? ', ...' : ''})`;
  return `${count} ${count === 1 ? 'object' : 'objects'}${name}`;
}
