import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.google.common.util.concurrent.FutureCallback;
import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.MoreExecutors;
import java.io.InputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.S3Object;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;

/**
 * Peer in Java: S3 to Kinesis as a good Java programmer writes it in an afternoon; three contenders of bench/peers.ts.
 * Takes  BUCKET PREFIX STREAM POINTER DOWNLOADS PUTS sdk|kpl|kpl-aggregate; endpoints, region and keys from the environment.
 * Gives  one JSON line: records delivered and lines rejected.
 * Uses   the SDK's S3 client over Apache, Jackson's streaming parser for check and key in one pass, and either PutRecords of 500 by the
 *        SDK's asynchronous client with the refused records sent again, or the KPL, which speaks TLS alone.
 * Never  keeps a journal, writes dead letters or keeps an order.
 */
public class Peer {
  private static final int BATCH_RECORDS = 500;
  private static final int BATCH_BYTES = 10 << 20;
  private static final int READ_BYTES = 1 << 18;
  private static final long WAIT_MS_MAX = 2_000;
  private static final AtomicLong delivered = new AtomicLong();
  private static final AtomicLong rejected = new AtomicLong();
  private static final JsonFactory JSON = new JsonFactory();

  /** Where the records of one object go. */
  private interface Sink extends AutoCloseable {
    void add(String key, byte[] data) throws Exception;

    void close() throws Exception;
  }

  /** What the sinks of all objects share. */
  private interface Target {
    Sink sink();

    /** Waits until everything is delivered. */
    void finish() throws Exception;
  }

  public static void main(String[] args) {
    try {
      run(args);
      System.exit(0);
    } catch (Throwable error) {
      error.printStackTrace();
      System.exit(1);
    }
  }

  private static void run(String[] args) throws Exception {
    String bucket = args[0], prefix = args[1], stream = args[2], mode = args[6];
    String[] path = args[3].substring(1).split("/");
    int downloads = Integer.parseInt(args[4]), puts = Integer.parseInt(args[5]);
    S3Client s3 =
        S3Client.builder()
            .forcePathStyle(true)
            .httpClientBuilder(ApacheHttpClient.builder().maxConnections(downloads))
            .build();
    Target target = mode.equals("sdk") ? new Sdk(stream, puts) : new Kpl(stream, mode.equals("kpl-aggregate"));
    ExecutorService pool = Executors.newFixedThreadPool(downloads);
    List<Future<?>> objects = new ArrayList<>();
    for (S3Object object : s3.listObjectsV2Paginator(list -> list.bucket(bucket).prefix(prefix)).contents())
      objects.add(
          pool.submit(
              () -> {
                try (Sink sink = target.sink()) {
                  carry(s3, bucket, object.key(), path, sink);
                }
                return null;
              }));
    for (Future<?> object : objects) object.get();
    target.finish();
    System.out.println("{\"records\":" + delivered + ",\"rejected\":" + rejected + "}");
  }

  private static void carry(S3Client s3, String bucket, String object, String[] path, Sink sink) throws Exception {
    try (InputStream body = s3.getObject(get -> get.bucket(bucket).key(object))) {
      byte[] buffer = new byte[READ_BYTES];
      int held = 0;
      for (; ; ) {
        int count = body.read(buffer, held, buffer.length - held);
        int from = 0;
        int scanned = held;
        if (count > 0) held += count;
        for (int i = scanned; i < held; i++)
          if (buffer[i] == '\n') {
            take(buffer, from, i, path, sink);
            from = i + 1;
          }
        if (count < 0) {
          take(buffer, from, held, path, sink);
          return;
        }
        System.arraycopy(buffer, from, buffer, 0, held - from);
        held -= from;
        if (held == buffer.length) buffer = Arrays.copyOf(buffer, buffer.length * 2);
      }
    }
  }

  private static void take(byte[] bytes, int from, int to, String[] path, Sink sink) throws Exception {
    while (from < to && bytes[from] <= ' ' && bytes[from] >= 0) from++;
    while (to > from && bytes[to - 1] <= ' ' && bytes[to - 1] >= 0) to--;
    if (from == to) return;
    String key = null;
    try (JsonParser parser = JSON.createParser(bytes, from, to - from)) {
      key = keyOf(parser, path);
    } catch (JsonProcessingException error) {
      // Invalid: counted below, as a line without the key is.
    }
    if (key == null || key.isEmpty()) rejected.incrementAndGet();
    else sink.add(key, Arrays.copyOfRange(bytes, from, to));
  }

  /** Reads every token, so that all of the line is checked, and picks up the key on the way. */
  private static String keyOf(JsonParser parser, String[] path) throws Exception {
    String key = null;
    int depth = 0;
    int matched = 0;
    for (JsonToken token; (token = parser.nextToken()) != null; ) {
      boolean isNext =
          token == JsonToken.FIELD_NAME
              && key == null
              && depth == matched + 1
              && parser.currentName().equals(path[matched]);
      if (isNext) {
        token = parser.nextToken();
        boolean isLast = matched == path.length - 1;
        if (isLast && token == JsonToken.VALUE_STRING) key = parser.getText();
        else if (!isLast && token == JsonToken.START_OBJECT) matched++;
      }
      if (token.isStructStart()) depth++;
      else if (token.isStructEnd()) {
        depth--;
        matched = Math.min(matched, Math.max(0, depth - 1));
        if (depth == 0 && parser.nextToken() != null) throw new JsonParseException(parser, "more than one value");
      } else if (token == JsonToken.VALUE_STRING) parser.finishToken();
    }
    return key;
  }

  private static class Sdk implements Target {
    private final KinesisAsyncClient kinesis =
        KinesisAsyncClient.builder()
            .httpClientBuilder(NettyNioAsyncHttpClient.builder().maxConcurrency(64).protocol(Protocol.HTTP1_1))
            .build();
    private final ScheduledExecutorService later = Executors.newSingleThreadScheduledExecutor();
    private final AtomicReference<Throwable> broken = new AtomicReference<>();
    private final String stream;
    private final int puts;
    private final Semaphore slots;

    Sdk(String stream, int puts) {
      this.stream = stream;
      this.puts = puts;
      slots = new Semaphore(puts);
    }

    @Override
    public Sink sink() {
      return new Sink() {
        private List<PutRecordsRequestEntry> batch = new ArrayList<>(BATCH_RECORDS);
        private long batchBytes;

        @Override
        public void add(String key, byte[] data) throws Exception {
          long bytes = data.length + key.length() * 3L;
          if (batch.size() == BATCH_RECORDS || batchBytes + bytes > BATCH_BYTES) flush();
          batchBytes += bytes;
          SdkBytes wrapped = SdkBytes.fromByteArrayUnsafe(data);
          batch.add(PutRecordsRequestEntry.builder().partitionKey(key).data(wrapped).build());
        }

        private void flush() throws Exception {
          slots.acquire();
          throwIfBroken();
          put(batch, 50);
          batch = new ArrayList<>(BATCH_RECORDS);
          batchBytes = 0;
        }

        @Override
        public void close() throws Exception {
          if (!batch.isEmpty()) flush();
        }
      };
    }

    private void put(List<PutRecordsRequestEntry> records, long waitMs) {
      kinesis
          .putRecords(request -> request.streamName(stream).records(records))
          .whenComplete(
              (answer, error) -> {
                if (error != null) broken.compareAndSet(null, error);
                else delivered.addAndGet(records.size() - answer.failedRecordCount());
                if (error != null || answer.failedRecordCount() == 0) {
                  slots.release();
                  return;
                }
                List<PutRecordsRequestEntry> left = new ArrayList<>();
                for (int i = 0; i < records.size(); i++)
                  if (answer.records().get(i).errorCode() != null) left.add(records.get(i));
                later.schedule(
                    () -> put(left, Math.min(WAIT_MS_MAX, 2 * waitMs)), waitMs, TimeUnit.MILLISECONDS);
              });
    }

    private void throwIfBroken() throws Exception {
      if (broken.get() != null) throw new Exception(broken.get());
    }

    @Override
    public void finish() throws Exception {
      slots.acquire(puts);
      throwIfBroken();
    }
  }

  private static class Kpl implements Target {
    /** Records outstanding: the KPL itself bounds nothing. */
    private static final int OUTSTANDING_MAX = 50_000;

    private final Semaphore slots = new Semaphore(OUTSTANDING_MAX);
    private final AtomicLong failed = new AtomicLong();
    private final String stream;
    private final KinesisProducer producer;

    Kpl(String stream, boolean aggregates) {
      this.stream = stream;
      URI endpoint = URI.create(System.getenv("AWS_ENDPOINT_URL_KINESIS"));
      // Metrics and account numbers are asked of services that a bench has not got: they meet the stream, which refuses them.
      producer =
          new KinesisProducer(
              new KinesisProducerConfiguration()
                  .setRegion(System.getenv("AWS_REGION"))
                  .setKinesisEndpoint(endpoint.getHost())
                  .setKinesisPort(endpoint.getPort())
                  .setStsEndpoint(endpoint.getHost())
                  .setStsPort(endpoint.getPort())
                  .setCloudwatchEndpoint(endpoint.getHost())
                  .setCloudwatchPort(endpoint.getPort())
                  .setVerifyCertificate(false)
                  .setMetricsLevel("none")
                  .setLogLevel("error")
                  .setAggregationEnabled(aggregates)
                  .setRateLimit(1_000_000L)
                  .setRecordTtl(600_000)
                  .setRecordMaxBufferedTime(1_000)
                  .setRequestTimeout(60_000));
    }

    @Override
    public Sink sink() {
      return new Sink() {
        @Override
        public void add(String key, byte[] data) throws Exception {
          slots.acquire();
          Futures.addCallback(
              producer.addUserRecord(stream, key, ByteBuffer.wrap(data)),
              new FutureCallback<UserRecordResult>() {
                @Override
                public void onSuccess(UserRecordResult result) {
                  delivered.incrementAndGet();
                  slots.release();
                }

                @Override
                public void onFailure(Throwable error) {
                  if (failed.incrementAndGet() == 1) error.printStackTrace();
                  slots.release();
                }
              },
              MoreExecutors.directExecutor());
        }

        @Override
        public void close() {}
      };
    }

    @Override
    public void finish() throws Exception {
      producer.flushSync();
      slots.acquire(OUTSTANDING_MAX);
      List<ProcessHandle> daemons = ProcessHandle.current().children().toList();
      producer.destroy();
      // The daemon's CPU time is known once it has ended and was waited for.
      for (ProcessHandle daemon : daemons) daemon.onExit().get(10, TimeUnit.SECONDS);
      if (failed.get() > 0) throw new Exception("The KPL gave up " + failed + " records");
    }
  }
}
