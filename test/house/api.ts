/**
 * The page of the library: `npm run api` prints it, `npm run api -- --write` writes docs/API.md.
 * Takes  what src/index.ts exports, as TypeScript's own compiler sees it, with the comments that stand in the code.
 * Gives  Markdown: first what a program calls, then what it gets and gives, then the types that those name. Functions and methods come
 *        without bodies, classes without what is private.
 * Never  says anything that the code does not say.
 */
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import {
  isClassDeclaration,
  isFunctionDeclaration,
  isIdentifier,
  isInterfaceDeclaration,
  isVariableDeclaration,
  type ModifierLike,
  type Node,
  SyntaxKind,
} from 'typescript/unstable/ast';
import {
  API,
  type Checker,
  type Symbol as Named,
  NodeBuilderFlags,
  SymbolFlags,
} from 'typescript/unstable/sync';
import { AWS_FLAGS } from '../../src/options/aws.ts';
import { BACKFILL_FLAGS } from '../../src/options/backfill.ts';
import { type Flag, type FlagTable, helpOf } from '../../src/options/flag.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PAGE = join(ROOT, 'docs', 'API.md');
const FACE = join(ROOT, 'src', 'index.ts');
/** What else a program may import, each by its name. */
const OTHER_FACES = {
  'millrace/stages': join(ROOT, 'src', 'shape', 'stages', 'library.ts'),
  'millrace/transform': join(ROOT, 'src', 'shape', 'stages', 'transform.ts'),
} as const;

interface Entry {
  readonly name: string;
  readonly symbol: Named;
  readonly node: Node;
}

const declarationOf = (symbol: Named): Node | undefined =>
  (symbol.valueDeclaration ?? symbol.declarations[0])?.resolve();

function followed(checker: Checker, symbol: Named): Named {
  return (symbol.flags & SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol);
}

/** A comment in Markdown: `{@link}` and its like do not occur in this code. */
function commentOf(checker: Checker, symbol: Named): string {
  const tags = checker.getJsDocTagsOfSymbol(symbol).map(({ name, text }) => {
    const words = (text ?? '').trim().replaceAll(/\s+/g, ' ');
    const [first = '', ...rest] = words.split(' ');
    if (name === 'param') return `- \`${first}\`: ${rest.join(' ')}`;
    if (name === 'throws') return `- throws ${words.replace(/^\{(\w+)\}/, '`$1`:')}`;
    return `- ${name}: ${words}`;
  });
  const text = checker.getDocumentationCommentOfSymbol(symbol).trim();
  return [text, tags.join('\n')].filter((part) => part !== '').join('\n\n');
}

/** What members of classes have in common. */
interface Member extends Node {
  readonly name?: Node;
  readonly modifiers?: readonly ModifierLike[];
  readonly body?: Node;
  readonly initializer?: Node;
}

const isHidden = (modifiers: readonly ModifierLike[] | undefined) =>
  (modifiers ?? []).some(({ kind }) => kind === SyntaxKind.PrivateKeyword);

/** Text up to a body. */
function signature(node: Node, body: Node | undefined): string {
  const text = node.getSourceFile().text;
  const end = body === undefined ? node.end : body.pos;
  return text.slice(node.getStart(), end).trim();
}

function classText(node: Node): string {
  if (!isClassDeclaration(node)) return '';
  const text = node.getSourceFile().text;
  const members = node.members.flatMap((member) => {
    const { name, modifiers, body, initializer } = member as Member;
    if (isHidden(modifiers) || name?.kind === SyntaxKind.PrivateIdentifier) return [];
    const comment = text.slice(member.pos, member.getStart()).trim();
    const line = signature(member, body ?? initializer).replace(/\s*[=;]?$/, ';');
    return [...(comment === '' ? [] : [`  ${comment}`]), `  ${line}`];
  });
  const header = text.slice(node.getStart(), node.members.pos).trim();
  return `${header}\n${members.join('\n')}\n}`;
}

/** Whether members of an interface come from tables of flags. */
const isDerived = (node: Node) =>
  isInterfaceDeclaration(node) &&
  (node.heritageClauses ?? []).some((clause) => /typeof \w+_FLAGS/.test(clause.getText()));

const FLAGS: FlagTable = { ...AWS_FLAGS, ...BACKFILL_FLAGS };

const saidOf = (flag: Flag) => (flag.isOnlyInFile ? helpOf(flag) : `--${flag.name}: ${helpOf(flag)}`);

/** Members one by one, each with what its flag is called and says. */
function derivedText(checker: Checker, { name, symbol, node }: Entry): string {
  const members = checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol)).flatMap((member) => {
    const type = checker.typeToString(checker.getTypeOfSymbol(member)!, node, NodeBuilderFlags.NoTruncation);
    const isOptional = (member.flags & SymbolFlags.Optional) !== 0;
    const flag = Object.hasOwn(FLAGS, member.name) ? FLAGS[member.name] : undefined;
    const shown = type.replaceAll('"', "'").replace(/ \| undefined$/, '');
    const said = flag === undefined ? commentOf(checker, member) : saidOf(flag);
    return [
      ...(said === '' ? [] : [`  /** ${said} */`]),
      `  readonly ${member.name}${isOptional ? '?' : ''}: ${shown};`,
    ];
  });
  return `export interface ${name} {\n${members.join('\n')}\n}`;
}

/** Types that the members of a derived interface name, where it stands. */
function namedByMembers(checker: Checker, entry: Entry): Named[] {
  const names = new Set(
    derivedText(checker, entry)
      .replaceAll(/\/\*\*.*?\*\//g, '')
      .match(/\b[A-Z]\w+\b/g),
  );
  names.delete(entry.name);
  return [...names].flatMap((name) => {
    const symbol = checker.resolveName(name, SymbolFlags.Type, entry.node);
    return symbol === undefined ? [] : [followed(checker, symbol)];
  });
}

/** A function that takes this or that has a head for each; the one with the body is nobody's to call. */
function headsOf(symbol: Named): string {
  const declared = symbol.declarations
    .map((declaration) => declaration.resolve())
    .filter((node) => node !== undefined);
  const heads = declared.filter(isFunctionDeclaration);
  const called = heads.length === 1 ? heads : heads.filter(({ body }) => body === undefined);
  return called.map((node) => `${signature(node, node.body).replace(/;$/, '')};`).join('\n');
}

function textOf(node: Node, symbol: Named): string {
  if (isFunctionDeclaration(node)) return headsOf(symbol);
  if (isClassDeclaration(node)) return classText(node);
  if (isVariableDeclaration(node)) return `export const ${node.getText()};`;
  return node.getText();
}

/** Types of src/ that a declaration names, in the order in which it names them. */
function namedBy(checker: Checker, node: Node): Named[] {
  const found: Named[] = [];
  const visit = (inner: Node): void => {
    if (inner.kind === SyntaxKind.Block || inner.kind === SyntaxKind.PrivateIdentifier) return;
    if (isIdentifier(inner)) {
      const symbol = checker.getSymbolAtLocation(inner);
      if (symbol !== undefined) found.push(followed(checker, symbol));
    }
    inner.forEachChild(visit);
  };
  node.forEachChild(visit);
  const kinds = SymbolFlags.Interface | SymbolFlags.TypeAlias | SymbolFlags.Class;
  return found.filter((symbol) => (symbol.flags & kinds) !== 0);
}

const isOurs = (node: Node | undefined): node is Node =>
  node?.getSourceFile().fileName.startsWith(join(ROOT, 'src')) === true;

function collect(checker: Checker, face: Named): { shown: Entry[]; named: Entry[] } {
  const shown = checker.getExportsOfModule(face).flatMap((symbol) => {
    const target = followed(checker, symbol);
    const node = declarationOf(target);
    return node === undefined ? [] : [{ name: symbol.name, symbol: target, node }];
  });
  const named: Entry[] = [];
  const known = new Set(shown.map(({ symbol }) => symbol.id));
  for (const entry of iterate(shown, named)) {
    const symbols = isDerived(entry.node) ? namedByMembers(checker, entry) : namedBy(checker, entry.node);
    for (const symbol of symbols) {
      const declaration = declarationOf(symbol);
      if (known.has(symbol.id) || !isOurs(declaration)) continue;
      if ((symbol.flags & SymbolFlags.TypeParameter) !== 0) continue;
      known.add(symbol.id);
      named.push({ name: symbol.name, symbol, node: declaration });
    }
  }
  return { shown, named };
}

/** First the one list, then the other, which grows meanwhile. */
function* iterate(shown: readonly Entry[], named: readonly Entry[]): Generator<Entry> {
  yield* shown;
  for (let i = 0; i < named.length; i++) yield named[i]!;
}

function sectionOf(checker: Checker, entry: Entry): string {
  const { name, symbol, node } = entry;
  const place = relative(ROOT, node.getSourceFile().fileName).replaceAll('\\', '/');
  const own = symbol.name === name ? '' : ` (\`${symbol.name}\` in the code)`;
  const comment = commentOf(checker, symbol);
  const text = isDerived(node) ? derivedText(checker, entry) : textOf(node, symbol);
  const code = `\`\`\`ts\n${text}\n\`\`\``;
  return [`### ${name}`, `\`${place}\`${own}`, ...(comment === '' ? [] : [comment]), code].join('\n\n');
}

/** docs/API.md as it should be. */
export function describeLibrary(): string {
  const api = new API({ cwd: ROOT });
  try {
    const config = join(ROOT, 'tsconfig.json');
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config);
    if (project === undefined) throw new Error(`Cannot read ${config}: the compiler knows it not`);
    const { checker } = project;
    const faceOf = (path: string): Named => {
      const file = project.program.getSourceFile(path);
      const face = file && checker.getSymbolAtLocation(file);
      if (face === undefined) throw new Error(`Cannot read ${path}: the compiler knows it not`);
      return face;
    };
    const face = faceOf(FACE);
    const { shown, named } = collect(checker, face);
    const isCalled = ({ node }: Entry) => isFunctionDeclaration(node) || isClassDeclaration(node);
    const parts = [
      { title: 'What a program calls', list: shown.filter(isCalled) },
      { title: 'What it gives and gets', list: shown.filter((entry) => !isCalled(entry)) },
      { title: 'Types that those name', list: named },
    ];
    const introduction =
      'What `src/index.ts` exports, with the comments of the code. `npm run api -- --write` writes this page, a test says when it is stale; `examples/`\n' +
      "has programs that use it. Types of the last part have no name of their own in the package: `BackfillOptions['aws']` is how to say one.";
    const sections = parts.map(
      ({ title, list }) => `## ${title}\n\n${list.map((entry) => sectionOf(checker, entry)).join('\n\n')}`,
    );
    const known = new Set([...shown, ...named].map(({ symbol }) => symbol.id));
    const others = Object.entries(OTHER_FACES).map(([name, path]) => {
      const given = collect(checker, faceOf(path));
      const list = [...given.shown, ...given.named.filter(({ symbol }) => !known.has(symbol.id))];
      return `## ${name}\n\n${list.map((entry) => sectionOf(checker, entry)).join('\n\n')}`;
    });
    return `# The library\n${introduction}\n\n${[...sections, ...others].join('\n\n')}\n`;
  } finally {
    api.close();
  }
}

if (import.meta.main) {
  if (process.argv.includes('--write')) writeFileSync(PAGE, describeLibrary());
  else process.stdout.write(describeLibrary());
}
