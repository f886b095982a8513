/**
 * Load: finds the native addon, wherever this package runs from.
 * Takes  MILLRACE_SCANNER=portable (use none) and MILLRACE_ADDON=<path> (use this build, e.g. one with sanitizers).
 * Gives  the addon's exports, or null and the reason. The answer is kept: one look for each thread.
 * Never  throws and never prints: whoever asks decides what to say.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type NativeAddon = Readonly<Record<string, (...args: never[]) => unknown>>;

export type LoadedAddon =
  | { readonly addon: NativeAddon; readonly reason: null }
  | { readonly addon: null; readonly reason: string };

let loaded: LoadedAddon | undefined;

/** The addon of this package, or the reason why there is none. */
export function loadAddon(): LoadedAddon {
  loaded ??= load(process.env);
  return loaded;
}

function load(env: NodeJS.ProcessEnv): LoadedAddon {
  if (env.MILLRACE_SCANNER === 'portable') {
    return { addon: null, reason: 'MILLRACE_SCANNER=portable' };
  }
  const path = env.MILLRACE_ADDON ?? findAddon();
  if (path === null) return { addon: null, reason: 'it was not built' };
  try {
    return { addon: createRequire(import.meta.url)(path) as NativeAddon, reason: null };
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    return { addon: null, reason: `it cannot be loaded: ${message}` };
  }
}

/** Walks up to the package root: the sources lie at src/native, what is published at dist/src/native. */
function findAddon(): string | null {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    if (existsSync(join(folder, 'package.json'))) {
      const path = join(folder, 'build', 'millrace.node');
      return existsSync(path) ? path : null;
    }
    const parent = dirname(folder);
    if (parent === folder) return null;
    folder = parent;
  }
}
