/*
 * Consumer: what an application on the Kinesis Client Library is shown of a stream.
 * Takes  `watch STREAM APPLICATION KINESIS-ENDPOINT DYNAMODB-ENDPOINT`: the library itself, from the stream's beginning, with its leases in
 *        tables that begin with APPLICATION; ends when standard input does. Or `deaggregate`: raw records on standard input, one JSON object a
 *        line, with the hash range of their shard, through the library's AggregatorUtil.
 * Gives  one JSON object a record on standard output: shardId, partitionKey, data (base64).
 * Never  filters or sorts: lines stand in the order in which the library hands records over.
 */
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigInteger;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.exceptions.InvalidStateException;
import software.amazon.kinesis.exceptions.ShutdownException;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

public final class Consumer {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);
  private static final InitialPositionInStreamExtended BEGINNING =
      InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);

  public static void main(String[] args) throws IOException {
    if (args.length == 5 && args[0].equals("watch")) watch(args[1], args[2], URI.create(args[3]), URI.create(args[4]));
    else if (args.length == 1 && args[0].equals("deaggregate")) deaggregate();
    else throw new IllegalArgumentException("watch STREAM APPLICATION KINESIS-ENDPOINT DYNAMODB-ENDPOINT, or deaggregate");
  }

  private static synchronized void show(String shardId, Iterable<KinesisClientRecord> records) {
    for (KinesisClientRecord record : records) {
      byte[] data = new byte[record.data().remaining()];
      record.data().duplicate().get(data);
      ObjectNode line = JSON.createObjectNode();
      line.put("shardId", shardId).put("partitionKey", record.partitionKey());
      line.put("data", Base64.getEncoder().encodeToString(data));
      OUT.println(line);
    }
    OUT.flush();
  }

  private static void deaggregate() throws IOException {
    AggregatorUtil aggregator = new AggregatorUtil();
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      JsonNode raw = JSON.readTree(line);
      KinesisClientRecord record = KinesisClientRecord.builder()
          .data(ByteBuffer.wrap(Base64.getDecoder().decode(raw.get("data").asText())))
          .partitionKey(raw.get("partitionKey").asText())
          .sequenceNumber(raw.get("sequenceNumber").asText())
          .approximateArrivalTimestamp(Instant.EPOCH)
          .build();
      BigInteger first = new BigInteger(raw.get("startingHashKey").asText());
      BigInteger last = new BigInteger(raw.get("endingHashKey").asText());
      show(raw.get("shardId").asText(), aggregator.deaggregate(List.of(record), first, last));
    }
  }

  private static void watch(String stream, String application, URI kinesisEndpoint, URI dynamoEndpoint) throws IOException {
    StaticCredentialsProvider credentials =
        StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIDTEST", "secret-of-the-tests"));
    KinesisAsyncClient kinesis = KinesisAsyncClient.builder()
        .endpointOverride(kinesisEndpoint)
        .region(Region.US_EAST_1)
        .credentialsProvider(credentials)
        // HTTP/2, the default, needs TLS.
        .httpClientBuilder(NettyNioAsyncHttpClient.builder().protocol(Protocol.HTTP1_1))
        .build();
    DynamoDbAsyncClient dynamo = DynamoDbAsyncClient.builder()
        .endpointOverride(dynamoEndpoint)
        .region(Region.US_EAST_1)
        .credentialsProvider(credentials)
        .build();
    // Never called: there are no metrics.
    CloudWatchAsyncClient cloudWatch = CloudWatchAsyncClient.builder()
        .endpointOverride(dynamoEndpoint)
        .region(Region.US_EAST_1)
        .credentialsProvider(credentials)
        .build();
    ConfigsBuilder configs = new ConfigsBuilder(
        new SingleStreamTracker(stream, BEGINNING), application, kinesis, dynamo, cloudWatch, application, Processor::new);
    // Shorter waits than in production; everything else as the library has it.
    PollingConfig polling = new PollingConfig(stream, kinesis);
    polling.idleTimeBetweenReadsInMillis(200);
    Scheduler scheduler = new Scheduler(
        configs.checkpointConfig(),
        configs.coordinatorConfig().parentShardPollIntervalMillis(100).shardConsumerDispatchPollIntervalMillis(100),
        configs.leaseManagementConfig().failoverTimeMillis(2_000).shardSyncIntervalMillis(1_000),
        configs.lifecycleConfig(),
        configs.metricsConfig().metricsFactory(new NullMetricsFactory()),
        configs.processorConfig(),
        configs.retrievalConfig().retrievalSpecificConfig(polling));
    Thread work = new Thread(scheduler, "scheduler");
    work.setDaemon(true);
    work.start();
    while (System.in.read() >= 0) {}
    // Nothing that it could still do matters: its tables go with their server.
    Runtime.getRuntime().halt(0);
  }

  /** One shard's records, as they come; a shard that was read to its end is checkpointed, so that its children begin. */
  private static final class Processor implements ShardRecordProcessor {
    private String shardId;

    @Override
    public void initialize(InitializationInput input) {
      shardId = input.shardId();
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
      show(shardId, input.records());
      try {
        input.checkpointer().checkpoint();
      } catch (InvalidStateException | ShutdownException e) {
        // The lease was lost meanwhile: whoever takes it shows these records again.
      }
    }

    @Override
    public void shardEnded(ShardEndedInput input) {
      try {
        input.checkpointer().checkpoint();
      } catch (InvalidStateException | ShutdownException e) {
        throw new IllegalStateException("The end of shard " + shardId + " cannot be checkpointed", e);
      }
    }

    @Override
    public void leaseLost(LeaseLostInput input) {}

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {}
  }
}
