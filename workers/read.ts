/** Thread entry of verify's read pool: all work is in src/threads/read.ts. */
export { read as default } from '../src/threads/read.ts';
