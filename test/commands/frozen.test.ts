/**
 * A process that is frozen for seconds and goes on (docs/RELIABILITY.md, row 3): nobody takes its place meanwhile, it takes none of its threads
 * for hanging, and nothing for late that came while it could not look.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import { BIN, BUCKET, CLEAN_ENV, dataOf, differences, linesOf, World } from './fixture.ts';

const LINES = clicks({ seed: 3, lineCount: 10_000 });
const HANG_MS = 2_500;
const hasProc = existsSync('/proc/self/stat');
const whyNot = hasProc ? '' : ' (not run: no /proc)';

let world: World;
afterEach(() => world?.close());

/** `T` is a process that was stopped. */
const stateOf = (pid: number) => /\) (\w) /.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1];

function start(flags: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const args = [BIN, 'backfill', `s3://${BUCKET}/`, ...world.flags, ...flags, '--quiet', '--json'];
  const child = spawn(process.execPath, args, {
    cwd: world.folder,
    env: { ...CLEAN_ENV, HOME: world.folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (said.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (said.stderr += String(chunk)));
  return { child, said, close: once(child, 'close') };
}

async function freeze(child: ChildProcess): Promise<void> {
  child.kill('SIGSTOP');
  await expect.poll(() => stateOf(child.pid!), { timeout: 60_000 }).toBe('T');
}

it.skipIf(!hasProc)(
  `frozen by SIGSTOP it keeps its place, and by SIGCONT it delivers the rest${whyNot}`,
  async () => {
    world = await World.open({ objects: [{ key: 'a.jsonl', body: LINES }] });
    world.s3.setFaults([{ kind: 'slow', bytesPerSecond: 200_000 }]);
    const flags = ['--segment-size', '64KiB', '--downloads', '1', '--rate', '2000/s'];
    const { child: frozen, said, close } = start(flags, { MILLRACE_HANG_MS: String(HANG_MS) });
    try {
      await expect.poll(() => journalText(), { timeout: 60_000 }).toContain('"kind":"segment"');
      await freeze(frozen);
      let storedThen: number | undefined;
      const frozenAtMs = performance.now();
      do {
        const other = await world.backfill([...flags, '--quiet']);
        expect([other.exitCode, other.stderr]).toEqual([
          2,
          expect.stringContaining(`process ${frozen.pid} is working with it`),
        ]);
        // What was in its sockets arrives all the same.
        storedThen ??= world.records().length;
      } while (performance.now() - frozenAtMs < 2 * HANG_MS);
      expect(world.records().length).toBe(storedThen);
      expect(storedThen).toBeLessThan(10_000);
    } finally {
      frozen.kill('SIGCONT');
    }
    expect([(await close)[0], said.stderr]).toEqual([0, '']);
    const { ambiguous } = JSON.parse(said.stdout).records;
    const found = [...differences(linesOf(LINES), dataOf(world.records())).values()];
    // A request whose answer came while nobody could read it may have run out of its time.
    expect(found.filter((count) => count < 0)).toEqual([]);
    expect(found.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(ambiguous);
  },
  180_000,
);

/** A service that answers a transform while the process is frozen that asked, and at once before and after that. */
async function openService() {
  const asked = Promise.withResolvers<() => void>();
  const server = createServer((_, response) => asked.resolve(() => response.end('{}')));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    /** Resolves when it has been asked; call it to answer. */
    asked: asked.promise,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const ASKING = 'await (await fetch(URL)).json();';
const LIBRARY = pathToFileURL(join(import.meta.dirname, '..', '..', 'src', 'shape', 'stages', 'library.ts'));

it.skipIf(!hasProc).each([
  {
    name: 'a transform that awaits a service',
    flags: ['--transform-timeout', '1s'],
    text: `export default async (record) => { if (record.n === 7) ${ASKING} return record; };`,
  },
  {
    name: 'enrichWith that tries nothing again',
    flags: [],
    text: `import { enrichWith } from ${JSON.stringify(LIBRARY.href)};
      const ask = async (keys) => { ${ASKING} return keys.map(() => null); };
      export default enrichWith(ask, { on: '/n', into: '/x', timeoutMs: 1000, retries: 0 });`,
  },
])(
  `frozen for longer than a line may take, it loses none of $name: the answer was there${whyNot}`,
  async ({ flags, text }) => {
    const body = Buffer.from(Array.from({ length: 20 }, (_, n) => `{"n":${n}}\n`).join(''));
    world = await World.open({ objects: [{ key: 'a.jsonl', body }] });
    const service = await openService();
    const path = join(world.folder, 'transform.mjs');
    writeFileSync(path, `const URL = ${JSON.stringify(service.url)};\n${text}`);
    const { child, said, close } = start(['--transform', path, '--volatile-transform', ...flags]);
    try {
      const answer = await Promise.race([service.asked, close.then(() => expect.unreachable(said.stderr))]);
      await freeze(child);
      answer();
      await new Promise((resolve) => setTimeout(resolve, 2 * HANG_MS));
      child.kill('SIGCONT');
      expect([(await close)[0], said.stderr]).toEqual([0, '']);
      expect(world.deadLetters()).toEqual([]);
      expect(world.records().length).toBe(20);
    } finally {
      child.kill('SIGKILL');
      service.close();
    }
  },
  180_000,
);

function journalText(): string {
  return existsSync(world.journal) ? readFileSync(world.journal, 'utf8') : '';
}
