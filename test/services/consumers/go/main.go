// Consumer: what a program in Go with the deaggregator of awslabs/kinesis-aggregation makes of raw records.
// Takes raw records on standard input, one JSON object a line. Gives one JSON object a record on standard output: shardId, partitionKey,
// data (base64). Knows no hash ranges: it shows every part of every aggregate.
package main

import (
	"bufio"
	"encoding/json"
	"io"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/awslabs/kinesis-aggregation/go/v2/deaggregator"
)

// In JSON a []byte is base64.
type record struct {
	ShardID        string `json:"shardId"`
	PartitionKey   string `json:"partitionKey"`
	SequenceNumber string `json:"sequenceNumber,omitempty"`
	Data           []byte `json:"data"`
}

func main() {
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	buffered := bufio.NewWriter(os.Stdout)
	out := json.NewEncoder(buffered)
	for {
		var raw record
		if err := in.Decode(&raw); err == io.EOF {
			break
		} else if err != nil {
			log.Fatal(err)
		}
		one := types.Record{Data: raw.Data, PartitionKey: &raw.PartitionKey, SequenceNumber: &raw.SequenceNumber}
		parts, err := deaggregator.DeaggregateRecords([]types.Record{one})
		if err != nil {
			log.Fatal(err)
		}
		for _, part := range parts {
			if err := out.Encode(record{ShardID: raw.ShardID, PartitionKey: *part.PartitionKey, Data: part.Data}); err != nil {
				log.Fatal(err)
			}
		}
	}
	if err := buffered.Flush(); err != nil {
		log.Fatal(err)
	}
}
