/**
 * Workload clicks-77: web clicks, 77 bytes a line on average with the line end. The short lines are where per-record costs show.
 * Partition key: /u, 40,000 users.
 */
import { joinLines, type WorkloadOptions } from './lines.ts';
import { Random } from './random.ts';

const REFERRERS = [
  'google',
  'direct',
  'bing',
  'mail',
  'newsletter',
  'duckduckgo',
  'partner-7',
  'app',
] as const;
const SECTIONS = ['item', 'cart', 'search', 'help', 'account'] as const;

export const CLICKS_KEY = '/u';

export function clicks({ seed, lineCount }: WorkloadOptions): Buffer {
  const random = new Random(seed);
  let timeMs = 1_700_000_000_000;
  return joinLines(lineCount, () => {
    timeMs += random.integer(0, 40);
    const user = (random.integer(1, 40_000) * 99_991).toString(16).padStart(8, '0');
    const page = `/${random.pick(SECTIONS)}/${random.integer(1, 99_999)}`;
    return `{"u":"${user}","t":${timeMs},"p":"${page}","r":"${random.pick(REFERRERS)}","d":${random.integer(100, 99_999)}}`;
  });
}
