/**
 * Program: stages in the form that the native scanner reads (src/native/shape-program.cc): cells of 32 bits, then texts.
 * Takes  a condition as a tree (predicate.ts), edits, the pointer of the partition key.
 * Gives  bytes. A condition that names too many places becomes opaque, and is asked for line by line.
 * Owns   the form, whose twin is shape-program.h.
 */
import { parsePointer } from '../../scan/pointer.ts';
import { type Edit, reaches, type Stages } from '../stages.ts';
import { Places } from './places.ts';
import { type Constant, type Path, type Predicate, RELATIONS } from './predicate.ts';

const NONE = 0xffff_ffff;
const OPS = [
  ...['and', 'or', 'not', 'constant', 'truth', 'has', 'compare', 'in', 'startsWith', 'endsWith', 'contains'],
  ...['size', 'time', 'opaque'],
];
/** In the order of KeyEdit in src/native/shape-program.h. */
const KEY_EDITS = ['none', 'any', 'hash'] as const;
const ON_ERROR = ['dead-letter', 'drop', 'keep'];
const CONST = { NULL: 0, FALSE: 1, TRUE: 2, INT: 3, DOUBLE: 4, TEXT: 5 } as const;
const FLAG = { DROP: 1, HASH: 2 } as const;
const SAMPLE_RANGE = 2 ** 32;

/** Numbers below this, of a hash of 32 bits, are in the sample. */
export function sampleBelow(share: number): number {
  return Math.min(SAMPLE_RANGE - 1, Math.round(share * SAMPLE_RANGE));
}

class ProgramWriter {
  readonly places = new Places();
  readonly #texts: Buffer[] = [];
  readonly #ops: number[][] = [];
  readonly #constants: number[][] = [];
  readonly #edits = new Map<number, { flags: number; set: number; add: number; name: number }>();

  text(text: string | Uint8Array): number {
    return this.#texts.push(Buffer.from(text as string)) - 1;
  }

  /** @returns null where there are too many places. */
  op(predicate: Predicate): number | null {
    const cells = { node: 0, relation: 0, constant: 0, count: 0, left: 0, right: 0 };
    const place = (path: Path) => this.places.add(path.map(({ name }) => name));
    if ('path' in predicate) {
      const node = place(predicate.path);
      if (node === null) return null;
      cells.node = node;
    }
    switch (predicate.kind) {
      case 'and':
      case 'or': {
        const [left, right] = [this.op(predicate.left), this.op(predicate.right)];
        if (left === null || right === null) return null;
        Object.assign(cells, { left, right });
        break;
      }
      case 'not': {
        const left = this.op(predicate.of);
        if (left === null) return null;
        cells.left = left;
        break;
      }
      case 'constant':
        cells.constant = Number(predicate.value);
        break;
      case 'in':
        cells.constant = this.#constants.length;
        cells.count = predicate.constants.length;
        for (const constant of predicate.constants) this.constant(constant);
        break;
      case 'compare':
        cells.constant = this.constant(predicate.constant);
        break;
      case 'size':
        cells.constant = this.constant(predicate.count);
        break;
      case 'time':
        cells.constant = this.constant(BigInt(predicate.timeMs));
        break;
      case 'startsWith':
      case 'endsWith':
      case 'contains':
        cells.constant = this.constant(predicate.text);
        break;
    }
    if ('relation' in predicate) cells.relation = RELATIONS.indexOf(predicate.relation);
    const { node, relation, constant, count, left, right } = cells;
    return this.#ops.push([OPS.indexOf(predicate.kind), node, relation, constant, count, left, right]) - 1;
  }

  constant(value: Constant): number {
    const bits = new DataView(new ArrayBuffer(8));
    let kind: number = CONST.NULL;
    let text: number | null = null;
    if (typeof value === 'string') {
      kind = CONST.TEXT;
      text = this.text(value);
    } else if (typeof value === 'boolean') kind = value ? CONST.TRUE : CONST.FALSE;
    else if (typeof value === 'bigint') {
      kind = CONST.INT;
      bits.setBigInt64(0, value, true);
    } else if (typeof value === 'number') {
      kind = CONST.DOUBLE;
      bits.setFloat64(0, value, true);
    }
    const cells = [kind, text ?? 0, bits.getUint32(0, true), bits.getUint32(4, true), 0];
    return this.#constants.push(cells) - 1;
  }

  edit(edit: Edit): void {
    const tokens = parsePointer(edit.pointer);
    const node = this.places.add(tokens);
    if (node === null) throw new RangeError('edits name too many places');
    const cells = this.#edits.get(node) ?? { flags: 0, set: NONE, add: NONE, name: NONE };
    this.#edits.set(node, cells);
    if (edit.kind === 'drop') cells.flags |= FLAG.DROP;
    else if (edit.kind === 'hash') cells.flags |= FLAG.HASH;
    else if (edit.kind === 'rename') cells.name = this.text(JSON.stringify(edit.name));
    else {
      cells.set = this.text(edit.json);
      cells.add = this.text(`${JSON.stringify(tokens.at(-1))}:${edit.json}`);
    }
  }

  bytes(header: readonly number[]): Uint8Array {
    const nodes = this.places.list.map(({ parent, name }, index) => {
      const {
        flags,
        set,
        add,
        name: newName,
      } = this.#edits.get(index) ?? { flags: 0, set: NONE, add: NONE, name: NONE };
      return [parent, this.text(name), flags, set, add, newName];
    });
    let at = 0;
    const texts = this.#texts.map((text) => {
      const cells = [at, text.length];
      at += text.length;
      return cells;
    });
    const [rootOp, ...rest] = header;
    const counts = [nodes.length, this.#ops.length, rootOp!, this.#constants.length, texts.length];
    const body = [...nodes, ...this.#ops, ...this.#constants, ...texts].flat();
    const head = [...counts, ...rest];
    const blobAt = (head.length + 1 + body.length) * 4;
    const cells = Uint32Array.from([...head, blobAt, ...body]);
    return Buffer.concat([Buffer.from(cells.buffer), ...this.#texts]);
  }
}

/** @param condition Of `stages.where`, or null. @param partitionKey RFC 6901 pointer, or null. */
export function programOf(
  stages: Stages,
  condition: Predicate | null,
  partitionKey: string | null,
): Uint8Array {
  const writer = new ProgramWriter();
  writer.text('');
  for (const edit of stages.edits) writer.edit(edit);
  const keyNode = partitionKey === null ? null : writer.places.add(parsePointer(partitionKey));
  const rootOp = condition === null ? NONE : (writer.op(condition) ?? writer.op({ kind: 'opaque' })!);
  const hashKey = stages.hashKey === null ? NONE : writer.text(stages.hashKey);
  return writer.bytes([
    rootOp,
    ON_ERROR.indexOf(stages.onWhereError),
    Number(stages.sample !== null),
    stages.sample === null ? 0 : sampleBelow(stages.sample),
    keyNode ?? NONE,
    KEY_EDITS.indexOf(keyEditOf(stages.edits, partitionKey)),
    hashKey,
  ]);
}

/** What the edits do to the partition key; a hash of it, and nothing else, is found without looking for it again. */
function keyEditOf(edits: readonly Edit[], partitionKey: string | null): (typeof KEY_EDITS)[number] {
  if (partitionKey === null) return 'none';
  const others = edits.filter(({ kind, pointer }) => kind !== 'hash' || pointer !== partitionKey);
  if (reaches(others, partitionKey)) return 'any';
  return others.length < edits.length ? 'hash' : 'none';
}
