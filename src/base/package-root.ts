/** Package root: where package.json, build/, prebuilt/, workers/ and dist/ lie, seen from a source file as well as from a bundle. */
import { existsSync } from 'node:fs';

/** What is started by its file: as a source in the repository, bundled in the package (.ci/packaging/bundle.ts). */
export const ENTRIES = {
  main: 'src/commands/main.ts',
  commands: 'src/commands/index.ts',
  index: 'src/index.ts',
  stages: 'src/shape/stages/library.ts',
  transform: 'src/shape/stages/transform.ts',
  parse: 'workers/parse.ts',
  publish: 'workers/publish.ts',
  read: 'workers/read.ts',
  probe: 'workers/probe.ts',
  serve: 'src/embedded/serve.ts',
} as const;

/** The folder of package.json, as a URL that ends with a slash. */
export function packageRoot(): URL {
  let folder = new URL('./', import.meta.url);
  // dist/ holds no package.json of its own, so the first one upwards is the package's.
  while (!existsSync(new URL('package.json', folder))) folder = new URL('../', folder);
  return folder;
}

/** The file of an entry: of the same form as the code that asks. */
export function entryFile(name: keyof typeof ENTRIES): URL {
  return new URL(import.meta.url.endsWith('.ts') ? ENTRIES[name] : `dist/${name}.js`, packageRoot());
}
