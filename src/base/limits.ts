/**
 * Limits: every number that an outside service or this engine holds us to, each once, with its source beside it.
 * Owns  constants. Never reads options, never computes policy.
 * Sources: SDK-K = API documentation in `@aws-sdk/client-kinesis` 3.1143; QUOTA = "Quotas and limits", Kinesis Data Streams
 * developer guide (2026); LR = its "Handle large records"; KPL = awslabs/amazon-kinesis-producer 1.0.7; S3UG = S3 user guide.
 */
export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

/** What Kinesis Data Streams accepts and sustains. */
export const KINESIS = {
  /** Records in one PutRecords request. SDK-K, QUOTA. */
  putRecordsCountMax: 500,
  /** Bytes of one PutRecords request: data before base64 plus partition keys. SDK-K, QUOTA (it was 5 MiB before 2025). */
  putRecordsBytesMax: 10 * MIB,
  /** Data plus partition key of one record, unless the stream's MaxRecordSizeInKiB says otherwise. LR. */
  recordBytesDefault: MIB,
  /** The most that MaxRecordSizeInKiB can be raised to. SDK-K, LR. */
  recordBytesMax: 10 * MIB,
  /** Unicode characters of a partition key. SDK-K. Unverified for those of two UTF-16 units: 129 to 256 of them are left to the service. */
  partitionKeyCharsMax: 256,
  /** Records per second that one provisioned shard takes. SDK-K, QUOTA. */
  shardRecordsPerSecond: 1000,
  /** Bytes per second, partition keys included, that one provisioned shard takes. SDK-K, QUOTA (documents mix MB and MiB). */
  shardBytesPerSecond: MIB,
  /** GetRecords calls per second and shard. SDK-K, QUOTA. */
  shardReadsPerSecond: 5,
  /** Records that one GetRecords call returns at most. SDK-K. */
  getRecordsCountMax: 10_000,
  /** Bytes that one GetRecords call returns at most. SDK-K. */
  getRecordsBytesMax: 10 * MIB,
  /** Bytes per second that one shard gives to all its GetRecords readers. SDK-K, QUOTA. */
  shardReadBytesPerSecond: 2 * MIB,
  /** Life of a shard iterator. SDK-K. */
  iteratorLifeMs: 5 * 60_000,
} as const;

/** What holds for records wherever they go. */
export const RECORD = {
  /** Largest hash key, 2^128 - 1: an MD5 has 128 bits. SDK-K. */
  hashKeyMax: (1n << 128n) - 1n,
} as const;

/** The KPL's aggregated record. KPL aggregation-format.md and default_config.properties. */
export const KPL = {
  magic: Uint8Array.of(0xf3, 0x89, 0x9a, 0xc2),
  checksumBytes: 16,
  aggregateBytesDefault: 51_200,
} as const;

/** What S3 promises. */
export const S3 = {
  /** Keys of one ListObjectsV2 page. SDK-S. */
  listPageKeysMax: 1000,
  /** UTF-8 bytes of an object key. S3UG. */
  keyBytesMax: 1024,
} as const;

/** What this engine holds itself to. Memory figures are parts of the sum that `--memory` bounds. */
export const ENGINE = {
  /** Raw bytes of one block: small enough to stay in a shared cache, large enough that handing it over costs nothing. */
  blockBytes: MIB,
  /** Bytes fetched past a segment's end to find where its last line ends; more follows if that was not enough. */
  segmentLookaheadBytes: 64 * KIB,
  /** ListObjectsV2 requests at once, of sub-prefixes: a page holds 1,000 keys and takes tens of milliseconds. */
  listRequestsMax: 16,
  /**
   * Stored bytes of a run whose records the main thread may send itself: a thread costs 0.05 CPU-seconds before it has sent the first record
   * (`bench/start.ts`), as much as sending 20 MB. Of what is stored compressed that is a few tens of MB.
   */
  sendHereBytesMax: 4 * MIB,
  /** Objects that are listed and not yet begun, some hundred bytes each: a run knows all of its work when its listing is so near to its end. */
  objectsAheadMax: 20_000,
  /**
   * JavaScript heap of one thread, old generation. Records lie in shared memory, so a thread needs some tens of MiB; only
   * `JSON.parse` of a 10 MiB line of empty objects, for the portable scanner or a schema, takes 230. A thread that reaches the
   * limit ends, and its run with it, before the machine's memory is gone and the system picks a victim.
   */
  threadHeapMib: 512,
  /**
   * Young generation of a thread that makes no values of records: three semi-spaces of 2 MiB. What such a thread makes is gone with the next
   * request; by default V8 lets it grow to 48, of which 8 to 16 were in use (docs/PERFORMANCE.md).
   */
  threadYoungMib: 6,
  /**
   * CPU time that judging one line may take (`--schema`): a schema takes microseconds for a short line, and 0.2 s for a MiB of 19-digit
   * numbers under `uniqueItems`. A line that takes more is a dead letter: within five seconds, for any line up to 10 MiB, where nobody
   * else wants the processor. CLI contract.
   */
  lineCpuMsMax: 500,
  lineCpuMsPerMib: 250,
  /** Row of a lookup table, as it is written: a longer one would fit into no record. */
  tableRowBytesMax: 10 * MIB,
  /** Loading and connecting a module of `--transform` takes a few seconds at most. */
  moduleLoadMs: 30_000,
  /** A drain after SIGINT, SIGTERM or --timeout ends by then. CLI contract. */
  stopMs: 20_000,
} as const;

/** RFC 8878, 3.1.1.1.2: what every decoder should take; and what Node's takes at most (ZSTD_WINDOWLOG_LIMIT_DEFAULT, 27). */
export const ZSTD = { windowBytesCommon: 8 * MIB, windowBytesMax: 128 * MIB } as const;
