/** Quantities as people write and read them. */
import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatDuration,
  parseDurationMs,
  parsePercent,
  parseRate,
  parseSizeBytes,
  parseTimeMs,
} from '../../src/base/quantity.ts';

const UNBOUND = Number.POSITIVE_INFINITY;

describe('text means', () => {
  it.each([
    ['16MiB', 16 * 1024 ** 2],
    ['1GB', 1e9],
    ['512k', 512 * 1024],
    ['1.5 kb', 1500],
    ['4096', 4096],
    ['', null],
    ['-1', null],
    ['1XB', null],
    ['MiB', null],
  ])('size %j: %j bytes', (text, bytes) => expect(parseSizeBytes(text)).toBe(bytes));

  it.each([
    ['90s', 90_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['250ms', 250],
    ['1.5d', 129_600_000],
    ['90', null],
    ['s', null],
  ])('duration %j: %j ms', (text, durationMs) => expect(parseDurationMs(text)).toBe(durationMs));

  it.each([
    ['20MiB/s', { recordsPerSecond: UNBOUND, bytesPerSecond: 20 * 1024 ** 2 }],
    ['5000/s', { recordsPerSecond: 5000, bytesPerSecond: UNBOUND }],
    ['5000', null],
    ['0/s', null],
    ['20MiB/m', null],
  ])('rate %j: %j', (text, rate) => expect(parseRate(text)).toEqual(rate));

  it.each([
    ['30%', 0.3],
    ['0.1%', 0.001],
    ['30', null],
    ['%', null],
  ])('share %j: %j', (text, share) => expect(parsePercent(text)).toBe(share));

  it.each([
    ['2026-01-31', Date.UTC(2026, 0, 31)],
    ['2026-01-31T12:00', Date.UTC(2026, 0, 31, 12)],
    ['2026-01-31T12:00:00+02:00', Date.UTC(2026, 0, 31, 10)],
    ['2026-01-31 12:00:00.250Z', Date.UTC(2026, 0, 31, 12, 0, 0, 250)],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
    ['2024-02-30', null],
    ['2026-02-29T00:00:00Z', null],
    ['2026-04-31', null],
    ['2026-01-00', null],
    ['2026-01-31T25:00', null],
    ['2026-01-31 (noon)', null],
    ['2026-13-01', null],
    ['yesterday', null],
  ])('time %j: %j', (text, timeMs) => expect(parseTimeMs(text)).toBe(timeMs));
});

describe('people read', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [1_500_000, '1.5 MB'],
    [150_000_000, '150 MB'],
    [999_600, '1.0 MB'],
  ])('%d bytes as %j', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it.each([
    [999, '999'],
    [1000, '1,000'],
    [1_234_567, '1,234,567'],
  ])('count %d as %j', (count, text) => expect(formatCount(count)).toBe(text));

  it.each([
    [-0.4, '0.0 s'],
    [-0, '0.0 s'],
    [1200, '1.2 s'],
    [245_000, '4m 05s'],
    [3_723_000, '1h 02m 03s'],
    [UNBOUND, 'unknown'],
  ])('%d ms as %j', (durationMs, text) => expect(formatDuration(durationMs)).toBe(text));
});
