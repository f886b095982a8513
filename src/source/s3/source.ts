/**
 * S3 source: objects of buckets, by prefix, by name or by inventory.
 * Takes  how S3 is reached, and who pays.
 * Gives  the Source that src/source/source.ts describes.
 * Owns   the SDK's client, for everything except reading ranges: each reader has connections of its own.
 */
import { createS3Client } from '../../aws/s3-client.ts';
import type { AwsTarget } from '../../aws/target.ts';
import { RETRY_POLICY_DEFAULT, systemClock } from '../retry.ts';
import type { ListRequest, Source } from '../source.ts';
import { createObjectGetter } from './get-object.ts';
import { Heads } from './heads.ts';
import { listObjects, probeSources } from './list.ts';

export interface S3SourceOptions {
  /** Sockets of the SDK's client. */
  readonly connectionsMax: number;
  readonly requesterPays: boolean;
}

export function openS3(target: AwsTarget, { connectionsMax, requesterPays }: S3SourceOptions): Source {
  const client = createS3Client(target, connectionsMax);
  const heads = new WeakMap<AbortSignal, Heads>();
  return {
    probe: ({ sources, ...request }) => probeSources(client, sources, { ...request, requesterPays }),
    list: ({ sources, inventory: uri = null, ...request }) =>
      listObjects(client, sources, {
        ...request,
        requesterPays,
        ...(uri !== null && { inventory: inventoryAt(uri, request.signal) }),
      }),
    find(name, signal) {
      const asking = { requesterPays, retry: RETRY_POLICY_DEFAULT, clock: systemClock, signal };
      const known = heads.get(signal) ?? new Heads(client, asking);
      heads.set(signal, known);
      return known.find(name);
    },
    openReader: (hooks = {}) => createObjectGetter(client, { ...hooks, requesterPays, clock: systemClock }),
    close: () => client.destroy(),
  };

  /** Loaded only where it is needed: its readers of ORC and Parquet are the largest part of the source side. */
  async function* inventoryAt(uri: string, signal: ListRequest['signal']) {
    const { readInventory } = await import('./inventory.ts');
    yield* readInventory(client, uri, { requesterPays, ...(signal && { signal }) });
  }
}
