/**
 * Load: packages that only contenders need. They are installed with `npm ci --prefix bench`, and users and tests go without.
 * Gives  the package's module, or null where it is not installed or cannot be loaded on this Node.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(new URL('../package.json', import.meta.url));

export async function loadContender(name: 'p-limit' | 'simdjson'): Promise<unknown> {
  try {
    return await import(pathToFileURL(require.resolve(name)).href);
  } catch {
    return null;
  }
}
