"""Peer in Python: S3 to Kinesis as most data engineers write it; a contender of bench/peers.ts.

Takes  BUCKET PREFIX STREAM POINTER DOWNLOADS PUTS; endpoints, region and keys from the environment.
Gives  one JSON line: records delivered and lines rejected.
Uses   boto3 in two pools of threads, iter_lines over the body, orjson for each line, and PutRecords of 500 with the refused records sent again.
Never  keeps a journal, writes dead letters, paces a shard or keeps an order.
"""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import orjson
from botocore.config import Config

BATCH_RECORDS = 500
BATCH_BYTES = 10 << 20
READ_BYTES = 1 << 18
WAIT_SECONDS_MAX = 2

bucket, prefix, stream, pointer, downloads, puts = sys.argv[1:]
path = pointer[1:].split("/")
config = Config(
    max_pool_connections=int(downloads) + int(puts),
    s3={"addressing_style": "path"},
    retries={"mode": "standard", "max_attempts": 10},
)
s3 = boto3.client("s3", config=config)
kinesis = boto3.client("kinesis", config=config)
lock = threading.Lock()
delivered = 0
rejected = 0
# Bounds what waits, so that memory stays flat.
slots = threading.Semaphore(int(puts))


def put(records):
    global delivered
    wait_seconds = 0.05
    try:
        while records:
            answer = kinesis.put_records(StreamName=stream, Records=records)
            with lock:
                delivered += len(records) - answer["FailedRecordCount"]
            if not answer["FailedRecordCount"]:
                return
            records = [record for record, result in zip(records, answer["Records"]) if result.get("ErrorCode")]
            time.sleep(wait_seconds)
            wait_seconds = min(2 * wait_seconds, WAIT_SECONDS_MAX)
    finally:
        slots.release()


def key_of(line):
    """The partition key, or None where the line is invalid or has no such key."""
    try:
        value = orjson.loads(line)
        for name in path:
            value = value[name]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return value if isinstance(value, str) and value else None


def carry(key, publishers):
    global rejected
    batch, batch_bytes, sent = [], 0, []

    def flush():
        nonlocal batch, batch_bytes
        slots.acquire()
        sent.append(publishers.submit(put, batch))
        batch, batch_bytes = [], 0

    body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    for line in body.iter_lines(chunk_size=READ_BYTES):
        line = line.strip()
        if not line:
            continue
        partition_key = key_of(line)
        if partition_key is None:
            with lock:
                rejected += 1
            continue
        if len(batch) == BATCH_RECORDS or batch_bytes + len(line) + len(partition_key) > BATCH_BYTES:
            flush()
        batch.append({"Data": line, "PartitionKey": partition_key})
        batch_bytes += len(line) + len(partition_key)
    if batch:
        flush()
    for result in sent:
        result.result()


with ThreadPoolExecutor(int(downloads)) as objects, ThreadPoolExecutor(int(puts)) as publishers:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    for carried in [objects.submit(carry, key, publishers) for key in keys]:
        carried.result()
print(json.dumps({"records": delivered, "rejected": rejected}))
