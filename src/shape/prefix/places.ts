/**
 * Places: the tree of all names and indexes that stages point at.
 * Takes  paths, one after the other. Gives  numbers of their places; parents stand before their children.
 * Owns   the bound on places in a program.
 */

export interface Place {
  readonly parent: number;
  readonly name: string;
  readonly children: number[];
}

/** One bit each in a word. The twin of SHAPE_NODES_MAX in src/native/shape-program.h. */
const NODES_MAX = 64;

export class Places {
  readonly list: Place[] = [{ parent: 0, name: '', children: [] }];

  /** @returns The place's number, or null where there are too many of them. */
  add(path: readonly string[]): number | null {
    let at = 0;
    let missing = path.length;
    for (const name of path) {
      const next = this.child(at, name);
      if (next === null) break;
      at = next;
      missing--;
    }
    if (this.list.length + missing > NODES_MAX) return null;
    for (const name of path.slice(path.length - missing)) {
      const index = this.list.push({ parent: at, name, children: [] }) - 1;
      this.list[at]!.children.push(index);
      at = index;
    }
    return at;
  }

  child(parent: number, name: string): number | null {
    return this.list[parent]!.children.find((child) => this.list[child]!.name === name) ?? null;
  }
}
