/**
 * Admin: the side path `/_millrace/*` by which a server in another process is steered and looked into.
 *
 * | request | meaning |
 * |---|---|
 * | `GET /_millrace/stats` | counters, faults fired, shards |
 * | `POST /_millrace/faults` | `{ "rules": [...], "seed": 1 }` replaces all rules (state.ts, KinesisFault) |
 * | `POST /_millrace/limits` | `"real"`, `"off"` or ShardLimits |
 * | `GET /_millrace/log?stream=NAME` | every record held, one JSON object a line |
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { storedRuns } from './records.ts';
import { ServiceError } from './service-error.ts';
import type { KinesisState } from './state.ts';

export interface ShardStats {
  readonly records: number;
  readonly bytes: number;
  readonly throttled: number;
  readonly isOpen: boolean;
}

/** What has happened since the start. */
export function statsOf(state: KinesisState) {
  const streams: Record<
    string,
    { trimmedRecords: number; heldBytes: number; shards: Record<string, ShardStats> }
  > = {};
  for (const stream of state.streams.values()) {
    const shards: Record<string, ShardStats> = {};
    for (const shard of stream.shards) {
      const { lastCounter: records, bytes, throttled } = shard;
      shards[shard.shardId] = { records, bytes, throttled, isOpen: shard.closedAtMs === null };
    }
    streams[stream.name] = { trimmedRecords: stream.trimmedRecords, heldBytes: stream.heldBytes, shards };
  }
  return { ...structuredClone(state.counters), faultsFired: state.faults.counts, streams };
}

export type KinesisStats = ReturnType<typeof statsOf>;

async function writeLog(state: KinesisState, streamName: string, response: ServerResponse): Promise<void> {
  const stream = state.find(streamName, undefined);
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  for (const records of storedRuns(stream)) {
    const lines = records.map((record) =>
      JSON.stringify({ ...record, data: record.data.toString('base64') }),
    );
    if (response.destroyed) return;
    if (!response.write(`${lines.join('\n')}\n`)) await roomIn(response);
  }
  response.end();
}

/** Resolves when more may be written, or when nobody reads any more. Leaves no listener behind. */
function roomIn(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      response.off('drain', go).off('close', go);
      resolve();
    };
    response.on('drain', go).on('close', go);
  });
}

export async function answerAdmin(
  state: KinesisState,
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const send = (status: number, value: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
  try {
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /_millrace/stats':
        return send(200, statsOf(state));
      case 'POST /_millrace/faults': {
        const { rules, seed } = JSON.parse(body.toString('utf8'));
        state.faults.set(rules, state.now(), seed);
        return send(200, {});
      }
      case 'POST /_millrace/limits':
        state.setLimits(JSON.parse(body.toString('utf8')));
        return send(200, {});
      case 'GET /_millrace/log':
        return await writeLog(state, url.searchParams.get('stream') ?? '', response);
      default:
        return send(404, { message: `No ${request.method} ${url.pathname} here` });
    }
  } catch (error) {
    if (!(error instanceof ServiceError || error instanceof SyntaxError || error instanceof TypeError))
      throw error;
    send(400, { message: error.message });
  }
}
