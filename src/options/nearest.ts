/**
 * Nearest: the known name that a wrong one was probably meant to be.
 * Takes  a name and those that are known. Gives the one with the fewest edits, or null where none is near. Pure.
 */

/** Names that are longer were not typed. */
const NAME_CHARS_MAX = 64;

export function nearestTo(name: string, known: readonly string[]): string | null {
  if (name.length > NAME_CHARS_MAX) return null;
  const given = plain(name);
  const far = Math.max(1, Math.floor(given.length / 3));
  let nearest: string | null = null;
  let fewest = far + 1;
  for (const candidate of known) {
    const edits = editsBetween(given, plain(candidate));
    if (edits < fewest) [nearest, fewest] = [candidate, edits];
  }
  return nearest;
}

/** Hyphens, underscores and case aside: `segmentSize` was meant to be `segment-size`. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '');
}

/** Letters put in, left out, or put in another's place; two that changed places count once (optimal string alignment). */
function editsBetween(one: string, other: string): number {
  let [before, last] = [[] as number[], Array.from({ length: other.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1];
      const cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (isSame ? 0 : 1));
      const isSwap = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      row.push(isSwap ? Math.min(cost, before[j - 2]! + 1) : cost);
    }
    [before, last] = [last, row];
  }
  return last[other.length]!;
}
