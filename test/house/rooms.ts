/**
 * Rooms: what imports say about folders.
 * Takes  imports between files.
 * Gives  rooms by floor, the arrows between them, which arrows point up, and which rooms stand in a circle.
 *        A room is a folder with files in it; a loose file of src/ is a room of its own.
 * Never  is told where a room should stand: a room is one floor above the highest that it imports. Where that cannot
 *        be for all, in a circle, the order with the fewest imports upwards counts.
 */
import { dirname } from 'node:path';
import type { Import } from './imports.ts';

export interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly importCount: number;
  readonly isUpward: boolean;
}

export interface Picture {
  /** From the ground up; names of a floor in the order of the alphabet. */
  readonly floors: readonly (readonly string[])[];
  readonly arrows: readonly Arrow[];
  readonly circles: readonly (readonly string[])[];
}

export function roomOf(path: string): string {
  const folder = dirname(path);
  return folder === 'src' ? path : folder;
}

/** Draws the rooms of all the imports given; who wants only those that run leaves the others out. */
export function drawRooms(imports: readonly Import[]): Picture {
  const counts = new Map<string, Map<string, number>>();
  for (const { from, to } of imports) {
    const targets = counts.get(roomOf(from)) ?? new Map<string, number>();
    counts.set(roomOf(from), targets);
    if (!counts.has(roomOf(to))) counts.set(roomOf(to), new Map());
    if (roomOf(from) !== roomOf(to)) targets.set(roomOf(to), (targets.get(roomOf(to)) ?? 0) + 1);
  }
  const circles = circlesOf(counts);
  const rank = new Map(circles.flatMap((circle) => inBestOrder(circle, counts)).map((room, i) => [room, i]));
  const isUpward = (from: string, to: string) =>
    circles.some((circle) => circle.includes(from) && circle.includes(to)) && rank.get(from)! < rank.get(to)!;
  const arrows = [...counts].flatMap(([from, targets]) =>
    [...targets].map(([to, importCount]) => ({ from, to, importCount, isUpward: isUpward(from, to) })),
  );
  arrows.sort((a, b) => (a.from === b.from ? compare(a.to, b.to) : compare(a.from, b.from)));
  return { floors: floorsOf([...counts.keys()], arrows), arrows, circles };
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Rooms from which a way leads back to themselves, by Tarjan's strongly connected components. */
function circlesOf(counts: ReadonlyMap<string, ReadonlyMap<string, number>>): string[][] {
  const circles: string[][] = [];
  const index = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const visit = (room: string) => {
    index.set(room, index.size);
    lowest.set(room, index.get(room)!);
    stack.push(room);
    for (const to of counts.get(room)!.keys()) {
      if (!index.has(to)) visit(to);
      if (stack.includes(to)) lowest.set(room, Math.min(lowest.get(room)!, lowest.get(to)!));
    }
    if (lowest.get(room) !== index.get(room)) return;
    const circle = stack.splice(stack.indexOf(room));
    if (circle.length > 1) circles.push(circle.toSorted(compare));
  };
  for (const room of [...counts.keys()].toSorted(compare)) if (!index.has(room)) visit(room);
  return circles;
}

/** A circle's rooms from below, with few imports upwards: a room is moved as long as that saves some. */
function inBestOrder(
  circle: readonly string[],
  counts: ReadonlyMap<string, ReadonlyMap<string, number>>,
): string[] {
  const cost = (order: readonly string[]) =>
    order.reduce(
      (sum, from, i) => sum + order.slice(i + 1).reduce((up, to) => up + (counts.get(from)!.get(to) ?? 0), 0),
      0,
    );
  let best = [...circle];
  for (let isBetter = true; isBetter; ) {
    isBetter = false;
    for (const room of circle) {
      const others = best.filter((name) => name !== room);
      for (let place = 0; place <= others.length; place++) {
        const order = others.toSpliced(place, 0, room);
        if (cost(order) >= cost(best)) continue;
        best = order;
        isBetter = true;
      }
    }
  }
  return best;
}

function floorsOf(rooms: readonly string[], arrows: readonly Arrow[]): string[][] {
  const floorOf = new Map<string, number>();
  const visit = (room: string): number => {
    const known = floorOf.get(room);
    if (known !== undefined) return known;
    const below = arrows
      .filter(({ from, isUpward }) => from === room && !isUpward)
      .map(({ to }) => visit(to));
    const floor = Math.max(-1, ...below) + 1;
    floorOf.set(room, floor);
    return floor;
  };
  const floorCount = Math.max(...rooms.map(visit)) + 1;
  const sorted = rooms.toSorted(compare);
  return Array.from({ length: floorCount }, (_, floor) =>
    sorted.filter((room) => floorOf.get(room) === floor),
  );
}
