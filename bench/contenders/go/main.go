// Peer in Go: S3 to Kinesis as a good Go programmer writes it in an afternoon; two contenders of bench/peers.ts.
// Takes  BUCKET PREFIX STREAM POINTER DOWNLOADS PUTS standard|gjson; endpoints, region and keys from the environment.
// Gives  one JSON line: records delivered and lines rejected.
// Uses   the AWS SDK, bufio for lines, encoding/json (standard: as textbooks write it) or gjson (two byte loops without an
// allocation), one buffer for the lines of a batch, and PutRecords of 500 with the refused records sent again.
// Never  keeps a journal, writes dead letters, paces a shard or keeps an order.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/tidwall/gjson"
	"golang.org/x/sync/errgroup"
)

const (
	batchRecords = 500
	batchBytes   = 10 << 20
	waitMax      = 2 * time.Second
)

var delivered, rejected atomic.Int64

// keyer gives the partition key of a valid line; false where the line is invalid or has no such key.
type keyer func(line []byte) (string, bool)

// event is what is looked at of a line of github-684 or clicks-77; encoding/json checks the rest and builds nothing of it.
type event struct {
	Actor struct {
		Login string `json:"login"`
	} `json:"actor"`
	U string `json:"u"`
}

func newKeyer(kind, pointer string) (keyer, error) {
	switch {
	case kind == "standard" && pointer == "/actor/login":
		return func(line []byte) (string, bool) {
			var of event
			err := json.Unmarshal(line, &of)
			return of.Actor.Login, err == nil && of.Actor.Login != ""
		}, nil
	case kind == "standard" && pointer == "/u":
		return func(line []byte) (string, bool) {
			var of event
			err := json.Unmarshal(line, &of)
			return of.U, err == nil && of.U != ""
		}, nil
	case kind == "gjson":
		path := strings.ReplaceAll(strings.TrimPrefix(pointer, "/"), "/", ".")
		return func(line []byte) (string, bool) {
			if !utf8.Valid(line) || !gjson.ValidBytes(line) {
				return "", false
			}
			value := gjson.GetBytes(line, path)
			return value.Str, value.Type == gjson.String && value.Str != ""
		}, nil
	}
	return nil, fmt.Errorf("expected standard or gjson with /actor/login or /u, but received %q, %q", kind, pointer)
}

// lines collects the records of one object. Those of a batch share one buffer: an allocation a batch, not one a line.
type lines struct {
	batch  []types.PutRecordsRequestEntry
	buffer []byte
	size   int
	out    chan<- []types.PutRecordsRequestEntry
}

func (l *lines) flush(ctx context.Context) error {
	if len(l.batch) == 0 {
		return nil
	}
	select {
	case l.out <- l.batch:
	case <-ctx.Done():
		return ctx.Err()
	}
	l.batch = make([]types.PutRecordsRequestEntry, 0, batchRecords)
	l.buffer = make([]byte, 0, max(cap(l.buffer), 512<<10))
	l.size = 0
	return nil
}

func (l *lines) add(ctx context.Context, line []byte, key string) error {
	if len(l.batch) == batchRecords || l.size+len(line)+len(key) > batchBytes {
		if err := l.flush(ctx); err != nil {
			return err
		}
	}
	data := line
	if len(l.buffer)+len(line) <= cap(l.buffer) {
		l.buffer = append(l.buffer, line...)
		data = l.buffer[len(l.buffer)-len(line) : len(l.buffer) : len(l.buffer)]
	} else {
		data = bytes.Clone(line)
	}
	l.batch = append(l.batch, types.PutRecordsRequestEntry{Data: data, PartitionKey: aws.String(key)})
	l.size += len(line) + len(key)
	return nil
}

func carry(ctx context.Context, client *s3.Client, bucket, object string, keyOf keyer, out chan<- []types.PutRecordsRequestEntry) error {
	answer, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &object})
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	reader := bufio.NewReaderSize(answer.Body, 1<<20)
	collected := &lines{out: out}
	var long []byte
	for {
		raw, err := reader.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, raw...)
			continue
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("%s: %w", object, err)
		}
		if len(long) > 0 {
			raw, long = append(long, raw...), nil
		}
		if line := bytes.TrimSpace(raw); len(line) > 0 {
			if key, ok := keyOf(line); !ok {
				rejected.Add(1)
			} else if err := collected.add(ctx, line, key); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return collected.flush(ctx)
		}
	}
}

// put sends a batch until every record is in: only the refused ones are sent again, after a growing wait.
func put(ctx context.Context, client *kinesis.Client, stream string, batch []types.PutRecordsRequestEntry) error {
	for wait := 50 * time.Millisecond; len(batch) > 0; wait = min(2*wait, waitMax) {
		answer, err := client.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &stream, Records: batch})
		if err != nil {
			return err
		}
		failed := int(aws.ToInt32(answer.FailedRecordCount))
		delivered.Add(int64(len(batch) - failed))
		if failed == 0 {
			return nil
		}
		left := batch[:0]
		for i, result := range answer.Records {
			if result.ErrorCode != nil {
				left = append(left, batch[i])
			}
		}
		batch = left
		time.Sleep(wait)
	}
	return nil
}

func run(args []string) error {
	if len(args) != 7 {
		return errors.New("expected seven arguments")
	}
	bucket, prefix, stream, pointer, kind := args[0], args[1], args[2], args[3], args[6]
	downloads, err := strconv.Atoi(args[4])
	if err != nil {
		return err
	}
	puts, err := strconv.Atoi(args[5])
	if err != nil {
		return err
	}
	keyOf, err := newKeyer(kind, pointer)
	if err != nil {
		return err
	}
	ctx := context.Background()
	client := awshttp.NewBuildableClient().WithTransportOptions(func(transport *http.Transport) {
		transport.MaxIdleConnsPerHost = downloads + puts
		transport.ReadBufferSize, transport.WriteBufferSize = 256<<10, 64<<10
	})
	settings, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client))
	if err != nil {
		return err
	}
	source := s3.NewFromConfig(settings, func(options *s3.Options) {
		options.UsePathStyle = true
		options.DisableLogOutputChecksumValidationSkipped = true
	})
	target := kinesis.NewFromConfig(settings)

	batches := make(chan []types.PutRecordsRequestEntry, puts)
	publishers, publishing := errgroup.WithContext(ctx)
	for range puts {
		publishers.Go(func() error {
			for batch := range batches {
				if err := put(publishing, target, stream, batch); err != nil {
					return err
				}
			}
			return nil
		})
	}
	objects, reading := errgroup.WithContext(publishing)
	objects.SetLimit(downloads)
	pages := s3.NewListObjectsV2Paginator(source, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, object := range page.Contents {
			objects.Go(func() error { return carry(reading, source, bucket, *object.Key, keyOf, batches) })
		}
	}
	err = objects.Wait()
	close(batches)
	return errors.Join(err, publishers.Wait())
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("{\"records\":%d,\"rejected\":%d}\n", delivered.Load(), rejected.Load())
}
