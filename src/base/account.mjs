/**
 * Account: a stand-in where this process has none.
 * A container may run under a number that nobody has named: then the system tells neither a home nor a shell, which oclif and the SDK ask for, and
 * fail without.
 * Gives  HOME and SHELL to this process's environment, where they are not there and cannot be found. `/` is what container engines
 *        say, and nobody but root can write there.
 */
import { userInfo } from 'node:os';

export function standInForAccount() {
  if (process.env.SHELL && process.env.HOME) return;
  try {
    userInfo();
  } catch {
    process.env.SHELL ||= 'unknown';
    process.env.HOME ||= '/';
  }
}
