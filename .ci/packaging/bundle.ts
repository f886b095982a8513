/**
 * Bundle: makes dist/ from src/ and from the packages that it uses, as the published package runs it.
 * Gives  one file for the command, one for each thread and for the process of the embedded servers, with what few runs need (another command,
 *        a schema, an embedded S3) in files that are loaded when they are asked for; source maps of what is ours; the licences of what is inside.
 *        What starts often is CommonJS (.cjs), which can be loaded with the code that an earlier start compiled (src/base/bundled.mjs), behind a
 *        module that does so.
 * Owns   dist/, which it replaces.
 * Never  bundles the addon, nor changes a name: errors are told by the names of their classes.
 */

import { readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { type OutputChunk, type Plugin, rolldown } from 'rolldown';
import { parseSync, Visitor } from 'rolldown/utils';

import { ENTRIES } from '../../src/base/package-root.ts';
import { commandConfig } from '../../src/commands/config.ts';
import { MANUAL } from '../../src/options/manual.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** Takes the place of dist/ when it is whole: a process that starts meanwhile finds the old one, or none. */
const OUT = join(ROOT, `dist-${process.pid}`);
const STARTED = new Date();
/** What is compiled into the addon. */
const LINKED = ['@nozbe/simdjson', 'node-api-headers'];
/** What Piscina starts in each thread, which then loads the thread's own file. It looks for it beside the file that it is in. */
const PISCINA_WORKER = join(ROOT, 'node_modules', 'piscina', 'dist', 'worker.js');
/** A thread loads one file, and what one run in a hundred needs; the command and the library share theirs, and so do the threads that speak to Kinesis. */
const BUNDLES: readonly Record<string, string>[] = [
  { main: ENTRIES.main, commands: ENTRIES.commands, index: ENTRIES.index, stages: ENTRIES.stages },
  { parse: ENTRIES.parse },
  { publish: ENTRIES.publish, read: ENTRIES.read },
];
/** Loaded as modules: an embedded server is started once for many runs, and the first file of a thread is small. */
const MODULES: readonly Record<string, string>[] = [
  { probe: ENTRIES.probe },
  { transform: ENTRIES.transform },
  { serve: ENTRIES.serve },
  { worker: PISCINA_WORKER },
];

type Front = (file: string, exported: readonly string[]) => readonly string[];
const LOADER = `import { bundled, keepCode } from '../src/base/bundled.mjs';`;
const THREAD =
  (name: string): Front =>
  (file) => [
    LOADER,
    `const { default: work } = bundled('${file}', '${name}');`,
    'async function run(task) {',
    '  try {',
    '    return await work(task);',
    '  } finally {',
    '    keepCode(true);',
    '  }',
    '}',
    // The second name is what `require` gives (test/packaging/thread-files.test.ts says why).
    `export { run as default, run as 'module.exports' };`,
  ];
const LIBRARY: Front = (file, exported) => [
  LOADER,
  `export const { ${exported.join(', ')} } = bundled('${file}', 'library');`,
  `process.once('exit', () => keepCode(true));`,
];
/** The module in front of each entry. A dry run, and one that is refused, do less than others of their kind: what they compile is not all. */
const FRONTS: Readonly<Record<Exclude<keyof typeof ENTRIES, 'serve' | 'probe' | 'transform'>, Front>> = {
  main: (file) => [
    LOADER,
    `const commands = ${JSON.stringify(Object.keys(MANUAL))};`,
    'export async function main(args) {',
    `  const kind = commands.includes(args[0]) && !args.includes('--help') ? args[0] : 'other';`,
    `  process.once('exit', (code) => keepCode(code < 2 && !args.includes('--dry-run')));`,
    `  await bundled('${file}', kind).main(args);`,
    '}',
  ],
  commands: (file, exported) => [
    `import { bundled } from '../src/base/bundled.mjs';`,
    `export const { ${exported.join(', ')} } = bundled('${file}', 'other');`,
  ],
  index: LIBRARY,
  stages: LIBRARY,
  parse: THREAD('parse'),
  publish: THREAD('publish'),
  read: THREAD('read'),
};

/**
 * An import of one of Node's modules reads all that it has to offer, and some of that is made only when it is read (undici, web cryptography):
 * 25 ms of each start. Here each is asked for what is used; TLS, 7 ms, where an endpoint is of https.
 */
const LAZY = new Set(['node:crypto', 'node:http2', 'node:readline', 'node:readline/promises', 'node:tls']);
/** Of these nothing is loaded before something is wrong. */
const ASSERTS = new Set(['node:assert', 'node:assert/strict']);

const BUILTINS: Plugin = {
  name: 'builtins',
  resolveId(id, _importer, { kind }) {
    if (!isBuiltin(id) || kind !== 'import-statement' || id === 'node:module') return null; // of the bundler's own code
    return { id: `\0${id.replace(/^(node:)?/, 'node:')}`, moduleSideEffects: false };
  },
  load(id) {
    if (!id.startsWith('\0node:')) return null;
    const builtin = process.getBuiltinModule(id.slice(1)) as object;
    const names = Object.keys(builtin).filter((name) => /^[a-z]\w*$/i.test(name));
    if (ASSERTS.has(id.slice(1))) return whenWrong(id.slice(1), names);
    if (LAZY.has(id.slice(1))) return lazily(id.slice(1), builtin, names);
    const lines = names
      .filter((name) => name !== 'default')
      .map((name) => `export const ${name} = it.${name};`);
    return [`const it = process.getBuiltinModule('${id.slice(1)}');`, 'export default it;', ...lines].join(
      '\n',
    );
  },
};

/** Few runs need them, and whoever imports them only calls their functions: each is loaded with the first call. */
function lazily(id: string, builtin: object, names: readonly string[]): string {
  const it = 'it()';
  const isCalled = (name: string) =>
    typeof Reflect.get(builtin, name) === 'function' && /^[a-z]/.test(name) && name !== 'default';
  const calls = names
    .filter(isCalled)
    .map((name) => `export const ${name} = (...args) => ${it}.${name}(...args);`);
  const rest = names.filter((name) => !isCalled(name) && name !== 'default');
  // Marked, so that what nobody uses is left out.
  const pure = (what: string) => `/* @__PURE__ */ (() => ${what})()`;
  const read = (what: string) => pure(`new Proxy({}, { get: (_, name) => ${it}${what}[name] })`);
  // Whoever takes one of its objects when it is loaded itself reads nothing of it yet.
  const objects = rest.filter((name) => /^[a-z]/.test(name));
  const whole = `new Proxy({ ${objects.join(', ')} }, { get: (own, name) => own[name] ?? ${it}[name] })`;
  return [
    'let known;',
    `const it = () => (known ??= process.getBuiltinModule('${id}'));`,
    ...calls,
    ...rest.map(
      (name) => `export const ${name} = ${/^[A-Z]/.test(name) ? pure(`${it}.${name}`) : read(`.${name}`)};`,
    ),
    `export default ${pure(whole)};`,
  ].join('\n');
}

/** Node's assertions: what holds is found out here, by the function itself and its `ok`; all else is said and done by Node's own. */
function whenWrong(id: string, names: readonly string[]): string {
  const others = names.filter((name) => !['default', 'ok', 'strict', 'AssertionError'].includes(name));
  return [
    `const it = () => process.getBuiltinModule('${id}');`,
    'const assert = (...args) => { if (!args[0]) it()(...args); };',
    `export default Object.assign(assert, { ok: assert, ${others.map((name) => `${name}: (...args) => it().${name}(...args)`).join(', ')} });`,
    'export const ok = assert;',
    ...others.map((name) => `export const ${name} = (...args) => it().${name}(...args);`),
  ].join('\n');
}

/** What is imported while it runs, by a name that the bundler does not follow: the loader of CommonJS brings what imports it. */
const IMPORTS: Plugin = {
  name: 'imports',
  renderChunk(code) {
    if (!code.includes('import(')) return null;
    const starts: number[] = [];
    new Visitor({ ImportExpression: ({ start }) => starts.push(start) }).visit(
      parseSync('bundle.js', code).program,
    );
    if (starts.length === 0) return null;
    // From the end, so that places stay where they are. As long as `import`, so that the map stays true.
    const put = (text: string, at: number) => `${text.slice(0, at)}load__${text.slice(at + 6)}`;
    return { code: starts.sort((a, b) => b - a).reduce(put, code), map: null };
  },
};

/** How code of the other kind says where it lies. */
const HERE = {
  cjs: { 'import.meta.url': '__url', 'import.meta.dirname': '__dirname' },
  esm: { __dirname: 'import.meta.dirname' },
};

async function bundle(input: Record<string, string>, format: 'cjs' | 'esm'): Promise<OutputChunk[]> {
  const build = await rolldown({
    cwd: ROOT,
    input,
    platform: 'node',
    plugins: [BUILTINS, ...(format === 'cjs' ? [IMPORTS] : [])],
    checks: { pluginTimings: false },
    treeshake: { propertyReadSideEffects: false },
    resolve: { mainFields: ['module', 'main'] }, // of the SDK's two forms the one that can be shaken
    external: ['@napi-rs/nice'], // Piscina's, optional: we ask for no niceness
    transform: { define: HERE[format] },
    onLog: (level, log, print) => log.code !== 'INEFFECTIVE_DYNAMIC_IMPORT' && print(level, log),
  });
  const { output } = await build.write({
    dir: OUT,
    format,
    exports: 'named',
    charset: 'ascii',
    comments: false,
    // Nothing is renamed or rewritten: white space alone is taken out.
    minify: { compress: false, mangle: false, codegen: true },
    sourcemap: true,
    sourcemapExcludeSources: true,
    // With a hash of what is in it: compiled code is kept by that name.
    entryFileNames: format === 'cjs' ? '[name]-[hash].cjs' : '[name].js',
    chunkFileNames: `${Object.keys(input)[0]}-[name]-[hash].${format === 'cjs' ? 'cjs' : 'js'}`,
  });
  await build.close();
  const chunks = output.filter((file) => file.type === 'chunk');
  for (const chunk of chunks) {
    if (format === 'cjs') writeFront(chunk);
    if (chunk.moduleIds.every(isForeign)) dropMap(chunk.fileName);
  }
  return chunks;
}

/** Of a package, or the bundler's own. */
function isForeign(moduleId: string): boolean {
  return packageOf(moduleId) !== null || moduleId.startsWith('\0');
}

/** A file without a line of ours is not looked into: its map would be a fifth of the package, for nobody. */
function dropMap(fileName: string): void {
  const path = join(OUT, fileName);
  rmSync(`${path}.map`, { force: true });
  writeFileSync(path, readFileSync(path, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'));
}

function writeFront({ name, fileName, exports, isEntry, code }: OutputChunk): void {
  if (/[^\0-\x7f]/.test(code)) throw new Error(`${fileName} is not ASCII`);
  if (!isEntry) return;
  const lines = FRONTS[name as keyof typeof FRONTS](fileName, exports);
  writeFileSync(join(OUT, `${name}.js`), `${lines.join('\n')}\n`);
}

/** The folder of the package that a module is of, or null where it is ours. */
function packageOf(moduleId: string): string | null {
  return /^.*\/node_modules\/(@[^/]+\/)?[^/]+/.exec(moduleId)?.[0] ?? null;
}

/** Name, version and licence of a package, with the text where it brings one. */
function describe(folder: string): { name: string; version: string; license: string; text: string } {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.|$|-mit)/i.test(entry));
  return { name, version, license, text: file === undefined ? '' : readFileSync(join(folder, file), 'utf8') };
}

/** What oclif needs to know of the commands for help and for errors, so that it loads none of them. */
async function writeManifest(): Promise<void> {
  const config = commandConfig();
  await config.load();
  const { manifest } = config.getPluginsList()[0] as unknown as { manifest: object };
  writeFileSync(join(OUT, 'oclif.manifest.json'), JSON.stringify(manifest));
}

const bundling = [
  ...BUNDLES.map((input) => bundle(input, 'cjs')),
  ...MODULES.map((input) => bundle(input, 'esm')),
];
const chunks = (await Promise.all(bundling)).flat();
const bundled = chunks.flatMap(({ moduleIds }) => moduleIds.map(packageOf)).filter((it) => it !== null);
const folders = new Set([...bundled, ...LINKED.map((name) => join(ROOT, 'node_modules', name))]);
const packages = [...folders].sort().map(describe);
const licences = packages.map(
  ({ name, version, license, text }) => `${name} ${version}, ${license}\n\n${text}`,
);
const head =
  'Code of these packages is in the files of this folder and in the native addon, under their licences.';
writeFileSync(join(OUT, 'THIRD-PARTY.txt'), [head, ...licences].join(`\n${'-'.repeat(80)}\n`));
writeFileSync(join(OUT, 'packages.json'), JSON.stringify(packages.map(({ text, ...rest }) => rest)));
await writeManifest();
// What is asked of npm pack goes to stdout.
const bytes = chunks.reduce((sum, { code }) => sum + code.length, 0);
console.error(
  `dist: ${chunks.length} files, ${(bytes / 1e6).toFixed(1)} MB of JavaScript, ${folders.size} packages inside`,
);
// What was changed since then is not in it (src/base/built-form.mjs).
utimesSync(join(OUT, 'main.js'), STARTED, STARTED);
rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
renameSync(OUT, join(ROOT, 'dist'));
if (process.argv.includes('--verbose'))
  for (const { fileName, code } of chunks.toSorted((a, b) => b.code.length - a.code.length))
    console.log(`  ${code.length} ${fileName}`);
