/**
 * Changes: what differs between two lines of JSON.
 * Takes  two texts. Gives  each as parts that both have and parts that only it has.
 * Owns   what a part is: a string, a number or word, white space, or one other character. Pure.
 */

export interface Part {
  readonly text: string;
  readonly isChanged: boolean;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[^\s"{}[\],:]+|\s+|./gsu;
/** Cells of the table that is searched; beyond them all between what both begin and end with counts as changed. */
const CELLS_MAX = 250_000;

export function changesBetween(before: string, after: string): readonly [Part[], Part[]] {
  const [old, made] = [before.match(TOKEN) ?? [], after.match(TOKEN) ?? []];
  let start = 0;
  while (start < old.length && start < made.length && old[start] === made[start]) start++;
  let [oldEnd, madeEnd] = [old.length, made.length];
  while (oldEnd > start && madeEnd > start && old[oldEnd - 1] === made[madeEnd - 1]) {
    oldEnd--;
    madeEnd--;
  }
  const [keptOld, keptMade] = commonOf(old.slice(start, oldEnd), made.slice(start, madeEnd));
  const isKeptIn = (kept: ReadonlySet<number>, end: number) => (i: number) =>
    i < start || i >= end || kept.has(i - start);
  return [partsOf(old, isKeptIn(keptOld, oldEnd)), partsOf(made, isKeptIn(keptMade, madeEnd))];
}

/** A longest sequence that both have, as indexes into each. */
function commonOf(old: readonly string[], made: readonly string[]): readonly [Set<number>, Set<number>] {
  const kept = [new Set<number>(), new Set<number>()] as const;
  const width = made.length + 1;
  if (old.length * width > CELLS_MAX) return kept;
  const lengths = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let k = made.length - 1; k >= 0; k--) {
      const below = (i + 1) * width + k;
      lengths[i * width + k] =
        old[i] === made[k] ? lengths[below + 1]! + 1 : Math.max(lengths[below]!, lengths[i * width + k + 1]!);
    }
  }
  for (let i = 0, k = 0; i < old.length && k < made.length; ) {
    if (old[i] === made[k]) {
      kept[0].add(i++);
      kept[1].add(k++);
    } else if (lengths[(i + 1) * width + k]! >= lengths[i * width + k + 1]!) i++;
    else k++;
  }
  return kept;
}

/** Neighbours of one kind as one part. */
function partsOf(tokens: readonly string[], isKept: (index: number) => boolean): Part[] {
  const parts: { text: string; isChanged: boolean }[] = [];
  for (const [i, text] of tokens.entries()) {
    const isChanged = !isKept(i);
    const last = parts.at(-1);
    if (last?.isChanged === isChanged) last.text += text;
    else parts.push({ text, isChanged });
  }
  return parts;
}
