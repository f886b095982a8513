/** Thread entry of the parse pool: all work is in src/threads/parse.ts. */
export { parse as default } from '../src/threads/parse.ts';
