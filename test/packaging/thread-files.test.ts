/**
 * Piscina's threads load their file by `require`. Of a module that has a default export alone, Node makes another face for it, and aborts the whole
 * process where the thread is ended while it does so (an assertion in CreateRequiredModuleFacade, Node 24). A module that says what `require`
 * gives needs no other face.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');

it.each(['parse', 'publish', 'read'])('the thread file %s says what require gives', async (name) => {
  const files = [join(ROOT, 'workers', `${name}.ts`), join(ROOT, 'dist', `${name}.js`)];
  const there = files.filter((file) => existsSync(file));
  expect(there).toContain(files[0]);
  for (const file of there) {
    const module = (await import(file)) as Record<string, unknown>;
    expect(module.default, file).toBeTypeOf('function');
    expect(module['module.exports'], file).toBe(module.default);
  }
  expect(createRequire(import.meta.url)(files[0]!)).toBeTypeOf('function');
});
