/**
 * Faults: what the embedded services do wrong on purpose, by script.
 * Takes  rules; for each request or record the question "does something go wrong here?".
 * Gives  the rule that fires, if any. The first rule that fires wins; each firing is counted under the rule's name.
 * Never  acts itself and reads no clock: time and random numbers are arguments, so that a seed repeats a run.
 */

/** When a rule applies. Everything that is given must hold. */
export interface FaultWhen {
  /** What the firings are counted under. Default: the kind. */
  readonly name?: string;
  /** Kinesis operation, or S3 operation; `*` for all. Default: PutRecords, GetObject. */
  readonly operation?: string;
  /** Stream name, or object key. Default: any. */
  readonly target?: string;
  /** Only records on their way to this shard; for requests, reads of this shard. Default: any. */
  readonly shardId?: string;
  /** Only requests that hold a record with this text in its data or its key. */
  readonly containing?: string;
  /** Only requests whose body is larger. */
  readonly overBytes?: number;
  /** Only requests that are signed with this access key. */
  readonly accessKeyId?: string;
  /** 0 to 1. Default 1. */
  readonly probability?: number;
  /** Matching requests or records to let pass before the rule begins. Default 0. */
  readonly skip?: number;
  /** Matching requests or records that the rule looks at, after `skip`. Default: no end. */
  readonly first?: number;
  /** Firings until the rule rests. Default: no end. */
  readonly times?: number;
  /** Milliseconds after the rule was set: from (inclusive, default 0) and until (exclusive, default: no end). */
  readonly fromMs?: number;
  readonly untilMs?: number;
}

export interface Rule<Kind extends string> extends FaultWhen {
  readonly kind: Kind;
}

/** What is asked about. */
export interface Occasion {
  readonly operation: string;
  readonly target?: string | undefined;
  readonly shardId?: string | undefined;
  readonly bodyBytes?: number;
  readonly accessKeyId?: string | undefined;
  /** Whether the request holds a record with this text. */
  readonly holds?: (text: string) => boolean;
}

/** The access key of a request with a Signature Version 4 header. */
export function accessKeyOf(authorization: string | undefined): string | undefined {
  return /Credential=([^/,]+)\//.exec(authorization ?? '')?.[1];
}

/** A small seeded generator (mulberry32): equal seeds give equal runs. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Entry<R> {
  readonly rule: R;
  readonly setAtMs: number;
  seen: number;
  fired: number;
}

export class Faults<R extends Rule<string>> {
  readonly #operation: string;
  #entries: Entry<R>[] = [];
  #random: () => number = seededRandom(1);
  readonly #counts = new Map<string, number>();

  /** @param operation What a rule is about that names no operation. */
  constructor(operation: string) {
    this.#operation = operation;
  }

  /** Replaces all rules. Counts of firings go on. @param seed 32-bit; default 1. */
  set(rules: readonly R[], nowMs: number, seed = 1): void {
    this.#entries = rules.map((rule) => ({ rule, setAtMs: nowMs, seen: 0, fired: 0 }));
    this.#random = seededRandom(seed);
    for (const rule of rules) {
      const label = rule.name ?? rule.kind;
      this.#counts.set(label, this.#counts.get(label) ?? 0);
    }
  }

  /** Firings by name since the start. */
  get counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  /** Whether any rule of these kinds is set: lets the hot path skip the question. */
  has(kinds: readonly R['kind'][]): boolean {
    return this.#entries.some(({ rule }) => kinds.includes(rule.kind));
  }

  fire(kinds: readonly R['kind'][], occasion: Occasion, nowMs: number): R | undefined {
    for (const entry of this.#entries) {
      const { rule } = entry;
      if (!kinds.includes(rule.kind) || !this.#matches(entry, occasion, nowMs)) continue;
      const order = entry.seen++ - (rule.skip ?? 0);
      if (order < 0 || order >= (rule.first ?? Number.POSITIVE_INFINITY)) continue;
      if (entry.fired >= (rule.times ?? Number.POSITIVE_INFINITY)) continue;
      if (rule.probability !== undefined && this.#random() >= rule.probability) continue;
      entry.fired++;
      const label = rule.name ?? rule.kind;
      this.#counts.set(label, (this.#counts.get(label) ?? 0) + 1);
      return rule;
    }
    return undefined;
  }

  #matches({ rule, setAtMs }: Entry<R>, occasion: Occasion, nowMs: number): boolean {
    const operation = rule.operation ?? this.#operation;
    if (operation !== '*' && operation !== occasion.operation) return false;
    if (rule.target !== undefined && rule.target !== occasion.target) return false;
    if (rule.shardId !== undefined && rule.shardId !== occasion.shardId) return false;
    if (rule.accessKeyId !== undefined && rule.accessKeyId !== occasion.accessKeyId) return false;
    if (rule.overBytes !== undefined && !((occasion.bodyBytes ?? 0) > rule.overBytes)) return false;
    if (rule.containing !== undefined && !occasion.holds?.(rule.containing)) return false;
    const ageMs = nowMs - setAtMs;
    return ageMs >= (rule.fromMs ?? 0) && ageMs < (rule.untilMs ?? Number.POSITIVE_INFINITY);
  }
}
