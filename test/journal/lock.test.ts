import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockHolder, lockPathOf, takeLock } from '../../src/journal/lock.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-lock-'));
  path = join(folder, 'run.journal');
});
afterEach(() => rmSync(folder, { recursive: true }));

const lockModule = new URL('../../src/journal/lock.ts', import.meta.url).href;
const holderScript = `import { takeLock } from '${lockModule}';
takeLock(process.argv[1]).then(() => { console.log('held'); setInterval(() => {}, 1000); }, (error) => { console.log(error.message); process.exit(error.exitCode); });`;
const childArgs = ['--no-warnings', '--input-type=module', '-e', holderScript, '--'];

/** A process that holds the lock. */
async function holder(): Promise<ReturnType<typeof spawn>> {
  const child = spawn(process.execPath, [...childArgs, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [text] = await once(child.stdout!, 'data');
  expect(String(text)).toBe('held\n');
  return child;
}

it("is refused to a second process, which is told the first one's id, and is free when that has died by SIGKILL", async () => {
  const child = await holder();
  expect((await lockHolder(path))?.pid).toBe(child.pid);
  const second = spawnSync(process.execPath, [...childArgs, path], { encoding: 'utf8' });
  expect([second.status, second.stdout.includes(`process ${child.pid} is working with it`)]).toEqual([
    2,
    true,
  ]);
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  expect(await lockHolder(path)).toBeNull();
  const own = await takeLock(path);
  expect(await own.isHeld()).toBe(true);
  await own.release();
  expect(readdirSync(folder)).toEqual([]);
});

it('is refused to the same process too, and released only once', async () => {
  const first = await takeLock(path);
  await expect(takeLock(path)).rejects.toThrow(`process ${process.pid} is working with it`);
  await first.release();
  const second = await takeLock(path);
  await first.release();
  expect([await first.isHeld(), await second.isHeld()]).toEqual([false, true]);
  await second.release();
});

it("goes to exactly one of eight who find a dead process's lock at once", async () => {
  const dead = { host: hostname(), boot: 'a boot long ago', pid: 1, start: '1', token: 'x' };
  for (let turn = 0; turn < 20; turn += 1) {
    writeFileSync(lockPathOf(path), JSON.stringify(dead));
    const taken = await Promise.allSettled(Array.from({ length: 8 }, () => takeLock(path)));
    const locks = taken.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const held = await Promise.all(locks.map((lock) => lock.isHeld()));
    expect(held.filter(Boolean)).toHaveLength(1);
    for (const lock of locks) await lock.release();
    expect(readdirSync(folder)).toEqual([]);
  }
});

const live = {
  host: hostname(),
  boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  pidNamespace: readlinkSync('/proc/self/ns/pid'),
  pid: process.pid,
  start: null,
  token: 'x',
};
it.each([
  { name: 'a process that still runs', lock: JSON.stringify(live), taken: false },
  {
    name: 'a process whose id has gone to a later one',
    lock: JSON.stringify({ ...live, start: '1' }),
    taken: true,
  },
  { name: 'a process before the last boot', lock: JSON.stringify({ ...live, boot: 'other' }), taken: true },
  { name: 'a process id that is free', lock: JSON.stringify({ ...live, pid: 2 ** 22 + 1 }), taken: true },
  {
    name: 'a process on another host',
    lock: JSON.stringify({ ...live, host: 'elsewhere', pid: 2 ** 22 + 1 }),
    taken: false,
  },
  {
    name: 'a process in another PID namespace, where ids are others',
    lock: JSON.stringify({ ...live, pidNamespace: 'pid:[1]', pid: 2 ** 22 + 1 }),
    taken: false,
  },
  {
    name: 'an older version, which did not say its namespace',
    lock: JSON.stringify({ ...live, pidNamespace: undefined, pid: 2 ** 22 + 1 }),
    taken: false,
  },
  {
    name: 'a process in any namespace whose lock the kernel has taken back',
    lock: JSON.stringify({ ...live, pidNamespace: 'pid:[1]', host: 'a container', isKernels: true }),
    taken: true,
  },
  {
    name: 'a process on another machine, whatever the kernel here knows',
    lock: JSON.stringify({ ...live, boot: 'theirs', host: 'elsewhere', isKernels: true }),
    taken: false,
  },
  { name: 'nobody knows whom: an empty file', lock: '', taken: false },
  { name: 'nobody knows whom: not a lock', lock: '{"pid":-1}', taken: false },
])('judges the lock of $name', async ({ lock, taken }) => {
  writeFileSync(lockPathOf(path), lock);
  const outcome = await takeLock(path).then(
    () => true,
    (error: Error) => {
      expect(error.message).toMatch(/Wait for it or stop it|If that process is gone, remove/);
      return false;
    },
  );
  expect(outcome).toBe(taken);
  expect(readFileSync(lockPathOf(path), 'utf8') === lock).toBe(!taken);
});

it('is held as long as its process lives, whatever its file says of the process', async () => {
  const lock = await takeLock(path);
  const text = readFileSync(lockPathOf(path), 'utf8');
  expect(JSON.parse(text)).toMatchObject({ pid: process.pid, isKernels: true });
  // What a process in another container writes: an id that is free here.
  const elsewhere = { ...JSON.parse(text), pid: 2 ** 22 + 1, start: '1' };
  writeFileSync(lockPathOf(path), JSON.stringify(elsewhere));
  expect(await lockHolder(path)).toEqual(elsewhere);
  await expect(takeLock(path)).rejects.toThrow(`process ${2 ** 22 + 1} is working with it`);
  expect(JSON.parse(readFileSync(lockPathOf(path), 'utf8'))).toEqual(elsewhere);
  rmSync(lockPathOf(path));
  await lock.release();
});

const canUnshare = spawnSync('unshare', ['--pid', '--fork', 'true']).status === 0;
const whyNot = canUnshare ? '' : ' (not run: no PID namespaces)';
it.skipIf(!canUnshare).each([
  { with: 'the addon', env: {} },
  { with: 'the portable lock', env: { MILLRACE_SCANNER: 'portable' } },
])(`is not stolen from a process in another PID namespace, with $with${whyNot}`, async ({ env }) => {
  const settings = { env: { ...process.env, ...env } };
  const inside = spawn('unshare', ['--pid', '--fork', '--kill-child', process.execPath, ...childArgs, path], {
    ...settings,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [text] = await once(inside.stdout!, 'data');
  expect(String(text)).toBe('held\n');
  const before = readFileSync(lockPathOf(path), 'utf8');
  const second = spawnSync(process.execPath, [...childArgs, path], { encoding: 'utf8', ...settings });
  expect([second.status, second.stdout]).toEqual([2, expect.stringContaining('is working with it')]);
  expect(readFileSync(lockPathOf(path), 'utf8')).toBe(before);
  const exited = once(inside, 'exit');
  inside.kill('SIGKILL');
  await exited;
});

it.each([
  { with: 'the addon', env: {} },
  { with: 'the portable lock', env: { MILLRACE_SCANNER: 'portable' } },
])('is free at once when its process was killed, with $with', async ({ env }) => {
  const settings = { env: { ...process.env, ...env } };
  const child = spawn(process.execPath, [...childArgs, path], {
    ...settings,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout!, 'data');
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  expect(existsSync(lockPathOf(path))).toBe(true);
  const next = spawn(process.execPath, [...childArgs, path], {
    ...settings,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [text] = await once(next.stdout!, 'data');
  expect(String(text)).toBe('held\n');
  const ended = once(next, 'exit');
  next.kill('SIGKILL');
  await ended;
});

it('says so when it was taken away by hand', async () => {
  const lock = await takeLock(path);
  rmSync(lockPathOf(path));
  expect(await lock.isHeld()).toBe(false);
  await lock.release();
  expect(existsSync(lockPathOf(path))).toBe(false);
});
