/**
 * Use stage: a module's export as a stage.
 * Takes  the path or URL of a module, and the name of its export. Gives  the stage, which loads the module when it is first called.
 */
import { specOf } from './spec-reader.ts';
import { dataStage, type Stage } from './stage-call.ts';
import { openModule } from './use.ts';

/**
 * A stage that another module exports: a pipe, a stage, a function, or an object with `record`.
 * @param module A path from the folder of the process, or a URL: `new URL('./clean.ts', import.meta.url)`; behind `#` the name of the export.
 */
export function use(module: string | URL): Stage {
  return dataStage(specOf('use', module), openModule);
}
