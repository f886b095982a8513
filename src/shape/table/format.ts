/**
 * Format: what a lookup table is written in, by the ending of its name.
 */
import { OptionsError } from '../../base/errors.ts';

const FORMATS = {
  csv: ['.csv'],
  tsv: ['.tsv'],
  jsonl: ['.jsonl', '.ndjson'],
  json: ['.json'],
  parquet: ['.parquet'],
} as const;
type Format = keyof typeof FORMATS;

/** @throws {OptionsError} The name says nothing of what the file holds. */
export function formatOfTable(name: string): Format {
  const plain = name.toLowerCase().replace(/\.(gz|gzip|zst|zstd)$/, '');
  for (const [format, endings] of Object.entries(FORMATS))
    if (endings.some((ending) => plain.endsWith(ending))) return format as Format;
  const known = Object.values(FORMATS).flat().join(', ');
  throw new OptionsError([
    `Expected the table of enrich to be named ${known}, and .gz or .zst where it is compressed, but received ${name}.`,
  ]);
}
