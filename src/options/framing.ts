/**
 * Framing option: what divides the records of an object.
 * Takes  `--framing` as text. Gives  the flag, and what it says.
 * Owns   how it is written.
 */
import { parsePointer } from '../scan/pointer.ts';
import { scalar } from './kinds.ts';

const ARRAY = /^array:(\/([^~]|~[01])*)?$/s;

/** `lines`, `values`, or `array:` and a pointer. */
function isFraming(given: unknown): given is string {
  return typeof given === 'string' && (given === 'lines' || given === 'values' || ARRAY.test(given));
}

const says = {
  group: 'record',
  identity: 'shapes',
  isYounger: true,
  default: 'lines',
  help: 'what divides records: lines, values (side by side), array:POINTER (elements)',
  meaning:
    'what divides the records of an object: `lines`; `values`, JSON values side by side; or `array:/Records`, the elements of the array there; see [Framing](#framing)',
} as const;

export const framing = scalar<string, typeof says>(
  'framing',
  {
    ...{ value: 'FRAMING', expected: 'lines, values or array:POINTER like array:/Records' },
    parse: (given) => (isFraming(given) ? given : null),
    isValid: isFraming,
    schema: { type: 'string', pattern: `^(lines|values|${ARRAY.source.slice(1, -1)})$` },
  },
  says,
);

/** @returns Null for lines. `tokens`: of the pointer to an array, or null for values that lie side by side. */
export function framingOf(given: string): { readonly tokens: readonly string[] | null } | null {
  if (given === 'lines') return null;
  return { tokens: given === 'values' ? null : parsePointer(given.slice('array:'.length)) };
}
