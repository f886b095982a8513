/**
 * Plots: kept figures as one HTML page that needs nothing but itself.
 * Takes  kept programs. Gives  HTML with a table for each case, and an SVG plot for each case and metric: bars, or a line where the
 *        contenders are numbers (cores, shards, gigabytes). Bars and points are medians, whiskers lowest and highest run.
 * Never  reads a file.
 */
import { type Figure, format, type KeptProgram, median, spread } from './report.ts';

/** What a program without figures of its own printed. */
export interface KeptText {
  readonly program: string;
  readonly output: string;
}

const LABEL_PX = 230;
const BAR_PX = 380;
const ROW_PX = 24;
const LINE_HEIGHT_PX = 150;
const LINE_WIDTH_PX = 560;
const WIDTH_PX = LABEL_PX + BAR_PX + 90;
const LINE_POINTS_MIN = 3;

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => ESCAPES[char]!);
}

function svg(width: number, height: number, label: string, content: string): string {
  return `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-size="12" font-family="sans-serif" role="img" aria-label="${escapeHtml(label)}">${content}</svg>`;
}

function highestOf(figures: readonly Figure[]): number {
  return Math.max(...figures.flatMap(({ values }) => values), Number.MIN_VALUE);
}

function bars(figures: readonly Figure[]): string {
  const highest = highestOf(figures);
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
  return svg(WIDTH_PX, figures.length * ROW_PX, figures[0]!.metric, rows.join(''));
}

/** Points at equal distances, since values double from one to the next; the axis begins at zero. */
function line(figures: readonly Figure[]): string {
  const highest = highestOf(figures);
  const step = (LINE_WIDTH_PX - 80) / Math.max(1, figures.length - 1);
  const x = (index: number) => 40 + index * step;
  const y = (value: number) => 20 + (1 - value / highest) * (LINE_HEIGHT_PX - 45);
  const points = figures.map(({ contender, values }, index) => {
    const middle = median(values);
    const [low, high] = [y(Math.min(...values)), y(Math.max(...values))];
    return (
      `<line x1="${x(index).toFixed(1)}" x2="${x(index).toFixed(1)}" y1="${low.toFixed(1)}" y2="${high.toFixed(1)}" stroke="#222"/>` +
      `<circle cx="${x(index).toFixed(1)}" cy="${y(middle).toFixed(1)}" r="3.5" fill="#4a7fb5"/>` +
      `<text x="${x(index).toFixed(1)}" y="${(high - 7).toFixed(1)}" text-anchor="middle">${format(middle)}</text>` +
      `<text x="${x(index).toFixed(1)}" y="${LINE_HEIGHT_PX - 6}" text-anchor="middle">${escapeHtml(contender)}</text>`
    );
  });
  const path = figures.map(({ values }, index) => `${x(index).toFixed(1)},${y(median(values)).toFixed(1)}`);
  return svg(
    LINE_WIDTH_PX,
    LINE_HEIGHT_PX,
    figures[0]!.metric,
    `<line x1="20" x2="${LINE_WIDTH_PX - 20}" y1="${y(0).toFixed(1)}" y2="${y(0).toFixed(1)}" stroke="#999"/>` +
      `<polyline points="${path.join(' ')}" fill="none" stroke="#4a7fb5" stroke-width="1.5"/>${points.join('')}`,
  );
}

function isCurve(figures: readonly Figure[]): boolean {
  return (
    figures.length >= LINE_POINTS_MIN && figures.every(({ contender }) => /^[\d.]+( GB)?$/.test(contender))
  );
}

/** The figures of one case as a table: contenders down, metrics across. */
function table(figures: readonly Figure[]): string {
  const metrics = [...new Set(figures.map(({ metric }) => metric))];
  const rows = [...Map.groupBy(figures, ({ contender }) => contender)].map(([contender, own]) => {
    const cells = metrics.map((metric) => {
      const found = own.find((figure) => figure.metric === metric);
      if (found === undefined) return '<td></td>';
      const { values } = found;
      const runs = values.length < 2 ? '' : ` <small>±${(spread(values) * 100).toFixed(0)}%</small>`;
      return `<td>${format(median(values))}${runs}</td>`;
    });
    return `<tr><th>${escapeHtml(contender)}</th>${cells.join('')}</tr>`;
  });
  const head = metrics.map((metric) => `<th>${escapeHtml(metric)}</th>`);
  return `<table><tr><th></th>${head.join('')}</tr>${rows.join('')}</table>`;
}

function programHtml({ program, question, command, machine, atIso, notes, figures }: KeptProgram): string {
  const cases = [...Map.groupBy(figures, (figure) => figure.case)].map(([name, group]) => {
    const charts = [...Map.groupBy(group, ({ metric }) => metric)].map(
      ([metric, own]) =>
        `<figure><figcaption>${escapeHtml(metric)}</figcaption>${isCurve(own) ? line(own) : bars(own)}</figure>`,
    );
    return `<h3>${escapeHtml(name)}</h3>${table(group)}<details open><summary>plots</summary>${charts.join('')}</details>`;
  });
  const said = notes.map((note) => `<p>${escapeHtml(note)}</p>`).join('');
  return `<section id="${escapeHtml(program)}"><h2>${escapeHtml(program)}: ${escapeHtml(question)}</h2><p><code>${escapeHtml(command)}</code><br>${escapeHtml(machine.line)}, ${atIso}</p>${said}${cases.join('')}</section>`;
}

const STYLE = [
  'body{font:15px sans-serif;margin:2em;max-width:75em}',
  'figure{margin:.5em 0}figcaption{font-weight:600}',
  'pre{overflow:auto;background:#f4f4f4;padding:1em}',
  'table{border-collapse:collapse;margin:.5em 0}',
  'td,th{padding:.15em .8em;text-align:right;border-bottom:1px solid #ddd;font-weight:400}',
  'tr:first-child th{font-weight:600}td{font-variant-numeric:tabular-nums}small{color:#777}',
].join('');

export function page(title: string, programs: readonly KeptProgram[], texts: readonly KeptText[]): string {
  const plain = texts.map(
    ({ program, output }) =>
      `<section><h2>${escapeHtml(program)}</h2><pre>${escapeHtml(output)}</pre></section>`,
  );
  const contents = programs.map(
    ({ program, question }) =>
      `<li><a href="#${escapeHtml(program)}">${escapeHtml(program)}</a>: ${escapeHtml(question)}</li>`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeHtml(title)}</title><style>${STYLE}</style><h1>${escapeHtml(title)}</h1><p>Bars and points are medians; thin lines show the lowest and the highest run. Compare ratios within one run, not figures of two machines.</p><ul>${contents.join('')}</ul>${programs.map(programHtml).join('')}${plain.join('')}</html>\n`;
}
