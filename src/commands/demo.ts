import { once } from 'node:events';
import { EXIT } from '../base/exit-code.ts';
import { formatCount } from '../base/quantity.ts';
import { DEMO_BUCKET, DEMO_STREAM, type DemoProof, runDemo } from '../embedded/demo.ts';
import { type BackfillReport, formatReport } from '../observe/report.ts';
import { checkDemoOptions } from '../options/demo.ts';
import { MANUAL } from '../options/manual.ts';
import { openDisplay } from './display.ts';
import { readArguments } from './flags.ts';
import { printReport } from './outlet.ts';
import { abortOnSignals } from './signals.ts';

const FLAGS = MANUAL.demo.flags;

export async function run(argv: string[]): Promise<void> {
  const { words, raw } = await readArguments(argv, FLAGS);
  checkDemoOptions(words, raw);
  const display = openDisplay(raw);
  const signal = abortOnSignals(display.notice, 'the same command begins again');
  const demo = runDemo({ signal, onProgress: display.update, onNotice: display.notice });
  const { report: ran, proof, servers, folder, close } = await demo.finally(() => display.stop());
  // The embedded servers share the process, and take most of its memory.
  const report = { ...ran, memory: null };
  try {
    // The dead letters are part of the show: the sample data has five bad lines.
    const isGood = proof.missing + proof.foreign === 0 && report.status === 'delivered-with-rejects';
    const text = raw.json === true ? JSON.stringify({ ...report, proof }) : textOf(report, proof);
    await printReport(text, isGood ? EXIT.done : EXIT.exceptions);
    if (raw.keep !== true) return;
    sayWhatToTry(servers.s3.endpoint, servers.kinesis.endpoint, folder);
    if (!signal.aborted) await once(signal, 'abort');
    process.exitCode = signal.reason.exitCode;
  } finally {
    await close();
  }
}

function textOf(report: BackfillReport, proof: DemoProof): string {
  const counts = `${formatCount(proof.streamRecords)} records on the stream, ${formatCount(proof.sourceRecords)} valid lines in the source`;
  return `${formatReport(report)}\nProof: ${counts}, ${proof.missing} missing, ${proof.foreign} foreign or altered`;
}

function sayWhatToTry(s3Endpoint: string, kinesisEndpoint: string, folder: string): void {
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
}
