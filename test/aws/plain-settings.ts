/** Plain settings: each test of a file finds credentials in the environment, and nothing of this machine's own settings of AWS. */
import { afterEach, beforeEach, vi } from 'vitest';

export function usePlainSettings(): void {
  beforeEach(() => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'a');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'b');
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent');
  });
  afterEach(() => vi.unstubAllEnvs());
}
