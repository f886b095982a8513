import { Command } from '@oclif/core';
import { DEMO_BUCKET, DEMO_STREAM, runDemo } from '../demo.ts';
import { COMMON_FLAGS, type FlagSpec } from '../options.ts';
import { formatCount } from '../quantity.ts';
import { formatReport } from '../report/report.ts';
import { openDisplay } from './display.ts';
import { oclifFlags, readArguments } from './flags.ts';

const FLAGS: Readonly<Record<string, FlagSpec>> = {
  keep: { kind: 'switch', help: 'leave the embedded servers up and say what to try next' },
  json: COMMON_FLAGS.json!,
  quiet: COMMON_FLAGS.quiet!,
};

export default class Demo extends Command {
  static override summary = 'Run the whole job on an embedded S3 and Kinesis, and prove the result.';
  static override flags = oclifFlags(FLAGS);

  async run(): Promise<void> {
    const { raw } = await readArguments(this.argv, FLAGS);
    const display = openDisplay(raw);
    const { report, proof, servers, folder, close } = await runDemo({
      onProgress: display.update,
      onNotice: display.notice,
    });
    display.stop();
    try {
      const isProven = proof.missing + proof.foreign === 0;
      if (raw.json === true) console.log(JSON.stringify({ ...report, proof }));
      else {
        console.log(formatReport(report));
        const counts = `${formatCount(proof.streamRecords)} records on the stream, ${formatCount(proof.sourceRecords)} valid lines in the source`;
        console.log(`Proof: ${counts}, ${proof.missing} missing, ${proof.foreign} foreign or altered`);
      }
      // The dead letters are part of the show: the sample data has five bad lines.
      process.exitCode = isProven && report.status === 'delivered-with-rejects' ? 0 : 1;
      if (raw.keep === true) await keep(servers.s3.endpoint, servers.kinesis.endpoint, folder);
    } finally {
      await close();
    }
  }
}

/** Says what to try, and waits for SIGINT or SIGTERM. */
async function keep(s3Endpoint: string, kinesisEndpoint: string, folder: string): Promise<void> {
  const endpoints = `--region us-east-1 --s3-endpoint-url ${s3Endpoint} --kinesis-endpoint-url ${kinesisEndpoint}`;
  console.error(
    [
      '',
      'The embedded servers are up until Ctrl-C. Try in another terminal:',
      '  export AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo',
      `  npm run millrace -- backfill s3://${DEMO_BUCKET}/orders/ --stream ${DEMO_STREAM} --dry-run ${endpoints}`,
      `  npm run millrace -- verify s3://${DEMO_BUCKET}/orders/ --stream ${DEMO_STREAM} --partition-key /customer/id --from trim-horizon ${endpoints}`,
      `  npm run millrace -- status --journal ${folder}/demo.journal`,
    ].join('\n'),
  );
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}
