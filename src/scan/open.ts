/**
 * Open: chooses the scanner.
 * Takes  the rules of a run and the lanes of one parser.
 * Gives  the native scanner where the addon is there and nothing asks for the other one, else the portable scanner; with a validator in
 *        front of it where there is one.
 * Never  prints: `scannerReason` tells whoever starts the run why it will be slower.
 */
import { loadAddon } from '../native/load.ts';
import { Guard } from './guard.ts';
import type { LineText } from './line-text.ts';
import { NativeScanner } from './native.ts';
import { PortableScanner } from './portable.ts';
import type { RecordRules, ScanLanes, Scanner } from './scanner.ts';
import type { LineShaper } from './shaper.ts';
import { type LineValidator, ValidatingScanner } from './validating.ts';
import type { ValueFinder } from './values.ts';
import { NativeValues } from './values-native.ts';
import { PortableValues } from './values-portable.ts';

export interface OpenScannerOptions {
  /** Asks for the portable scanner. Default false. */
  readonly portable?: boolean;
  /** Refuses valid lines (`--schema`). */
  readonly validator?: LineValidator;
  /** Stages between a valid line and its record. */
  readonly shaper?: LineShaper | null;
  /** Called now and then while a line that takes long is validated. */
  readonly onTry?: (silenceMs: number) => void;
}

/**
 * The scanner of one parser thread.
 * @throws {OptionsError} If a pointer of the rules is not valid.
 */
export function openScanner(rules: RecordRules, lanes: ScanLanes, options: OpenScannerOptions = {}): Scanner {
  const { addon } = loadAddon();
  const isPortable = addon === null || options.portable;
  const { validator, onTry, shaper = null } = options;
  const scanner = isPortable
    ? new PortableScanner(rules, lanes, shaper)
    : new NativeScanner(addon, rules, lanes, { shaper });
  return validator
    ? new ValidatingScanner(scanner, validator, rules.depthMax, new Guard({ onTry }), shaper)
    : scanner;
}

/** A scanner that puts lines into a text, or null: there is no native one here. @throws {OptionsError} As above. */
export function openTextScanner(
  rules: RecordRules,
  text: LineText,
  { portable = false, shaper = null }: Pick<OpenScannerOptions, 'portable' | 'shaper'>,
): Scanner | null {
  const { addon } = loadAddon();
  if (addon === null || portable) return null;
  return new NativeScanner(addon, rules, { buffers: [], starts: new BigUint64Array(0) }, { shaper, text });
}

/** What finds values side by side. */
export function openValueFinder(isPortable: boolean): ValueFinder {
  const { addon } = loadAddon();
  return addon === null || isPortable ? new PortableValues() : new NativeValues(addon);
}

/** Why there is no native scanner here, or null. */
export function scannerReason(): string | null {
  return loadAddon().reason;
}
