/**
 * Inflate: gzip decoders of other libraries, each a program of its own (inflate.cc), for bench/gunzip.ts.
 * Takes  a C++ compiler, and those of the libraries that are here: on Debian libisal-dev and libdeflate-dev. Elsewhere than in the usual
 *        places they are found with CPATH, LIBRARY_PATH and LD_LIBRARY_PATH.
 * Gives  the programs that could be built, and the names of the libraries that were not found.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Measured } from '../clock.ts';

const LIBRARIES = [
  { name: 'ISA-L', define: 'WITH_ISAL', link: '-lisal' },
  { name: 'libdeflate', define: 'WITH_LIBDEFLATE', link: '-ldeflate' },
] as const;

export interface InflateProgram {
  readonly name: string;
  /** Inflates a file of one gzip member for `timeMs`. @throws Where the content has another size. */
  run(path: string, contentBytes: number, timeMs: number): Measured;
}

/** @param folder Where the programs are put. */
export function buildInflaters(folder: string): { programs: InflateProgram[]; missing: string[] } {
  const programs: InflateProgram[] = [];
  const missing: string[] = [];
  for (const { name, define, link } of LIBRARIES) {
    const program = join(folder, define);
    const source = join(import.meta.dirname, 'inflate.cc');
    const args = ['-std=c++20', '-O3', '-w', `-D${define}`, source, link, '-o', program];
    try {
      execFileSync(process.env.CXX ?? 'c++', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    } catch {
      missing.push(name);
      continue;
    }
    const run = (path: string, contentBytes: number, timeMs: number): Measured => {
      const output = execFileSync(program, [path, `${contentBytes}`, `${timeMs}`], { encoding: 'utf8' });
      const [ns, cpuNs] = output.trim().split('\t').map(Number);
      return { ns: ns!, cpuNs: cpuNs! };
    };
    programs.push({ name, run });
  }
  return { programs, missing };
}
