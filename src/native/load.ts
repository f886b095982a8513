/**
 * Load: finds the native addon, wherever this package runs from.
 * Takes  MILLRACE_SCANNER=portable (use none) and MILLRACE_ADDON=<path> (use this build, e.g. one with sanitizers); else the addon that
 *        was built here (build/), else the one that the package brings for this platform (prebuilt/).
 * Gives  the addon's exports, or null and the reason. The answer is kept: one look for each thread.
 * Never  throws and never prints: whoever asks decides what to say. Never lets the system map a file that is not whole: that would
 *        end the process with SIGBUS. Only what MILLRACE_ADDON names is loaded without a sum beside it.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { packageRoot } from '../base/package-root.ts';
import { damageOf, isMusl } from './addon-file.ts';
import { sumOfSources } from './sources-sum.mjs';

export type NativeAddon = Readonly<Record<string, (...args: never[]) => unknown>>;

export type LoadedAddon =
  | { readonly addon: NativeAddon; readonly reason: null }
  | { readonly addon: null; readonly reason: string };

let loaded: LoadedAddon | undefined;

/** What a thread tells those that it starts later: which file it has found whole, so that they need not read it again. */
const WHOLE = 'millrace: the addon that is whole';

/** The addon of this package, or the reason why there is none. */
export function loadAddon(): LoadedAddon {
  loaded ??= load(process.env);
  return loaded;
}

function load(env: NodeJS.ProcessEnv): LoadedAddon {
  if (env.MILLRACE_SCANNER === 'portable') {
    return { addon: null, reason: 'MILLRACE_SCANNER=portable' };
  }
  if (env.MILLRACE_ADDON) return loadFile(env.MILLRACE_ADDON, { mayLackSum: true });
  const root = fileURLToPath(packageRoot());
  const platform = `${process.platform}-${process.arch}`;
  const built = join(root, 'build', 'millrace.node');
  const prebuilt = join(root, 'prebuilt', platform, 'millrace.node');
  const reasons: string[] = [];
  for (const path of [built, prebuilt]) {
    if (!existsSync(path)) continue;
    if (path === prebuilt && isMusl())
      reasons.push('the prebuilt one needs glibc, and this Node is linked to musl');
    else {
      const found = loadFile(path, { sourcesFolder: path === built ? join(root, 'src', 'native') : null });
      if (found.addon !== null) return found;
      reasons.push(found.reason);
    }
  }
  if (reasons.length === 0) reasons.push(`there is no prebuilt addon for ${platform}`);
  return { addon: null, reason: `${reasons.join('; ')}; to build it: ${buildCommand(root)}` };
}

interface FileRules {
  readonly mayLackSum?: boolean;
  /** It must be built from the sources that lie there, if any do. */
  readonly sourcesFolder?: string | null;
}

function loadFile(path: string, { mayLackSum = false, sourcesFolder = null }: FileRules = {}): LoadedAddon {
  const damage = mayLackSum && !existsSync(`${path}.sum`) ? null : damageUnlessKnown(path, sourcesFolder);
  if (damage !== null) return { addon: null, reason: `${path} cannot be loaded: ${damage}` };
  try {
    return { addon: createRequire(import.meta.url)(path) as NativeAddon, reason: null };
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    return { addon: null, reason: `it cannot be loaded: ${message}` };
  }
}

/** What is wrong with an addon, or null; it is not read where the thread that has started this one has read the same file. */
function damageUnlessKnown(path: string, sourcesFolder: string | null): string | null {
  const file = statSync(path, { throwIfNoEntry: false });
  const name = `${path} ${file?.ino} ${file?.size} ${file?.mtimeMs}`;
  if (file !== undefined && getEnvironmentData(WHOLE) === name) return null;
  const damage = damageOf(path, sourcesFolder === null ? null : sumOfSources(sourcesFolder));
  if (damage === null) setEnvironmentData(WHOLE, name);
  return damage;
}

/** Names what the addon is compiled from, which is not part of the package. */
function buildCommand(root: string): string {
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const sources = ['@nozbe/simdjson', 'node-api-headers'].map(
    (name) => `-p ${name}@${devDependencies?.[name]}`,
  );
  return `npx -y ${sources.join(' ')} node ${join(root, 'src', 'native', 'build.mjs')}`;
}
