/**
 * Put back: what a file of tests leaves of its process to the next one, which shares it.
 * Owns  the environment, the exit code, timers that are not real, and the processes in which its commands ran, at the end of each file.
 */
import { afterAll, vi } from 'vitest';
import { endHosts } from './commands/host.ts';

// What most tests sign with. A helper that sets them does so once in a process, when it is loaded.
process.env.AWS_ACCESS_KEY_ID ??= 'a';
process.env.AWS_SECRET_ACCESS_KEY ??= 'b';
const environment = { ...process.env };

afterAll(async () => {
  vi.useRealTimers();
  process.exitCode = undefined;
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
  await endHosts();
});
