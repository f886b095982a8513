/**
 * Suite: `describe` for tests that need installed services. They run where MILLRACE_SERVICES=1 says that test/services/install was there
 * (`npm run test:services`); elsewhere each counts as skipped, and the reason is printed once a file. Where they run, a service that is
 * missing is a failure.
 */
import { describe } from 'vitest';

const areServicesInstalled = process.env.MILLRACE_SERVICES === '1';

if (!areServicesInstalled) {
  console.log(
    'Skipped: it needs real services. test/services/install installs them, npm run test:services runs it.',
  );
}

export const describeServices = describe.skipIf(!areServicesInstalled);
