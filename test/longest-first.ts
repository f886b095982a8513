/**
 * Longest first: the order of the files of tests. One that takes a minute and begins last keeps all workers but one idle.
 * Takes  files. Gives  them in order: by what they do, then by their size, for a fresh clone has no times of its own.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Kills and runs of seconds; every bench; the command as a process; a whole run in the test's own process; all others. */
const LONGEST = ['chaos/', 'bench/', 'commands/', 'package.test.ts', 'verify/', 'run/', 'publish/', 'scan/'];

export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => rankOf(one) - rankOf(other)); // is stable
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = LONGEST.findIndex((start) => moduleId.includes(`/test/${start}`));
  return rank < 0 ? LONGEST.length : rank;
}
