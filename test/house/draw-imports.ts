/**
 * The picture of imports: `npm run imports` prints it, `npm run imports -- --write` puts it into docs/ARCHITECTURE.md.
 * Takes  the root of another checkout, if one is named.
 * Gives  a line of counts and a Mermaid graph: rooms by floor, highest first; dotted arrows point up.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readImports } from './imports.ts';
import { drawRooms, type Picture } from './rooms.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PAGE = join(ROOT, 'docs', 'ARCHITECTURE.md');
const PLACE = /(<!-- npm run imports -- --write -->\n).*?(<!-- end of the picture -->)/s;

function countsOf({ floors, arrows, circles }: Picture): string {
  const upwardCount = arrows.filter(({ isUpward }) => isUpward).length;
  const inCircles = circles.length === 0 ? '' : ` (${circles.map((rooms) => rooms.join(', ')).join('; ')})`;
  const counts = [
    `${floors.flat().length} rooms on ${floors.length} floors`,
    `${arrows.length} arrows`,
    `${upwardCount} upwards`,
    `${circles.length} circles${inCircles}`,
  ];
  return `${counts.join(', ')}.`;
}

/** One line a room names all that it imports; GitHub draws it. */
function mermaidOf({ floors, arrows }: Picture): string {
  const idOf = (room: string) => room.replaceAll(/\W/g, '_');
  const nameOf = (room: string) => room.replace(/^src\//, '');
  const targets = (room: string, up: boolean) =>
    arrows.filter(({ from, isUpward }) => from === room && isUpward === up).map(({ to }) => idOf(to));
  const arrow = (room: string, up: boolean, line: string) =>
    targets(room, up).length === 0 ? [] : [`  ${idOf(room)} ${line} ${targets(room, up).join(' & ')}`];
  const rows = floors.map((rooms, floor) => [
    `  subgraph floor${floor}[floor ${floor}]`,
    `    ${rooms.map((room) => `${idOf(room)}["${nameOf(room)}"]`).join('; ')}`,
    '  end',
  ]);
  const lines = floors
    .toReversed()
    .flatMap((rooms) =>
      rooms.flatMap((room) => [...arrow(room, false, '-->'), ...arrow(room, true, '-.->')]),
    );
  return ['flowchart TB', ...rows.toReversed().flat(), ...lines].join('\n');
}

/** What docs/ARCHITECTURE.md shows of a checkout. */
function describeImports(root: string): string {
  const picture = drawRooms(readImports(root));
  return `${countsOf(picture)}\n\n\`\`\`mermaid\n${mermaidOf(picture)}\n\`\`\`\n`;
}

/** docs/ARCHITECTURE.md as it should be. */
export function pageWithPicture(): string {
  const page = readFileSync(PAGE, 'utf8');
  if (!PLACE.test(page)) throw new Error(`Cannot draw the imports: ${PAGE} has no place for the picture`);
  return page.replace(PLACE, (_, begin, end) => `${begin}${describeImports(ROOT)}${end}`);
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { write: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  if (values.write) writeFileSync(PAGE, pageWithPicture());
  else process.stdout.write(describeImports(positionals[0] ?? ROOT));
}
