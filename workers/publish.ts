/** Thread entry of the publish pool: all work is in src/threads/publish.ts. */
export { publish as default } from '../src/threads/publish.ts';
