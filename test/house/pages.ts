/**
 * Pages: whatever a page or a comment points at is in the repository: files, headings, rows, decisions, scripts.
 * Gives  tests, to test/tidy.test.ts.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
});
const files = tracked.toString('utf8').trimEnd().split('\n');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const pages = files.filter((path) => path.endsWith('.md') && existsSync(join(root, path)));
/** What people write and read; data, kept runs and lockfiles are neither. */
const texts = files.filter(
  (path) =>
    /\.(ts|mjs|cc|h|py|sh|md|json|svg)$|^\.ci\//.test(path) &&
    !/^(test\/(data|fixtures|fuzz\/corpus)|bench\/runs)\/|package-lock\.json$|^CHANGELOG/.test(path) &&
    existsSync(join(root, path)),
);
/** Pages of other projects, which comments name with their owner beside them. */
const FOREIGN = ['aggregation-format.md', 'potential_data_loss.md'];

/** Headings as GitHub makes anchors of them. */
function anchorsOf(page: string): string[] {
  const headings = [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Each match as `path:line: text`, unless it is well. */
function wrong(
  paths: readonly string[],
  pattern: RegExp,
  isWell: (match: string[], path: string) => boolean,
): string[] {
  return paths.flatMap((path) => {
    const text = read(path);
    return [...text.matchAll(pattern)].flatMap((match) =>
      isWell(match as string[], path)
        ? []
        : [`${path}:${text.slice(0, match.index).split('\n').length}: ${match[0]}`],
    );
  });
}

describe('a page', () => {
  it('links to pages and headings that are there', () => {
    const bad = wrong(pages, /\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g, ([, to, anchor], from) => {
      const target = to === '' ? from : join(dirname(from), to!);
      if (!existsSync(join(root, target))) return false;
      return anchor === undefined || anchorsOf(target).includes(anchor);
    });
    expect(bad).toEqual([]);
  });

  it('names files that are there', () => {
    const current = pages.filter((path) => path !== 'CHANGELOG.md');
    const bad = wrong(
      current,
      /`((?:\.ci|src|workers|test|bench|docs|examples)\/[\w./*-]*)/g,
      ([, path], page) => {
        const place = path!.replace(/\.$/, '');
        return [place, join(dirname(page), place)].some((at) => globSync(at, { cwd: root }).length > 0);
      },
    );
    expect(bad).toEqual([]);
  });

  it('of decisions has a number of its own, and docs/ARCHITECTURE.md leads to it', () => {
    const decisions = readdirSync(join(root, 'docs', 'adr')).toSorted();
    const numbers = decisions.map((name) => Number(name.slice(0, 4)));
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    const architecture = read('docs/ARCHITECTURE.md');
    expect(decisions.filter((name) => !architecture.includes(`adr/${name}`))).toEqual([]);
  });

  it('is led to from README.md', () => {
    const linked = read('README.md');
    const listed = pages.filter((path) => /^(docs\/)?[A-Z]+\.md$/.test(path) && path !== 'README.md');
    expect(listed.filter((path) => !linked.includes(`(${path})`))).toEqual([]);
  });
});

describe('code and pages', () => {
  it('point at no page that the repository lacks', () => {
    const bad = wrong(texts, /(?<![\w./${-])([\w./-]*\w\.md)\b/g, ([, name], from) => {
      if (FOREIGN.includes(name!.split('/').at(-1)!)) return true;
      return [name!, join('docs', name!), join(dirname(from), name!)].some((path) =>
        existsSync(join(root, path)),
      );
    });
    expect(bad).toEqual([]);
  });

  it('name files that are there', () => {
    const named = /(?<![\w./${-])((?:src|workers|test|bench|docs|examples)\/[\w./-]+\.(?:ts|mjs|cc|h|py))\b/g;
    // Its houses are made up.
    const real = texts.filter((path) => path !== 'test/house/rooms.test.ts');
    expect(wrong(real, named, ([, path]) => existsSync(join(root, path!)))).toEqual([]);
  });

  it('quote headings that are there', () => {
    const bad = wrong(texts, /\b(docs\/\w+\.md)`?,? \(?"([^"\n]+)"/g, ([, page, heading]) => {
      if (!existsSync(join(root, page!))) return false;
      return read(page!)
        .split('\n')
        .some((line) => line.startsWith('#') && line.includes(heading!));
    });
    expect(bad).toEqual([]);
  });

  it('count rows of docs/RELIABILITY.md that are there', () => {
    const rows = new Set([...read('docs/RELIABILITY.md').matchAll(/^\| (\d+) \|/gm)].map(([, row]) => row));
    expect(rows.size).toBeGreaterThan(20);
    const bad = wrong(texts, /RELIABILITY\.md, rows? ((?:\d+|, | and )+)|['"`]row (\d+):/g, ([, many, one]) =>
      (many ?? one!).match(/\d+/g)!.every((row) => rows.has(row)),
    );
    expect(bad).toEqual([]);
  });

  it('speak of pages by their place, not of drafts that lie elsewhere', () => {
    const words =
      /\b(FACTS|USERS-ASK|PEERS|STYLE\.md|DESIGN)\b|(?<!\[)\bRELIABILITY(?!\.md)\b|\bdocs\/[A-Z]+\b(?!\.md)/g;
    expect(wrong(texts, words, (_, path) => path === 'test/house/pages.ts')).toEqual([]);
  });

  it('name scripts that package.json has', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const bad = wrong(texts, /\bnpm run (?:-s )?([a-z][\w:]*)/g, ([, name]) => name! in scripts);
    expect(bad).toEqual([]);
  });
});
