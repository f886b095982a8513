/**
 * Glob: whether a key is one of those that a glob takes.
 * Takes  a glob, then key after key.
 * Gives  yes or no, after one look at each character of the key: nothing is ever tried twice, whatever the glob.
 * Owns   a deterministic automaton that is built as far as keys need it, and begun anew when it has grown too large.
 *
 * States of the glob (Thompson's construction) that are alive together are one state of the automaton. What a `!(...)` must not take is an
 * automaton of its own, which runs along: each place where it began is a thread, and threads in the same state are one.
 */
import { type GlobNode, parseGlob } from './glob-syntax.ts';

/** @throws {RangeError} When the glob is too large; its message says why. */
export function compileGlob(glob: string): (key: string) => boolean {
  const { node, isNegated } = parseGlob(glob);
  const automaton = new Automaton(node, { states: 0 });
  return (key) => automaton.takes(key) !== isNegated;
}

type State =
  | { readonly kind: 'one'; readonly takes: (code: number) => boolean; readonly next: number }
  | { readonly kind: 'more'; readonly next: number }
  | { readonly kind: 'split'; nexts: readonly number[] }
  | { readonly kind: 'not'; readonly inner: Automaton; readonly isCrossing: boolean; readonly next: number }
  | { readonly kind: 'end' };

/** States of the glob that are alive together. */
interface Live {
  /** Those that wait for a character. */
  readonly waiting: readonly number[];
  /** Whether the key is taken if it goes on here, and if it ends here. */
  readonly isTakenWithin: boolean;
  readonly isTakenAtEnd: boolean;
  readonly ascii: (Live | undefined)[];
  readonly others: Map<number, Live>;
}

/** A `!(...)` on its way: how far its inner glob has come. */
interface Thread {
  readonly state: number;
  readonly inner: Live;
}

const STATES_MAX = 20_000;
/** Of the automaton, and steps between them that are remembered. */
const CACHE_MAX = 20_000;
const SLASH = 0x2f;

class Automaton {
  readonly #states: State[] = [];
  readonly #first: number;
  readonly #size: { states: number };
  #lives = new Map<string, Live>();
  #threads: Thread[] = [];
  #threadIds = new Map<string, number>();
  #liveIds = new Map<Live, number>();
  #remembered = 0;

  constructor(node: GlobNode, size: { states: number }) {
    this.#size = size;
    const end = this.#add({ kind: 'end' });
    this.#first = this.#build(node, end);
  }

  takes(key: string): boolean {
    if (this.#cached() > CACHE_MAX) this.#forget();
    let live = this.begin();
    for (let at = 0; at < key.length; at++) {
      const code = key.codePointAt(at)!;
      if (code > 0xffff) at++;
      live = this.step(live, code);
      if (live.waiting.length === 0 && !live.isTakenAtEnd) return false;
    }
    return live.isTakenAtEnd;
  }

  begin(): Live {
    return this.#live([this.#first]);
  }

  step(live: Live, code: number): Live {
    const known = code < 128 ? live.ascii[code] : live.others.get(code);
    if (known !== undefined) return known;
    const nexts: number[] = [];
    for (const id of live.waiting) {
      const thread = this.#threads[id - this.#states.length];
      const state = this.#states[thread?.state ?? id]!;
      if (state.kind === 'one' && state.takes(code)) nexts.push(state.next);
      if (state.kind === 'not' && (state.isCrossing || code !== SLASH))
        nexts.push(this.#thread(thread!.state, state.inner, state.inner.step(thread!.inner, code)));
    }
    const next = this.#live(nexts);
    this.#remembered++;
    if (code < 128) live.ascii[code] = next;
    else live.others.set(code, next);
    return next;
  }

  /** The number of a state of this automaton, for those that run it alongside. */
  idOf(live: Live): number {
    return this.#liveIds.get(live)!;
  }

  #cached(): number {
    const inner = this.#states.map((state) => (state.kind === 'not' ? state.inner.#cached() : 0));
    return inner.reduce((sum, count) => sum + count, this.#remembered);
  }

  #forget(): void {
    this.#lives = new Map();
    this.#liveIds = new Map();
    this.#threads = [];
    this.#threadIds = new Map();
    this.#remembered = 0;
    for (const state of this.#states) if (state.kind === 'not') state.inner.#forget();
  }

  #thread(state: number, inner: Automaton, live: Live): number {
    const name = `${state}:${inner.idOf(live)}`;
    let id = this.#threadIds.get(name);
    if (id === undefined) {
      id = this.#states.length + this.#threads.length;
      this.#threads.push({ state, inner: live });
      this.#threadIds.set(name, id);
    }
    return id;
  }

  /** @param kernel States that have just been reached. */
  #live(kernel: readonly number[]): Live {
    const name = [...new Set(kernel)].sort((one, other) => one - other).join();
    let live = this.#lives.get(name);
    if (live === undefined) {
      const within = this.#closure(kernel, false);
      const atEnd = this.#closure(kernel, true);
      const { waiting, isTaken: isTakenWithin } = within;
      live = { waiting, isTakenWithin, isTakenAtEnd: atEnd.isTaken, ascii: [], others: new Map() };
      this.#liveIds.set(live, this.#lives.size);
      this.#lives.set(name, live);
      this.#remembered++;
    }
    return live;
  }

  /** Everything that is reached without a character. */
  #closure(kernel: readonly number[], isAtEnd: boolean): { waiting: number[]; isTaken: boolean } {
    const seen = new Set<number>();
    const stack = [...kernel];
    const waiting: number[] = [];
    let isTaken = false;
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      if (seen.has(id)) continue;
      seen.add(id);
      const thread = this.#threads[id - this.#states.length];
      const state = this.#states[thread?.state ?? id]!;
      if (state.kind === 'end') isTaken = true;
      else if (state.kind === 'one') waiting.push(id);
      else if (state.kind === 'split') stack.push(...state.nexts);
      else if (state.kind === 'more') stack.push(...(isAtEnd ? [] : [state.next]));
      else if (thread === undefined) stack.push(this.#thread(id, state.inner, state.inner.begin()));
      else {
        waiting.push(id);
        const { isTakenAtEnd, isTakenWithin } = thread.inner;
        if (!(isAtEnd ? isTakenAtEnd : isTakenWithin)) stack.push(state.next);
      }
    }
    return { waiting, isTaken };
  }

  #add(state: State): number {
    if (++this.#size.states > STATES_MAX) throw new RangeError('it stands for too many texts');
    return this.#states.push(state) - 1;
  }

  /** @param next The state behind it. @returns Its first state. */
  #build(node: GlobNode, next: number): number {
    switch (node.kind) {
      case 'one':
        return this.#add({ kind: 'one', takes: node.takes, next });
      case 'more':
        return this.#add({ kind: 'more', next });
      case 'row':
        return node.nodes.reduceRight((behind, part) => this.#build(part, behind), next);
      case 'choice':
        return this.#add({ kind: 'split', nexts: node.nodes.map((part) => this.#build(part, next)) });
      case 'not': {
        const inner = new Automaton(node.node, this.#size);
        return this.#add({ kind: 'not', inner, isCrossing: node.isCrossing, next });
      }
      case 'repeat': {
        const split: State = { kind: 'split', nexts: [] };
        const id = this.#add(split);
        const body = this.#build(node.node, id);
        split.nexts = [body, next];
        return node.isOnceAtLeast ? body : id;
      }
    }
  }
}
