/** Package root: where package.json, build/ and workers/ lie, seen from a source file as well as from dist/. */
import { existsSync } from 'node:fs';

/** The folder of package.json, as a URL that ends with a slash. */
export function packageRoot(): URL {
  let folder = new URL('./', import.meta.url);
  // dist/ holds no package.json of its own, so the first one upwards is the package's.
  while (!existsSync(new URL('package.json', folder))) folder = new URL('../', folder);
  return folder;
}

/** The file of a thread entry: workers/<name>.ts in the repository, dist/workers/<name>.js in the package. */
export function workerFile(name: 'parse' | 'publish' | 'read'): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`../../workers/${name}.${extension}`, import.meta.url).href;
}
