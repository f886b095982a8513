/**
 * Quantity: sizes, durations, rates and times as people write them.
 * Takes  text. Gives numbers in one unit, or null when the text means nothing; and numbers as people read them.
 * Pure.
 */
const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  kb: 1000,
  kib: 1024,
  m: 1024 ** 2,
  mb: 1000 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1000 ** 3,
  gib: 1024 ** 3,
  t: 1024 ** 4,
  tb: 1000 ** 4,
  tib: 1024 ** 4,
};
const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Bytes of `16MiB`, `1GB`, `512k`, `4096`. k, M and G alone are powers of 1024. */
export function parseSizeBytes(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const unitBytes = match && SIZE_UNITS[match[2]!.toLowerCase()];
  return unitBytes ? Math.round(Number(match[1]) * unitBytes) : null;
}

/** Milliseconds of `90s`, `15m`, `2h`, `1.5d`, `250ms`. A unit is needed. */
export function parseDurationMs(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/i.exec(text.trim());
  const unitMs = match && DURATION_UNITS[match[2]!.toLowerCase()];
  return unitMs ? Math.round(Number(match[1]) * unitMs) : null;
}

export interface Rate {
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** `20MiB/s` bounds bytes, `5000/s` bounds records; the other bound is Infinity. */
export function parseRate(text: string): Rate | null {
  const match = /^(.+?)\s*\/\s*s$/i.exec(text.trim());
  if (!match) return null;
  const amount = match[1]!.trim();
  const value = parseSizeBytes(amount);
  if (value === null || value <= 0) return null;
  return /[a-z]$/i.test(amount)
    ? { recordsPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: value }
    : { recordsPerSecond: value, bytesPerSecond: Number.POSITIVE_INFINITY };
}

/** Share of `30%` as 0.3. */
export function parsePercent(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim());
  return match ? Number(match[1]) / 100 : null;
}

const DATE_TIME =
  /^(\d{4})-(\d{2})-(\d{2})(?:[t ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(z|[+-]\d{2}:?\d{2})?)?$/i;

/** Milliseconds since 1970 of an ISO 8601 date or time; without a zone it is UTC. A day that the calendar does not have gives null. */
export function parseTimeMs(text: string): number | null {
  const trimmed = text.trim();
  const match = DATE_TIME.exec(trimmed);
  if (!match) return null;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  // Day 0 of the next month is the last one of this month. Date.parse takes 31 days of any.
  if (month > 12 || day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return null;
  const hasZone = trimmed.length === 10 || match[4] !== undefined;
  const timeMs = Date.parse(hasZone ? trimmed : `${trimmed}Z`);
  return Number.isNaN(timeMs) ? null : timeMs;
}

/** `1.5 GB`: decimal units, as the services and their bills count. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `1,234,567`. */
export function formatCount(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1h 02m 03s`, `4m 05s`, `1.2 s`. */
export function formatDuration(durationMs: number): string {
  if (!Number.isFinite(durationMs)) return 'unknown';
  // Negative values, and a negative zero, count as no time left.
  if (durationMs < 60_000) return `${(Math.max(0, durationMs) / 1000).toFixed(1)} s`;
  const seconds = Math.round(durationMs / 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return hours > 0 ? `${hours}h ${two(minutes)}m ${two(seconds % 60)}s` : `${minutes}m ${two(seconds % 60)}s`;
}
