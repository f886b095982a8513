/**
 * Warnings and errors of services as lines of text, each with the region of its host: `--transform examples/stages/logs.ts`.
 * logs.yaml says the same without code: `--config examples/stages/logs.yaml`.
 */
import { join } from 'node:path';
import { enrich, format, pipe, where } from 'millrace/stages';

export default pipe(
  where('record.level in ["warn", "error"]'),
  enrich({ table: join(import.meta.dirname, 'hosts.csv'), on: '/host', into: '/machine' }),
  format('[{/ts}] {/level} {/machine/region}/{/host}: {/message}'),
);
