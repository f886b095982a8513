/**
 * Own names: `millrace/stages` and `millrace/transform` in modules of the user's, which may lie where no package of that name is found:
 * beside a global installation, or in an empty folder.
 * Takes  nothing. Gives  to whoever asks for one of them in this thread, and would find nothing, the ones of this installation.
 * Never  takes the place of a package that is there: what Node finds is what counts.
 */
import { type ResolveHookSync, registerHooks } from 'node:module';
import { entryFile } from '../../base/package-root.ts';

const NAMES: ReadonlyMap<string, 'stages' | 'transform'> = new Map([
  ['millrace/stages', 'stages'],
  ['millrace/transform', 'transform'],
]);

/** @throws Whatever Node says where the name is none of these. */
export const resolveOwnName: ResolveHookSync = (specifier, context, next) => {
  const entry = NAMES.get(specifier);
  if (entry === undefined) return next(specifier, context);
  try {
    return next(specifier, context);
  } catch {
    return { url: entryFile(entry).href, shortCircuit: true };
  }
};

let isRegistered = false;

/** From now on, as long as the thread lives: a module may import while it works, too. */
export function provideOwnNames(): void {
  if (isRegistered) return;
  isRegistered = true;
  registerHooks({ resolve: resolveOwnName });
}
