/** Thread entry of the parse pool: all work is in src/parse/thread.ts. */
export { parse as default, parse as 'module.exports' } from '../src/parse/thread.ts';
