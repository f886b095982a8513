/** Library: lets a program of examples/ find `millrace` in this checkout, as it finds the package where that is installed. */
import { registerHooks } from 'node:module';

const faces = {
  millrace: new URL('../../src/index.ts', import.meta.url).href,
  'millrace/stages': new URL('../../src/shape/stages/library.ts', import.meta.url).href,
};
registerHooks({ resolve: (name, context, next) => next(faces[name] ?? name, context) });
