module millrace/consumer

go 1.24

require (
	github.com/aws/aws-sdk-go-v2/service/kinesis v1.56.13
	github.com/awslabs/kinesis-aggregation/go/v2 v2.0.0-20241004223953-c2774b1ab29b
)

require (
	github.com/aws/smithy-go v1.28.9 // indirect
	github.com/golang/protobuf v1.5.2 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
