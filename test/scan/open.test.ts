import { expect, it } from 'vitest';
import { loadAddon } from '../../src/native/load.ts';
import { openScanner, scannerReason } from '../../src/scan/open.ts';
import { openLanes, RULES } from './harness.ts';

it('opens the native scanner exactly where there is an addon', () => {
  const { addon } = loadAddon();
  expect(openScanner(RULES, openLanes(1)).kind).toBe(addon === null ? 'portable' : 'native');
  expect(scannerReason() === null).toBe(addon !== null);
});

it.each([
  { name: 'asked to', options: { portable: true } },
  { name: 'given a judge', options: { judge: () => null } },
])('opens the portable scanner when $name', ({ options }) => {
  expect(openScanner(RULES, openLanes(1), options).kind).toBe('portable');
});

it.each([{ portable: true }, { portable: false }])(
  'refuses rules whose pointer is none, portable $portable',
  (options) => {
    expect(() => openScanner({ ...RULES, partitionKey: 'id' }, openLanes(1), options)).toThrow(
      /Expected a JSON Pointer/,
    );
    expect(() => openScanner({ ...RULES, explicitHashKey: '/~' }, openLanes(1), options)).toThrow(
      /JSON Pointer/,
    );
  },
);
