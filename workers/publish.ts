/** Thread entry of the publish pool: all work is in src/publish/kinesis/thread.ts. */
export { publish as default, publish as 'module.exports' } from '../src/publish/kinesis/thread.ts';
