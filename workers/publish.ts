/** Thread entry of the publish pool: all work is in src/publish/kinesis/thread.ts. */
export { publish as default } from '../src/publish/kinesis/thread.ts';
