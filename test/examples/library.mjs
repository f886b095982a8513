/** Library: lets a program of examples/ find `millrace` in this checkout, as it finds the package where that is installed. */
import { registerHooks } from 'node:module';

const face = new URL('../../src/index.ts', import.meta.url).href;
registerHooks({ resolve: (name, context, next) => next(name === 'millrace' ? face : name, context) });
