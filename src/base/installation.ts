/**
 * Installation: tells an error of this program from a program that is not all there.
 * Takes  whatever was thrown. Gives  whether a file or package of the installation is missing or damaged. Pure.
 */

/** What Node says where it cannot load code. */
const CODES: ReadonlySet<unknown> = new Set([
  'ERR_MODULE_NOT_FOUND',
  'MODULE_NOT_FOUND',
  'ERR_DLOPEN_FAILED',
  'ERR_INVALID_PACKAGE_CONFIG',
  'ERR_PACKAGE_IMPORT_NOT_DEFINED',
  'ERR_PACKAGE_PATH_NOT_EXPORTED',
  'ERR_UNKNOWN_FILE_EXTENSION',
  'ERR_INVALID_TYPESCRIPT_SYNTAX',
]);

/** Running the same command again does not mend it; installing again does. */
export const INSTALL_ADVICE = 'the installation is not whole: install it again (in the repository `npm ci`)';

export function isInstallationBroken(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (CODES.has((error as NodeJS.ErrnoException).code)) return true;
  // Code that cannot be parsed names its file first; a SyntaxError of JSON.parse does not.
  return error instanceof SyntaxError && /^file:\/\//.test(error.stack ?? '');
}
