/**
 * Memory disk: a disk that fails when told and forgets what was not synced.
 * Takes  a plan: the k-th changing call fails, and how.
 * Gives  `Files` over it, and the disk as the next process would find it after a kill or a loss of power.
 * Owns   two views of each file and of the folder: what programs see, and what is on the plate.
 * Never  touches a real file.
 */
import type { Files, OpenedFile, OpenMode } from '../../src/journal/files.ts';

/** `full`: half of the bytes, then ENOSPC. `short`: half of the bytes and no error. `input-output`: EIO before anything is done. */
export type Failure = 'full' | 'input-output' | 'short';

interface Inode {
  seen: Buffer;
  plate: Buffer;
}

export class MemoryDisk implements Files {
  /** Calls that change something, so far. */
  calls = 0;
  /** Whether the planned failure has happened. */
  fired = false;
  freeBytes = Number.POSITIVE_INFINITY;
  #seen = new Map<string, Inode>();
  #plate = new Map<string, Inode>();
  #plan: { call: number; failure: Failure; lasting: boolean } | null = null;

  /** @param lasting Every later write fails too, as on a disk that stays full. */
  failAt(call: number, failure: Failure, lasting = false): this {
    this.#plan = { call, failure, lasting };
    return this;
  }

  /** The disk that the next process finds. `kill`: all that was seen. `power`: only what was synced. `torn`: that and a part of the rest. */
  after(event: 'kill' | 'power' | 'torn', random: () => number): MemoryDisk {
    const next = new MemoryDisk();
    const names = event === 'power' ? this.#plate : this.#seen;
    for (const [path, inode] of names) {
      const content = event === 'kill' ? inode.seen : event === 'power' ? inode.plate : torn(inode, random);
      const copy = { seen: Buffer.from(content), plate: Buffer.from(content) };
      next.#seen.set(path, copy);
      next.#plate.set(path, copy);
    }
    return next;
  }

  content(path: string): Buffer | null {
    return this.#seen.get(path)?.seen ?? null;
  }
  put(path: string, content: Uint8Array | string): void {
    const inode = { seen: Buffer.from(content as string), plate: Buffer.from(content as string) };
    this.#seen.set(path, inode);
    this.#plate.set(path, inode);
  }
  get paths(): string[] {
    return [...this.#seen.keys()].sort();
  }

  async open(path: string, mode: OpenMode): Promise<OpenedFile> {
    let inode = this.#seen.get(path);
    if (inode === undefined) {
      if (mode === 'read') throw systemError('ENOENT');
      this.#change('create');
      inode = { seen: Buffer.alloc(0), plate: Buffer.alloc(0) };
      this.#seen.set(path, inode);
    } else if (mode === 'create') throw systemError('EEXIST');
    return this.#opened(inode);
  }
  async freeBytesAt(): Promise<number> {
    return this.freeBytes;
  }
  async sizeBytes(path: string): Promise<number | null> {
    return this.#seen.get(path)?.seen.byteLength ?? null;
  }
  async rename(from: string, to: string): Promise<void> {
    this.#change('rename');
    const inode = this.#seen.get(from);
    if (inode === undefined) throw systemError('ENOENT');
    this.#seen.delete(from);
    this.#seen.set(to, inode);
  }
  async remove(path: string): Promise<void> {
    if (!this.#seen.has(path)) return;
    this.#change('remove');
    this.#seen.delete(path);
  }
  async makeFolderOf(): Promise<void> {}
  async syncFolderOf(): Promise<void> {
    this.#change('sync-folder');
    this.#plate = new Map(this.#seen);
  }

  #opened(inode: Inode): OpenedFile {
    return {
      isRegular: true,
      write: async (bytes) => {
        const failure = this.#change('write');
        const taken = failure === null ? bytes.byteLength : bytes.byteLength >> 1;
        inode.seen = Buffer.concat([inode.seen, bytes.subarray(0, taken)]);
        if (failure === 'full') throw systemError('ENOSPC');
        return Math.max(taken, failure === 'short' ? 1 : 0) === taken ? taken : this.#one(inode, bytes);
      },
      read: async (into, position) => {
        const part = inode.seen.subarray(position, position + into.byteLength);
        into.set(part);
        return part.byteLength;
      },
      datasync: async () => {
        this.#change('sync');
        inode.plate = inode.seen;
      },
      truncate: async (length) => {
        this.#change('truncate');
        inode.seen = inode.seen.subarray(0, length);
      },
      sizeBytes: async () => inode.seen.byteLength,
      close: async () => {},
    };
  }

  /** A short write of a single byte still has to take that byte. */
  #one(inode: Inode, bytes: Uint8Array): number {
    inode.seen = Buffer.concat([inode.seen, bytes.subarray(0, 1)]);
    return 1;
  }

  #change(what: string): Failure | null {
    this.calls += 1;
    const plan = this.#plan;
    if (plan === null) return null;
    const isDue = this.calls === plan.call || (plan.lasting && this.calls > plan.call);
    if (!isDue) return null;
    this.fired = true;
    if (what === 'write' && plan.failure !== 'input-output') return plan.failure;
    if (plan.failure === 'short') return null;
    if (plan.failure === 'full' && (what === 'sync-folder' || what === 'remove' || what === 'truncate'))
      return null;
    throw systemError(plan.failure === 'full' ? 'ENOSPC' : 'EIO');
  }
}

/** What was synced, then some of what was not: a prefix, in which one page may have stayed zero. */
function torn(inode: Inode, random: () => number): Buffer {
  if (!inode.seen.subarray(0, inode.plate.byteLength).equals(inode.plate)) return inode.seen; // it was cut: no tail to tear
  const tail = Buffer.from(inode.seen.subarray(inode.plate.byteLength));
  const kept = tail.subarray(0, Math.floor(random() * (tail.byteLength + 1)));
  if (kept.byteLength > 64 && random() < 0.5) {
    const start = Math.floor(random() * (kept.byteLength - 32));
    kept.fill(0, start, start + 32);
  }
  return Buffer.concat([inode.plate, kept]);
}

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: planned failure`), { code });
}

/** Small seeded generator (mulberry32), so that a failure can be run again. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
