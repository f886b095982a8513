import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { BIN } from '../commands/fixture.ts';

it('the program runs under a number that has no account, as containers have', () => {
  const preload = `
    import os from 'node:os';
    import { syncBuiltinESMExports } from 'node:module';
    const fail = () => { throw Object.assign(new Error('no account'), { code: 'ENOENT' }); };
    let asked = 0;
    os.userInfo = () => { asked++; fail(); };
    os.homedir = () => process.env.HOME ?? fail();
    syncBuiltinESMExports();
    process.on('exit', () => console.log(JSON.stringify({ asked, home: process.env.HOME })));`;
  const args = ['--import', `data:text/javascript,${encodeURIComponent(preload)}`, BIN, '--version'];
  const output = execFileSync(process.execPath, args, { env: { PATH: process.env.PATH }, encoding: 'utf8' });
  const [version, last] = output.trim().split('\n');
  expect(version).toMatch(/^millrace\/\d/);
  expect(JSON.parse(last!)).toEqual({ asked: 1, home: '/' });
});
