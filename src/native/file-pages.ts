/**
 * File pages: lets go of the pages of Node's own file that this process has mapped. The kernel keeps them in its cache, and maps again what is used
 * again.
 * Gives  bytes that were let go: 0 without an addon, outside Linux, and where the kernel does not tell that a page is as it is in the file.
 * Never  lets go of a page that was written to, nor of one of another file.
 */
import { loadAddon } from './load.ts';

interface NativeFilePages {
  letGoOfFilePages?(): number;
}

export function letGoOfFilePages(): number {
  const native = loadAddon().addon as NativeFilePages | null;
  return native?.letGoOfFilePages?.() ?? 0;
}
