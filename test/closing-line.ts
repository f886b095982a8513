/**
 * Closing line: a reporter that ends a run of tests with one plain line, "N passed, N failed, N skipped", for whoever reads it by program.
 * `npm test` says before it what it does less often than CI. A file that could not be loaded, a hook that failed and an error outside of tests, count as failed. Tests that passed only at their second
 * try (CI gives one) are named before it: each is a fault of the test or of the program, and waits to be mended.
 */

import type { Reporter, SerializedError, TestModule } from 'vitest/node';
import { HEAVY_FILES, IS_HEAVY } from './heavy.ts';

export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    const again: string[] = [];
    for (const module of modules) {
      counts.failed += module.errors().length;
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== 'pending') counts[state]++;
        if (test.diagnostic()?.flaky) again.push(`${module.relativeModuleId} > ${test.fullName}`);
      }
    }
    // After the default reporter's summary, which comes on the same event.
    process.once('exit', () => {
      if (process.env.npm_lifecycle_event === 'test' && !IS_HEAVY)
        console.log(`the full counts of ${HEAVY_FILES.join(' and ')} are left to npm run test:heavy`);
      for (const name of again) console.log(`at the second try: ${name}`);
      console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
    });
  }
}
