/**
 * Build: makes the contenders in other languages, each from its lock file, in bench/contenders/build, which git ignores.
 * `npm run contenders`                        all whose tools are here; one line names what is missing for the others
 * `npm run contenders -- go rust`             these alone
 * `npm run contenders -- --quick`             Rust without its optimizer, for those who want to see it right, not fast
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BENCH_AUTHORITY } from '../certificate.ts';
import { BUILT, CONTENDERS, type Language, TRUST_PASSWORD, TRUST_STORE } from './peers.ts';

interface Recipe {
  readonly tools: readonly string[];
  build(run: (command: string, ...args: string[]) => void): void;
}

const { values: flags, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});

const RECIPES: Readonly<Record<Language, Recipe>> = {
  Rust: {
    tools: ['cargo', 'cc'],
    build: (run) => {
      const profile = flags.quick ? 'quick' : 'release';
      run('cargo', 'build', '--profile', profile, '--locked', '--target-dir', join(BUILT, 'rust'));
    },
  },
  Go: {
    tools: ['go'],
    build: (run) => run('go', 'build', '-mod=readonly', '-trimpath', '-o', join(BUILT, 'go', 'peer'), '.'),
  },
  Java: {
    tools: ['mvn', 'javac', 'keytool'],
    build: (run) => {
      run('mvn', '--batch-mode', '--quiet', '--no-transfer-progress', 'compile');
      // Java alone does not read certificates as everybody else writes them.
      const authority = join(BUILT, 'java', 'authority.pem');
      writeFileSync(authority, BENCH_AUTHORITY);
      rmSync(TRUST_STORE, { force: true });
      const store = ['-keystore', TRUST_STORE, '-storetype', 'PKCS12', '-storepass', TRUST_PASSWORD];
      run('keytool', '-importcert', '-noprompt', '-alias', 'bench', '-file', authority, ...store);
    },
  },
  Python: {
    tools: ['python3'],
    build: (run) => {
      run('python3', '-m', 'venv', join(BUILT, 'python'));
      const pip = [join(BUILT, 'python', 'bin', 'pip'), 'install', '--quiet', '--disable-pip-version-check'];
      run(pip[0]!, ...pip.slice(1), '--requirement', 'requirements.txt');
    },
  },
};

function isHere(tool: string): boolean {
  return spawnSync('which', [tool], { stdio: 'ignore' }).status === 0;
}

/** @throws Where its own tools say that it cannot be built. */
function build(language: Language): void {
  const { tools, build } = RECIPES[language];
  const absent = tools.filter((tool) => !isHere(tool));
  if (absent.length > 0) {
    console.log(`Skipped: the ${language} program, because ${absent.join(' and ')} cannot be found`);
    return;
  }
  mkdirSync(join(BUILT, language.toLowerCase()), { recursive: true });
  const cwd = join(CONTENDERS, language.toLowerCase());
  const startMs = performance.now();
  build((command, ...args) => execFileSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] }));
  console.log(`Built: the ${language} program, in ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
}

const languages = Object.keys(RECIPES) as Language[];
const names = languages.map((language) => language.toLowerCase());
const unknown = positionals.filter((name) => !names.includes(name));
if (unknown.length > 0) throw new Error(`Expected ${names.join(', ')}, but received ${unknown.join(', ')}`);
for (const language of languages)
  if (positionals.length === 0 || positionals.includes(language.toLowerCase())) build(language);
