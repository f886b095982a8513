/**
 * Events with what a service of yours knows about their user, fifty users a call: `--transform examples/stages/service.ts`.
 * The service's address stands in the variable PROFILES_URL. It answers `?ids=1,2` with an object by id, and what it does not know is null.
 */
import { enrichWith, pipe } from 'millrace/stages';

async function profilesOf(
  ids: readonly (string | number | boolean)[],
  { signal }: { readonly signal: AbortSignal },
): Promise<unknown[]> {
  const answer = await fetch(`${process.env.PROFILES_URL}?ids=${ids.map(encodeURIComponent).join(',')}`, {
    signal,
  });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`); // it is asked again
  const profiles = (await answer.json()) as Readonly<Record<string, unknown>>;
  return ids.map((id) => profiles[String(id)]);
}

export default pipe(
  enrichWith(profilesOf, { on: '/user/id', into: '/user/profile', batch: 50, timeoutMs: 1000, retries: 4 }),
);
