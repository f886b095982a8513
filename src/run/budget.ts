/**
 * Budget: what the engine's buffers may cost, as a sum with one named user per line, under `--memory`.
 * Takes  the options, the number of shards and the largest record.
 * Gives  the size of every buffer of the run, and the sum as text.
 * Owns   the trade between them when memory is scarce: fewer blocks first, then fewer downloads.
 * Not in the sum: the runtime itself. What it takes is estimated, so that the peak at the end can be compared with something.
 */
import { OptionsError } from '../base/errors.ts';
import { ENGINE, KIB, MIB } from '../base/limits.ts';
import { formatBytes } from '../base/quantity.ts';
import { FRAME } from '../record/frame.ts';
import { LANE_CAPACITY_BYTES_MIN } from '../ring/layout.ts';

export interface BudgetInput {
  readonly memoryBytes: number;
  readonly downloads: number;
  readonly parsers: number;
  readonly publishers: number;
  readonly recordBytesMax: number;
  readonly isOrdered: boolean;
  /** Lookup tables, which are there already. Default 0. */
  readonly tableBytes?: number;
  /** What divides records. Default `lines`. */
  readonly framing?: string;
}

export interface Budget {
  readonly downloads: number;
  readonly blocksPerSlot: number;
  /** Of all slots together, for lines that nobody waits for: what runs ahead of the parsers beyond that is only memory. */
  readonly blocksOutMax: number;
  readonly lineBytesMax: number;
  readonly laneCapacityBytes: number;
  /** Batches and bodies of one publisher. */
  readonly publisherBytes: number;
  /** Blocks in which parsers give lines of one large compressed object to each other. */
  readonly spareBlocks: number;
  /** What is left, for the windows of zstd frames over 8 MiB. */
  readonly windowBytes: number;
  /** One line a user: name and bytes. */
  readonly users: readonly { readonly name: string; readonly bytes: number }[];
  /** Their sum. */
  readonly buffersBytes: number;
  /** What Node, the code and this many threads usually take at most beside the buffers. */
  readonly runtimeBytes: number;
  readonly threads: number;
}

/** Measured with 1 to 9 threads: 115 to 190 MB beside the buffers, of which few are full at a time. */
const RUNTIME_BYTES = 60e6;
const RUNTIME_BYTES_PER_THREAD = 45e6;

const LANE_BYTES_PREFERRED = 2 * MIB;
/** In order mode a download runs ahead of the segment that is due, and needs room for that. */
const BLOCKS_PER_SLOT = { none: 4, key: 8 } as const;
const BLOCKS_PER_SLOT_MIN = 2;
/** Beside one that each download fills: measured with one parser (docs/PERFORMANCE.md), and more for others, to be safe. */
const BLOCKS_AHEAD_FIRST_PARSER = 4;
const BLOCKS_AHEAD_PARSER = 8;
/** A parser's block of decompressed bytes, the decoder's own memory, and rejected lines on their way. */
const PARSER_BYTES = 16 * MIB;
/** Of the longest value, where records are no lines: as it grows, as a line, and as what is lost. */
const VALUE_COPIES = 5;
/** For each parser that another one may give lines to: two are on their way, one is being filled. */
const SPARE_BLOCKS_PER_PARSER = 3;
const SPARE_BLOCKS_MAX = 24;
const PUBLISHER_BYTES_MIN = 8 * MIB;
/** More than this does not make publishers faster: what waits is bounded by the window of slices (src/accounting/window.ts). */
const PUBLISHERS_BYTES_MAX = 64 * MIB;

/** Cuts the memory. @throws {OptionsError} When it is too small for these options. */
export function planBudget(input: BudgetInput): Budget {
  const { parsers, publishers, recordBytesMax, tableBytes = 0 } = input;
  const { lineBytesMax, laneCapacityBytes, parserBytes, fixedBytes, publisherBytesMin, leastBytes } =
    partsOf(input);
  let { downloads } = input;
  let blocksPerSlot: number = BLOCKS_PER_SLOT[input.isOrdered ? 'key' : 'none'];
  const slotBytes = () => blocksPerSlot * ENGINE.blockBytes + lineBytesMax;
  while (leastBytes + downloads * slotBytes() > input.memoryBytes && blocksPerSlot > BLOCKS_PER_SLOT_MIN)
    blocksPerSlot--;
  while (leastBytes + downloads * slotBytes() > input.memoryBytes && downloads > 1) downloads--;
  if (leastBytes + downloads * slotBytes() > input.memoryBytes) {
    const neededBytes = leastBytes + slotBytes();
    const tables = tableBytes === 0 ? '' : `lookup tables of ${formatBytes(tableBytes)}, `;
    const why = `${tables}${parsers} parsers, ${publishers} publishers and records up to ${formatBytes(recordBytesMax)}`;
    throw new OptionsError([
      `Expected --memory to be at least ${Math.ceil(neededBytes / MIB)}MiB for ${why}, but received ${formatBytes(input.memoryBytes)}.`,
    ]);
  }
  const restBytes = input.memoryBytes - fixedBytes - downloads * slotBytes();
  const publisherBytes = Math.max(
    publisherBytesMin,
    Math.floor(Math.min(PUBLISHERS_BYTES_MAX, restBytes) / publishers),
  );
  const unusedBytes = Math.max(0, restBytes - publishers * publisherBytes);
  const spareBlocks = Math.min(
    SPARE_BLOCKS_PER_PARSER * (parsers - 1),
    SPARE_BLOCKS_MAX,
    Math.floor(unusedBytes / ENGINE.blockBytes),
  );
  const spareBytes = spareBlocks * ENGINE.blockBytes;
  const threads = 1 + parsers + publishers;
  const users = [
    ...(tableBytes === 0 ? [] : [{ name: 'lookup tables, for all threads', bytes: tableBytes }]),
    {
      name: `blocks: ${downloads} downloads x ${blocksPerSlot} x 1 MiB`,
      bytes: downloads * blocksPerSlot * ENGINE.blockBytes,
    },
    {
      name: `long lines: ${downloads} downloads x ${formatBytes(lineBytesMax)}`,
      bytes: downloads * lineBytesMax,
    },
    ...(spareBlocks === 0
      ? []
      : [{ name: `lines that parsers give to each other: ${spareBlocks} x 1 MiB`, bytes: spareBytes }]),
    { name: `parsers: ${parsers} x ${formatBytes(parserBytes)}`, bytes: parsers * parserBytes },
    {
      name: `lanes: ${parsers} parsers x ${publishers} publishers x ${formatBytes(laneCapacityBytes)}`,
      bytes: parsers * publishers * laneCapacityBytes,
    },
    {
      name: `shard queues and requests: ${publishers} publishers x ${formatBytes(publisherBytes)}`,
      bytes: publishers * publisherBytes,
    },
  ];
  return {
    downloads,
    spareBlocks,
    windowBytes: unusedBytes - spareBytes,
    blocksPerSlot,
    // In order, what runs ahead stands in the way of what is due.
    blocksOutMax: input.isOrdered
      ? downloads * blocksPerSlot
      : downloads + BLOCKS_AHEAD_FIRST_PARSER + (parsers - 1) * BLOCKS_AHEAD_PARSER,
    lineBytesMax,
    laneCapacityBytes,
    publisherBytes,
    users,
    buffersBytes: users.reduce((sum, { bytes }) => sum + bytes, 0),
    runtimeBytes: RUNTIME_BYTES + threads * RUNTIME_BYTES_PER_THREAD,
    threads,
  };
}

/** What every run with these options needs at least, and the sizes that follow from the largest record. */
function partsOf({ parsers, publishers, recordBytesMax, tableBytes = 0, framing = 'lines' }: BudgetInput) {
  const lineBytesMax = Math.max(2 * MIB, recordBytesMax + 64 * KIB);
  const laneCapacityBytes = laneCapacity(recordBytesMax);
  const parserBytes = PARSER_BYTES + (framing === 'lines' ? 0 : VALUE_COPIES * lineBytesMax);
  const fixedBytes = tableBytes + parsers * publishers * laneCapacityBytes + parsers * parserBytes;
  const publisherBytesMin = Math.max(PUBLISHER_BYTES_MIN, 4 * recordBytesMax);
  const leastBytes = fixedBytes + publishers * publisherBytesMin;
  return { lineBytesMax, laneCapacityBytes, parserBytes, fixedBytes, publisherBytesMin, leastBytes };
}

/** What lookup tables may take, so that the run still works, if with few downloads. */
export function tableBytesMax(input: Omit<BudgetInput, 'tableBytes'>): number {
  const { leastBytes, lineBytesMax } = partsOf(input);
  return input.memoryBytes - leastBytes - BLOCKS_PER_SLOT_MIN * ENGINE.blockBytes - lineBytesMax;
}

/** What the run is going to take, as one line; the buffers one by one where that is wanted. */
export function formatBudget(
  budget: Budget,
  { memoryBytes, verbose }: { readonly memoryBytes: number; readonly verbose: boolean },
): string {
  const { buffersBytes, runtimeBytes, threads, users } = budget;
  const buffers = `buffers of ${formatBytes(buffersBytes)}, of the ${formatBytes(memoryBytes)} that --memory allows them`;
  const runtime = `Node with ${threads} threads about ${formatBytes(runtimeBytes)}`;
  const line = `memory: up to ${formatBytes(buffersBytes + runtimeBytes)}: ${buffers}; ${runtime}`;
  if (!verbose) return line;
  const left = {
    name: 'left for zstd windows over 8 MiB, where an object asks for one',
    bytes: budget.windowBytes,
  };
  const rows = [...users, left].map(({ name, bytes }) => `  ${formatBytes(bytes).padStart(8)}  ${name}`);
  return [line, ...rows].join('\n');
}

/** A lane holds the largest frame; a power of two. */
function laneCapacity(recordBytesMax: number): number {
  let capacityBytes = Math.max(LANE_CAPACITY_BYTES_MIN, LANE_BYTES_PREFERRED);
  while (capacityBytes < recordBytesMax + FRAME.HEADER_BYTES + 8) capacityBytes *= 2;
  return capacityBytes;
}
