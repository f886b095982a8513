/**
 * S3 source: objects of buckets, by prefix, by name or by inventory.
 * Takes  how S3 is reached, and who pays.
 * Gives  the Source that src/source/source.ts describes.
 * Owns   the connections for everything except reading ranges: each reader has connections of its own. The SDK's client, where it is needed.
 */
import { openS3Way } from '../../aws/s3-way.ts';
import type { AwsTarget } from '../../aws/target.ts';
import { RETRY_POLICY_DEFAULT, systemClock } from '../retry.ts';
import type { ListRequest, Source } from '../source.ts';
import { S3Calls } from './calls.ts';
import { createObjectGetter } from './get-object.ts';
import { Heads } from './heads.ts';
import { listObjects, probeSources } from './list.ts';

export interface S3SourceOptions {
  /** Sockets of the SDK's client. */
  readonly connectionsMax: number;
  readonly requesterPays: boolean;
}

export function openS3(target: AwsTarget, { connectionsMax, requesterPays }: S3SourceOptions): Source {
  const way = openS3Way(target, connectionsMax);
  const calls = new S3Calls(way, { requesterPays, clock: systemClock });
  const heads = new WeakMap<AbortSignal, Heads>();
  return {
    probe: ({ sources, ...request }) => probeSources(calls, sources, request),
    list: ({ sources, inventory: uri = null, ...request }) =>
      listObjects(calls, sources, {
        ...request,
        ...(uri !== null && { inventory: inventoryAt(uri, request.signal) }),
      }),
    find(name, signal) {
      const known = heads.get(signal) ?? new Heads(calls, { retry: RETRY_POLICY_DEFAULT, signal });
      heads.set(signal, known);
      return known.find(name);
    },
    openReader: (hooks = {}) => createObjectGetter(way, { ...hooks, requesterPays, clock: systemClock }),
    close() {
      calls.close();
      way.close();
    },
  };

  /** Loaded only where it is needed: its readers of ORC and Parquet are the largest part of the source side. */
  async function* inventoryAt(uri: string, signal: ListRequest['signal']) {
    const [{ readInventory }, client] = await Promise.all([import('./inventory.ts'), way.client()]);
    yield* readInventory(client, uri, { requesterPays, ...(signal && { signal }) });
  }
}
