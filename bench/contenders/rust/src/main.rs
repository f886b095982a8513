//! Peer in Rust: S3 to Kinesis as a good Rust programmer writes it in an afternoon; a contender of bench/peers.ts.
//! Takes  BUCKET PREFIX STREAM POINTER DOWNLOADS PUTS; endpoints, region and keys from the environment.
//! Gives  one JSON line: records delivered and lines rejected.
//! Uses   the AWS SDK on tokio, serde_json into a struct that borrows, memchr for lines, mimalloc, and PutRecords of 500 with the
//!        refused records sent again.
//! Never  keeps a journal, writes dead letters, paces a shard or keeps an order.
use aws_sdk_kinesis::{primitives::Blob, types::PutRecordsRequestEntry};
use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::{borrow::Cow, sync::Arc, time::Duration};
use tokio::sync::{Mutex, Semaphore, mpsc};

#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
type Batch = Vec<PutRecordsRequestEntry>;

const BATCH_RECORDS: usize = 500;
const BATCH_BYTES: usize = 10 << 20;
const WAIT_MS_MAX: u64 = 2_000;

static DELIVERED: AtomicU64 = AtomicU64::new(0);
static REJECTED: AtomicU64 = AtomicU64::new(0);

#[derive(Deserialize)]
struct Actor<'a> {
    #[serde(borrow)]
    login: Cow<'a, str>,
}

/// What is looked at of a line of github-684 or clicks-77; serde checks the rest and builds nothing of it.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    actor: Option<Actor<'a>>,
    #[serde(borrow)]
    u: Option<Cow<'a, str>>,
}

fn key_of(line: &[u8], nested: bool) -> Option<String> {
    // serde_json does not look at the UTF-8 of what it skips.
    let line: Line = serde_json::from_str(std::str::from_utf8(line).ok()?).ok()?;
    let key = if nested { line.actor?.login } else { line.u? };
    if key.is_empty() { None } else { Some(key.into_owned()) }
}

async fn put(kinesis: &aws_sdk_kinesis::Client, stream: &str, mut batch: Batch) -> Outcome<()> {
    let mut wait_ms = 50;
    while !batch.is_empty() {
        // The request takes its records for good; the clone is for those that are refused.
        let request = kinesis.put_records().stream_name(stream).set_records(Some(batch.clone()));
        let answer = request.send().await?;
        let failed = answer.failed_record_count().unwrap_or(0) as u64;
        DELIVERED.fetch_add(batch.len() as u64 - failed, Relaxed);
        if failed == 0 {
            break;
        }
        let mut results = answer.records().iter();
        batch.retain(|_| results.next().is_some_and(|result| result.error_code().is_some()));
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        wait_ms = (wait_ms * 2).min(WAIT_MS_MAX);
    }
    Ok(())
}

async fn carry(
    s3: &aws_sdk_s3::Client,
    bucket: &str,
    key: &str,
    nested: bool,
    out: &mpsc::Sender<Batch>,
) -> Outcome<()> {
    let mut body = s3.get_object().bucket(bucket).key(key).send().await?.body;
    let mut batch = Vec::with_capacity(BATCH_RECORDS);
    let mut batch_bytes = 0;
    let mut tail = BytesMut::new();
    loop {
        let chunk = body.try_next().await?;
        let is_last = chunk.is_none();
        let block: Bytes = match chunk {
            Some(bytes) if tail.is_empty() => bytes,
            Some(bytes) => {
                tail.extend_from_slice(&bytes);
                tail.split().freeze()
            }
            None => tail.split().freeze(),
        };
        let mut at = 0;
        while at < block.len() {
            let end = match memchr::memchr(b'\n', &block[at..]) {
                Some(length) => at + length,
                None if is_last => block.len(),
                None => break,
            };
            let line = block[at..end].trim_ascii();
            at = (end + 1).min(block.len());
            if line.is_empty() {
                continue;
            }
            let Some(key) = key_of(line, nested) else {
                REJECTED.fetch_add(1, Relaxed);
                continue;
            };
            let bytes = line.len() + key.len();
            if batch.len() == BATCH_RECORDS || batch_bytes + bytes > BATCH_BYTES {
                out.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH_RECORDS))).await?;
                batch_bytes = 0;
            }
            batch_bytes += bytes;
            batch.push(PutRecordsRequestEntry::builder().data(Blob::new(line)).partition_key(key).build()?);
        }
        if is_last {
            break;
        }
        tail.extend_from_slice(&block[at..]);
    }
    if !batch.is_empty() {
        out.send(batch).await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [bucket, prefix, stream, pointer, downloads, puts] = args.try_into().map_err(|_| "Expected six arguments")?;
    let (downloads, puts): (usize, usize) = (downloads.parse()?, puts.parse()?);
    let nested = match pointer.as_str() {
        "/actor/login" => true,
        "/u" => false,
        _ => return Err("Expected the pointer /actor/login or /u".into()),
    };
    let config = aws_config::load_from_env().await;
    let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build());
    let kinesis = aws_sdk_kinesis::Client::new(&config);
    let (sender, receiver) = mpsc::channel::<Batch>(puts);
    let receiver = Arc::new(Mutex::new(receiver));
    let publishers: Vec<_> = (0..puts)
        .map(|_| {
            let (receiver, kinesis, stream) = (receiver.clone(), kinesis.clone(), stream.clone());
            tokio::spawn(async move {
                loop {
                    let next = receiver.lock().await.recv().await;
                    match next {
                        Some(batch) => put(&kinesis, &stream, batch).await?,
                        None => return Outcome::Ok(()),
                    }
                }
            })
        })
        .collect();
    let gate = Arc::new(Semaphore::new(downloads));
    let mut objects = Vec::new();
    let mut pages = s3.list_objects_v2().bucket(&bucket).prefix(&prefix).into_paginator().send();
    while let Some(page) = pages.next().await {
        for object in page?.contents() {
            let key = object.key().ok_or("A listed object has no key")?.to_owned();
            let (s3, sender, gate, bucket) = (s3.clone(), sender.clone(), gate.clone(), bucket.clone());
            objects.push(tokio::spawn(async move {
                let _permit = gate.acquire_owned().await?;
                carry(&s3, &bucket, &key, nested, &sender).await
            }));
        }
    }
    drop(sender);
    for object in objects {
        object.await??;
    }
    for publisher in publishers {
        publisher.await??;
    }
    println!("{{\"records\":{},\"rejected\":{}}}", DELIVERED.load(Relaxed), REJECTED.load(Relaxed));
    Ok(())
}
