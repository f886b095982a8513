/** Thread entry of verify's read pool: all work is in src/stream/thread.ts. */
export { read as default, read as 'module.exports' } from '../src/stream/thread.ts';
