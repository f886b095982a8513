"""Consumer: what an application on boto3 and aws_kinesis_agg is shown of a stream.

Usage: python consumer.py STREAM KINESIS-ENDPOINT. Reads every shard from its beginning to its end or its tip, in JSON over HTTP/1.1, and
prints one JSON object a record: shardId, partitionKey, data (base64). Knows no hash ranges: it shows every part of every aggregate.
"""

import base64
import json
import sys

import boto3
from aws_kinesis_agg.deaggregator import iter_deaggregate_records

stream, endpoint = sys.argv[1:]
client = boto3.client(
    "kinesis",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id="AKIDTEST",
    aws_secret_access_key="secret-of-the-tests",
)
if client.meta.service_model.resolved_protocol != "json":
    sys.exit("boto3 speaks no JSON to Kinesis any more")


def pages(shard_id):
    iterator = client.get_shard_iterator(
        StreamName=stream, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while iterator:
        page = client.get_records(ShardIterator=iterator)
        yield page["Records"]
        iterator = page.get("NextShardIterator")
        if not page["Records"] and page["MillisBehindLatest"] == 0:
            return


for shard in client.list_shards(StreamName=stream)["Shards"]:
    for records in pages(shard["ShardId"]):
        for record in iter_deaggregate_records(records, data_format="Boto3"):
            shown = record["kinesis"]
            # The parts of an aggregate come in base64, as Lambda has them; a record of its own as bytes.
            data = shown["data"] if shown.get("aggregated") else base64.b64encode(shown["data"])
            line = {"shardId": shard["ShardId"], "partitionKey": shown["partitionKey"], "data": data.decode()}
            print(json.dumps(line))
