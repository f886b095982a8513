import { expect, it } from 'vitest';
import { loadAddon } from '../../src/native/load.ts';
import { openScanner, scannerReason } from '../../src/scan/open.ts';
import { ValidatingScanner } from '../../src/scan/validating.ts';
import { openLanes, RULES } from './harness.ts';

it('opens the native scanner exactly where there is an addon', () => {
  const { addon } = loadAddon();
  expect(openScanner(RULES, openLanes(1)).kind).toBe(addon === null ? 'portable' : 'native');
  expect(scannerReason() === null).toBe(addon !== null);
});

it('opens the portable scanner when asked to', () => {
  expect(openScanner(RULES, openLanes(1), { portable: true }).kind).toBe('portable');
});

it('puts a judge in front of the scanner that it would have opened', () => {
  const { addon } = loadAddon();
  const options = { validator: () => 'no' };
  const scanner = openScanner(RULES, openLanes(1), options);
  expect(scanner).toBeInstanceOf(ValidatingScanner);
  expect(scanner.kind).toBe(addon === null ? 'portable' : 'native');
  expect(openScanner(RULES, openLanes(1), { ...options, portable: true }).kind).toBe('portable');
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
