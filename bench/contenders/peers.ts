/**
 * Peers: programs in other languages that do the bare job: list, download, lines, a check, the key, PutRecords, refused records again.
 * Gives  for each of them what builds it, what must be there to run it, and its command line. contenders/build.ts builds them.
 * Never  builds anything: what a bench runs was built before.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const CONTENDERS = fileURLToPath(new URL('.', import.meta.url));
/** Git ignores it. */
export const BUILT = join(CONTENDERS, 'build');
const CLASS_PATH = [join(BUILT, 'java', 'classes'), join(BUILT, 'java', 'dependency', '*')].join(':');
export const TRUST_STORE = join(BUILT, 'java', 'trust.p12');
export const TRUST_PASSWORD = 'millrace';

export type Language = 'Rust' | 'Go' | 'Java' | 'Python';

/** Built without the optimizer, for CI: right, but nothing to be measured. */
const QUICK_RUST = join(BUILT, 'rust', 'quick', 'peer');

/** Where what was built lies, and what tells the version of the language. */
const PROGRAMS: Readonly<Record<Language, { readonly path: string; readonly version: readonly string[] }>> = {
  Rust: { path: join(BUILT, 'rust', 'release', 'peer'), version: ['rustc', '--version'] },
  Go: { path: join(BUILT, 'go', 'peer'), version: ['go', 'version'] },
  Java: { path: TRUST_STORE, version: ['java', '--version'] },
  Python: { path: join(BUILT, 'python', 'bin', 'python'), version: ['python3', '--version'] },
};

export interface Peer {
  readonly name: string;
  readonly language: Language;
  /** The KPL speaks nothing but TLS. */
  readonly isTlsOnly?: boolean;
  /** Aggregates records as the KPL does: compared with our `--aggregate`. */
  readonly isAggregating?: boolean;
  /** So slow that one round of it takes as long as all of the others. */
  readonly isSlow?: boolean;
  /** Downloads and puts at once. */
  readonly atOnce: readonly [number, number];
  command(args: readonly string[]): string[];
}

const java = (mode: string) => (args: readonly string[]) => [
  'java',
  `-Djavax.net.ssl.trustStore=${TRUST_STORE}`,
  `-Djavax.net.ssl.trustStorePassword=${TRUST_PASSWORD}`,
  ...['-cp', CLASS_PATH, 'Peer', ...args, mode],
];

export const peers: readonly Peer[] = [
  {
    name: 'Rust, serde_json',
    language: 'Rust',
    atOnce: [5, 3],
    command: (args) => [existsSync(PROGRAMS.Rust.path) ? PROGRAMS.Rust.path : QUICK_RUST, ...args],
  },
  {
    name: 'Go, gjson, GOGC=400',
    language: 'Go',
    atOnce: [16, 16],
    command: (args) => ['env', 'GOGC=400', PROGRAMS.Go.path, ...args, 'gjson'],
  },
  {
    name: 'Go, encoding/json',
    language: 'Go',
    isSlow: true,
    atOnce: [5, 3],
    command: (args) => [PROGRAMS.Go.path, ...args, 'standard'],
  },
  { name: 'Java, SDK', language: 'Java', isSlow: true, atOnce: [5, 8], command: java('sdk') },
  {
    name: 'Java, KPL',
    language: 'Java',
    isSlow: true,
    isTlsOnly: true,
    atOnce: [5, 8],
    command: java('kpl'),
  },
  {
    name: 'Java, KPL aggregating',
    language: 'Java',
    isSlow: true,
    isTlsOnly: true,
    isAggregating: true,
    atOnce: [5, 8],
    command: java('kpl-aggregate'),
  },
  {
    name: 'Python, boto3, orjson',
    language: 'Python',
    isSlow: true,
    atOnce: [5, 3],
    command: (args) => [PROGRAMS.Python.path, join(CONTENDERS, 'python', 'peer.py'), ...args],
  },
];

/** @returns What is missing to run it, and unless it is a smoke test to measure it, as one line; null where nothing is. */
export function missing({ language }: Peer, isSmoke: boolean): string | null {
  if (existsSync(PROGRAMS[language].path)) return null;
  if (isSmoke && language === 'Rust' && existsSync(QUICK_RUST)) return null;
  return `it is not built: npm run contenders -- ${language.toLowerCase()}`;
}

/** What a language and its libraries are, as a report names them. */
export function versions(language: Language): string {
  const said = execFileSync(PROGRAMS[language].version[0]!, PROGRAMS[language].version.slice(1));
  return [said.toString().split('\n')[0]!.trim(), ...libraries(language)].join(', ');
}

/** From the files that fix them. */
function libraries(language: Language): string[] {
  const read = (path: string) => readFileSync(join(CONTENDERS, language.toLowerCase(), path), 'utf8');
  const named = (text: string, pattern: (name: string) => RegExp, names: readonly string[]) =>
    names.map((name) => `${name} ${pattern(name).exec(text)![1]}`);
  switch (language) {
    case 'Rust':
      return named(read('Cargo.lock'), (name) => new RegExp(`name = "${name}"\nversion = "([^"]+)"`), [
        ...['aws-sdk-s3', 'aws-sdk-kinesis', 'tokio', 'serde_json', 'mimalloc'],
      ]);
    case 'Go':
      return named(read('go.mod'), (name) => new RegExp(`/${name} v(\\S+)`), [
        ...['service/s3', 'service/kinesis', 'gjson'],
      ]);
    case 'Java':
      return named(
        read('pom.xml'),
        (name) => new RegExp(`<artifactId>${name}</artifactId>\\s+<version>([^<]+)`),
        [...['bom', 'amazon-kinesis-producer', 'jackson-core']],
      );
    case 'Python':
      return named(read('requirements.txt'), (name) => new RegExp(`^${name}==(\\S+)`, 'm'), [
        ...['boto3', 'orjson'],
      ]);
  }
}
