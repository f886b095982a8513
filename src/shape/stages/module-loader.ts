/**
 * Module loader: JavaScript and TypeScript of the user's, and the hash of what was really loaded.
 * Takes  modules, one after the other, in one thread.
 * Gives  what each exports under a name, and a hash of all files that were loaded until then: the module, what it imports, and what
 *        that imports, with the places where they lie beside each other. Where one cannot be loaded: the file, the line and the reason.
 * Owns   the list of those files. A module that imports another one only while it works, or reads files, is hashed without them.
 * Never  keeps a module from doing what Node lets it do: it is the user's own code. TypeScript is stripped of its types by Node.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { type LoadHookSync, type ResolveHookSync, registerHooks } from 'node:module';
import { dirname, isAbsolute, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { OptionsError } from '../../base/errors.ts';
import { packageRoot } from '../../base/package-root.ts';
import { provideOwnNames } from './own-names.ts';

export interface LoadedModule {
  readonly exported: unknown;
  /** SHA-256, in hexadecimal digits. */
  readonly hash: string;
}

export class ModuleLoader {
  /** Content hashes by path. */
  readonly #files = new Map<string, string>();
  /** What files of this package import from elsewhere. */
  readonly #borrowed = new Set<string>();
  /** By URL. */
  readonly #loaded = new Map<
    string,
    { readonly names: Readonly<Record<string, unknown>>; readonly hash: string }
  >();

  /** @param module An absolute path, or a file URL. @throws {OptionsError} When it cannot be loaded. */
  async load(module: string, name: string): Promise<LoadedModule> {
    const url = isAbsolute(module) ? pathToFileURL(module).href : module;
    const known = this.#loaded.get(url);
    if (known !== undefined) return { exported: known.names[name], hash: known.hash };
    const load: LoadHookSync = (loaded, context, next) => {
      const result = next(loaded, context);
      this.#note(loaded);
      return result;
    };
    if (!statSync(new URL(url), { throwIfNoEntry: false })?.isFile())
      throw new OptionsError([`Cannot load --transform ${module}: there is no such file.`]);
    const resolve: ResolveHookSync = (specifier, context, next) => {
      const result = next(specifier, context);
      const { parentURL = '' } = context;
      const isAsked = specifier === url; // by this very file
      if (!isAsked && (isOwn(parentURL) || this.#borrowed.has(parentURL))) this.#borrowed.add(result.url);
      return result;
    };
    provideOwnNames();
    const hooks = registerHooks({ load, resolve });
    let names: Readonly<Record<string, unknown>>;
    try {
      names = (await import(url)) as Readonly<Record<string, unknown>>;
    } catch (error) {
      throw new OptionsError([
        `Cannot load --transform ${module}: ${reasonOf(error, [...this.#files.keys()])}.`,
      ]);
    } finally {
      hooks.deregister();
    }
    const hash = this.#hash(dirname(fileURLToPath(url)));
    this.#loaded.set(url, { names, hash });
    return { exported: names[name], hash };
  }

  #note(url: string): void {
    // Files of this package, and what they import, are no work of the user's: another version of it is not another run.
    if (!url.startsWith('file:') || isOwn(url) || this.#borrowed.has(url)) return;
    const path = fileURLToPath(url);
    this.#files.set(path, createHash('sha256').update(readFileSync(path)).digest('hex'));
  }

  #hash(folder: string): string {
    const lines = [...this.#files].map(
      ([path, hash]) => `${relative(folder, path).split(sep).join('/')} ${hash}\n`,
    );
    return createHash('sha256').update(lines.sort().join('')).digest('hex');
  }
}

const CHECK_MS = 5000;
const OWN = ['dist/', 'src/', 'workers/'].map((folder) => new URL(folder, packageRoot()).href);

function isOwn(url: string): boolean {
  return OWN.some((folder) => url.startsWith(folder));
}

/** What an error says, and where in the user's files it happened. @param files Those that were loaded. */
function reasonOf(error: unknown, files: readonly string[]): string {
  if (!(error instanceof Error)) return String(error);
  const place = placeIn(error.stack ?? '') ?? (error instanceof SyntaxError ? placeOfSyntax(files) : null);
  return `${error.name}: ${error.message.split('\n', 1)[0]}${place === null ? '' : ` (${place})`}`;
}

/** The first place in a file, as Node writes it in front of an error, or behind it. */
function placeIn(stack: string): string | null {
  const first = /^((?:\/|[a-zA-Z]:).*):(\d+)$/m.exec(stack);
  const url = /(file:\/\/[^\s)]+?):(\d+)(?=[:)\s])/.exec(stack);
  if (first === null && url === null) return null;
  const [, path, line] = (first ?? url)!;
  return isOwn(path!) ? null : `${path!.startsWith('file:') ? fileURLToPath(path!) : path}, line ${line}`;
}

/** V8 tells nobody but the terminal in which line the syntax is wrong: Node is asked to look at the file. */
function placeOfSyntax(files: readonly string[]): string | null {
  for (const path of files.toReversed()) {
    const { stderr } = spawnSync(process.execPath, ['--check', path], {
      encoding: 'utf8',
      timeout: CHECK_MS,
    });
    const place = placeIn(stderr);
    if (place !== null) return place;
  }
  return null;
}
