/**
 * Operations: what can be asked of the embedded Kinesis, by name, except the two with bodies of their own (put-records.ts,
 * get-records.ts).
 * Takes  decoded input; names, limits and wordings as in the service's API reference.
 * Gives  plain output for the wire. Dates are timestamps.
 */
import { KINESIS } from '../../base/limits.ts';
import { getShardIterator, type Input, timestampMs } from './get-records.ts';
import {
  createShards,
  findShard,
  mergeShards,
  requireActive,
  splitShard,
  updateShardCount,
} from './lineage.ts';
import { invalidArgument, ServiceError, validationError } from './service-error.ts';
import type { KinesisState } from './state.ts';
import { type Shard, Stream } from './stream-store.ts';

type Operation = (state: KinesisState, input: Input) => object;

const text = (input: Input, member: string) => input[member] as string | undefined;
const find = (state: KinesisState, input: Input) =>
  state.find(text(input, 'StreamName'), text(input, 'StreamARN'));

function integer(input: Input, member: string, min: number, max: number): number | undefined {
  const value = input[member];
  if (value === undefined || value === null) return undefined;
  const name = member[0]!.toLowerCase() + member.slice(1);
  if (typeof value !== 'number' || value < min) {
    throw validationError(
      `'${String(value)}'`,
      name,
      `Member must have value greater than or equal to ${min}`,
    );
  }
  if (value > max)
    throw validationError(`'${value}'`, name, `Member must have value less than or equal to ${max}`);
  return value;
}

function required<T>(value: T | undefined, member: string): T {
  if (value === undefined || value === null) throw validationError('null', member, 'Member must not be null');
  return value;
}

function modeOf(input: Input): 'PROVISIONED' | 'ON_DEMAND' {
  const mode = (input.StreamModeDetails as Input | undefined)?.StreamMode ?? 'PROVISIONED';
  if (mode === 'PROVISIONED' || mode === 'ON_DEMAND') return mode;
  const set = 'Member must satisfy enum value set: [PROVISIONED, ON_DEMAND]';
  throw validationError(`'${String(mode)}'`, 'streamModeDetails.streamMode', set);
}

function setDistribution(stream: Stream, strategy: unknown): void {
  if (strategy !== 'AUTO' && strategy !== 'USER_PARTITION_KEY') {
    const set = 'Member must satisfy enum value set: [AUTO, USER_PARTITION_KEY]';
    throw validationError(`'${String(strategy)}'`, 'recordDistributionStrategy', set);
  }
  if (strategy === 'AUTO' && stream.mode !== 'ON_DEMAND') {
    throw invalidArgument('RecordDistributionStrategy AUTO is supported for on-demand streams only.');
  }
  stream.distribution = strategy;
}

/** Shards of a stream whose mode is on demand when it is created without a warm throughput. Developer guide, "How do I size". */
const ON_DEMAND_SHARDS = 4;
const SHARDS_MAX = 20_000;
const RECORD_KIB_MAX = KINESIS.recordBytesMax / 1024;

const createStream: Operation = (state, input) => {
  const name = required(text(input, 'StreamName'), 'streamName');
  if (!/^[a-zA-Z0-9_.-]{1,128}$/.test(name)) {
    throw validationError(
      `'${name}'`,
      'streamName',
      'Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+',
    );
  }
  const existing = state.streams.get(name);
  if (existing !== undefined) state.settle(existing);
  if (state.streams.has(name)) {
    const message = `Stream ${name} under account ${state.options.accountId} already exists.`;
    throw new ServiceError('ResourceInUseException', message);
  }
  const mode = modeOf(input);
  const shardCount = integer(input, 'ShardCount', 1, SHARDS_MAX);
  const recordKib = integer(input, 'MaxRecordSizeInKiB', 1024, RECORD_KIB_MAX);
  const stream = new Stream({ name, arn: state.arnOf(name), createdAtMs: state.now() });
  stream.mode = mode;
  if (recordKib !== undefined) stream.recordBytesMax = recordKib * 1024;
  if (input.RecordDistributionStrategy !== undefined)
    setDistribution(stream, input.RecordDistributionStrategy);
  const fallback = mode === 'ON_DEMAND' ? ON_DEMAND_SHARDS : undefined;
  createShards(stream, required(shardCount ?? fallback, 'shardCount'), state.now());
  state.streams.set(name, stream);
  state.begin(stream, 'CREATING');
  return {};
};

const listStreams: Operation = (state, input) => {
  for (const stream of state.streams.values()) state.settle(stream);
  const limit = integer(input, 'Limit', 1, 10_000) ?? 100;
  const after = text(input, 'NextToken') ?? text(input, 'ExclusiveStartStreamName') ?? '';
  const streams = [...state.streams.values()].filter(({ name }) => name > after);
  streams.sort((a, b) => (a.name < b.name ? -1 : 1));
  const page = streams.slice(0, limit);
  const hasMore = streams.length > limit;
  return {
    StreamNames: page.map(({ name }) => name),
    HasMoreStreams: hasMore,
    NextToken: hasMore ? page.at(-1)!.name : undefined,
    StreamSummaries: page.map((stream) => ({
      StreamName: stream.name,
      StreamARN: stream.arn,
      StreamStatus: stream.status,
      StreamModeDetails: { StreamMode: stream.mode },
      StreamCreationTimestamp: new Date(stream.createdAtMs),
    })),
  };
};

function describeShard(shard: Shard): object {
  return {
    ShardId: shard.shardId,
    ParentShardId: shard.parents[0],
    AdjacentParentShardId: shard.parents[1],
    HashKeyRange: { StartingHashKey: String(shard.startKey), EndingHashKey: String(shard.endKey) },
    SequenceNumberRange: {
      StartingSequenceNumber: shard.sequenceNumber(0),
      EndingSequenceNumber:
        shard.closedAtMs === null ? undefined : shard.sequenceNumber(shard.lastCounter + 1),
    },
  };
}

function describe(stream: Stream): object {
  return {
    StreamName: stream.name,
    StreamARN: stream.arn,
    StreamStatus: stream.status,
    StreamModeDetails: { StreamMode: stream.mode },
    RetentionPeriodHours: stream.retentionHours,
    StreamCreationTimestamp: new Date(stream.createdAtMs),
    EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
    EncryptionType: 'NONE',
  };
}

const describeStream: Operation = (state, input) => {
  const stream = find(state, input);
  const limit = integer(input, 'Limit', 1, 10_000) ?? 100;
  const after = text(input, 'ExclusiveStartShardId') ?? '';
  const shards = stream.shards.filter(({ shardId }) => shardId > after);
  const isCreating = stream.status === 'CREATING';
  return {
    StreamDescription: {
      ...describe(stream),
      Shards: isCreating ? [] : shards.slice(0, limit).map(describeShard),
      HasMoreShards: !isCreating && shards.length > limit,
    },
  };
};

const describeStreamSummary: Operation = (state, input) => {
  const stream = find(state, input);
  return {
    StreamDescriptionSummary: {
      ...describe(stream),
      OpenShardCount: stream.openShards.length,
      ConsumerCount: 0,
      MaxRecordSizeInKiB: stream.recordBytesMax / 1024,
      RecordDistributionStrategy: stream.distribution,
    },
  };
};

/** Which shards a ShardFilter lets through. API reference, ShardFilter. */
function filterShards(state: KinesisState, stream: Stream, filter: Input): readonly Shard[] {
  const horizonMs = state.now() - stream.retentionHours * 3_600_000;
  const atMs = timestampMs(filter.Timestamp);
  const openAt = (timeMs: number) => (shard: Shard) =>
    shard.createdAtMs <= timeMs && (shard.closedAtMs === null || shard.closedAtMs > timeMs);
  const openFrom = (timeMs: number) => (shard: Shard) =>
    shard.closedAtMs === null || shard.closedAtMs >= timeMs;
  switch (filter.Type) {
    case 'AFTER_SHARD_ID': {
      const after = findShard(state, stream, filter.ShardId);
      return stream.shards.filter((shard) => shard.ordinal > after.ordinal);
    }
    case 'AT_TRIM_HORIZON':
      return stream.shards.filter(openAt(Math.max(horizonMs, stream.createdAtMs)));
    case 'FROM_TRIM_HORIZON':
      return stream.shards.filter(openFrom(horizonMs));
    case 'AT_LATEST':
      return stream.shards.filter((shard) => shard.closedAtMs === null);
    case 'AT_TIMESTAMP':
      return stream.shards.filter(openAt(required(atMs, 'shardFilter.timestamp')));
    case 'FROM_TIMESTAMP':
      return stream.shards.filter(openFrom(required(atMs, 'shardFilter.timestamp')));
    default:
      throw validationError(
        `'${String(filter.Type)}'`,
        'shardFilter.type',
        'Member must satisfy enum value set',
      );
  }
}

const TOKEN_LIFE_MS = 300_000;

/** A token carries the whole question, as the service demands that it comes without a stream name. */
const listShards: Operation = (state, input) => {
  const token = text(input, 'NextToken');
  let question: Input = input;
  if (token !== undefined) {
    if (input.StreamName !== undefined || input.ExclusiveStartShardId !== undefined) {
      throw invalidArgument('NextToken and StreamName cannot be provided together.');
    }
    try {
      question = {
        ...JSON.parse(Buffer.from(token, 'base64').toString('utf8')),
        MaxResults: input.MaxResults,
      };
    } catch {
      throw invalidArgument('NextToken is invalid.');
    }
    if (state.now() - Number(question.issuedAtMs) > TOKEN_LIFE_MS) {
      throw new ServiceError('ExpiredNextTokenException', 'The NextToken has expired.');
    }
  }
  const stream = find(state, question);
  const limit = integer(question, 'MaxResults', 1, 10_000) ?? 1000;
  const after = text(question, 'ExclusiveStartShardId') ?? '';
  const filter = question.ShardFilter as Input | undefined;
  const all = filter === undefined ? stream.shards : filterShards(state, stream, filter);
  const shards = all.filter(({ shardId }) => shardId > after);
  const page = shards.slice(0, limit);
  const timestamp = timestampMs(filter?.Timestamp);
  const next = {
    StreamName: stream.name,
    ExclusiveStartShardId: page.at(-1)?.shardId,
    ShardFilter: filter && { ...filter, Timestamp: timestamp === undefined ? undefined : timestamp / 1000 },
    issuedAtMs: state.now(),
  };
  return {
    Shards: page.map(describeShard),
    NextToken: shards.length > limit ? Buffer.from(JSON.stringify(next)).toString('base64') : undefined,
  };
};

function changeRetention(isRaise: boolean): Operation {
  return (state, input) => {
    const stream = find(state, input);
    const hours = required(integer(input, 'RetentionPeriodHours', 24, 8760), 'retentionPeriodHours');
    if (isRaise ? hours < stream.retentionHours : hours > stream.retentionHours) {
      const relation = isRaise ? 'greater' : 'less';
      throw invalidArgument(
        `Requested retention period (${hours} hours) for stream ${stream.name} must be ${relation} than existing retention period (${stream.retentionHours} hours)`,
      );
    }
    stream.retentionHours = hours;
    return {};
  };
}

export const operations: Record<string, Operation> = {
  CreateStream: createStream,
  DeleteStream: (state, input) => {
    state.begin(find(state, input), 'DELETING');
    return {};
  },
  ListStreams: listStreams,
  DescribeStream: describeStream,
  DescribeStreamSummary: describeStreamSummary,
  DescribeLimits: (state) => {
    const openShards = [...state.streams.values()].reduce((sum, stream) => sum + stream.openShards.length, 0);
    return {
      ShardLimit: SHARDS_MAX,
      OpenShardCount: openShards,
      OnDemandStreamCount: 0,
      OnDemandStreamCountLimit: 50,
    };
  },
  ListShards: listShards,
  GetShardIterator: getShardIterator,
  SplitShard: (state, input) => {
    splitShard(state, find(state, input), input.ShardToSplit, input.NewStartingHashKey);
    return {};
  },
  MergeShards: (state, input) => {
    mergeShards(state, find(state, input), input.ShardToMerge, input.AdjacentShardToMerge);
    return {};
  },
  UpdateShardCount: (state, input) => {
    const stream = find(state, input);
    const target = required(integer(input, 'TargetShardCount', 1, SHARDS_MAX), 'targetShardCount');
    const current = stream.openShards.length;
    updateShardCount(state, stream, target);
    return {
      StreamName: stream.name,
      StreamARN: stream.arn,
      CurrentShardCount: current,
      TargetShardCount: target,
    };
  },
  UpdateMaxRecordSize: (state, input) => {
    const stream = find(state, input);
    const kib = required(integer(input, 'MaxRecordSizeInKiB', 1024, RECORD_KIB_MAX), 'maxRecordSizeInKiB');
    requireActive(state, stream);
    stream.recordBytesMax = kib * 1024;
    state.begin(stream, 'UPDATING');
    return {};
  },
  UpdateStreamMode: (state, input) => {
    const stream = find(state, input);
    requireActive(state, stream);
    stream.mode = modeOf(input);
    state.begin(stream, 'UPDATING');
    return {};
  },
  UpdateStreamRecordDistributionStrategy: (state, input) => {
    setDistribution(find(state, input), input.RecordDistributionStrategy);
    return {};
  },
  IncreaseStreamRetentionPeriod: changeRetention(true),
  DecreaseStreamRetentionPeriod: changeRetention(false),
};
