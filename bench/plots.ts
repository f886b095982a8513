/**
 * Plots: kept figures as one HTML page that needs nothing but itself.
 * Takes  kept programs. Gives  HTML with a bar chart (SVG) for each case and metric; bars are medians, whiskers lowest and highest run.
 * Never  reads a file.
 */
import { type Figure, format, type KeptProgram, median } from './report.ts';

/** What a program without figures of its own printed. */
export interface KeptText {
  readonly program: string;
  readonly output: string;
}

const LABEL_PX = 190;
const BAR_PX = 380;
const ROW_PX = 24;
const WIDTH_PX = LABEL_PX + BAR_PX + 90;

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => ESCAPES[char]!);
}

function bars(figures: readonly Figure[]): string {
  const highest = Math.max(...figures.flatMap(({ values }) => values), Number.MIN_VALUE);
  const px = (value: number) => LABEL_PX + (value / highest) * BAR_PX;
  const rows = figures.map(({ contender, values }, row) => {
    const y = row * ROW_PX;
    const middle = median(values);
    const whisker =
      values.length < 2
        ? ''
        : `<line x1="${px(Math.min(...values)).toFixed(1)}" x2="${px(Math.max(...values)).toFixed(1)}" y1="${y + 11}" y2="${y + 11}" stroke="#222"/>`;
    return (
      `<text x="${LABEL_PX - 8}" y="${y + 15}" text-anchor="end">${escapeHtml(contender)}</text>` +
      `<rect x="${LABEL_PX}" y="${y + 3}" width="${(px(middle) - LABEL_PX).toFixed(1)}" height="16" fill="#4a7fb5"/>${whisker}` +
      `<text x="${Math.max(px(middle), px(Math.max(...values))) + 6}" y="${y + 15}">${format(middle)}</text>`
    );
  });
  return `<svg width="${WIDTH_PX}" height="${figures.length * ROW_PX}" font-size="12" font-family="sans-serif" role="img">${rows.join('')}</svg>`;
}

function programHtml({ program, question, command, machine, atIso, notes, figures }: KeptProgram): string {
  const cases = [...Map.groupBy(figures, (figure) => figure.case)].map(([name, group]) => {
    const charts = [...Map.groupBy(group, ({ metric }) => metric)].map(
      ([metric, own]) => `<figure><figcaption>${escapeHtml(metric)}</figcaption>${bars(own)}</figure>`,
    );
    return `<h3>${escapeHtml(name)}</h3>${charts.join('')}`;
  });
  const said = notes.map((note) => `<p>${escapeHtml(note)}</p>`).join('');
  return `<section><h2>${escapeHtml(program)}: ${escapeHtml(question)}</h2><p><code>${escapeHtml(command)}</code><br>${escapeHtml(machine.line)}, ${atIso}</p>${said}${cases.join('')}</section>`;
}

export function page(title: string, programs: readonly KeptProgram[], texts: readonly KeptText[]): string {
  const plain = texts.map(
    ({ program, output }) =>
      `<section><h2>${escapeHtml(program)}</h2><pre>${escapeHtml(output)}</pre></section>`,
  );
  const style =
    'body{font:15px sans-serif;margin:2em;max-width:60em}figure{margin:.5em 0}figcaption{font-weight:600}pre{overflow:auto;background:#f4f4f4;padding:1em}';
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeHtml(title)}</title><style>${style}</style><h1>${escapeHtml(title)}</h1><p>Bars are medians; lines show the lowest and the highest run. Compare ratios within one run, not figures of two machines.</p>${programs.map(programHtml).join('')}${plain.join('')}</html>\n`;
}
