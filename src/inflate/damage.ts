/**
 * Damage: an object whose bytes are not what they should be, and what was delivered of it all the same.
 * Owns  the words for it: where it begins, and from where on nothing vouched for what came out.
 */
import { MillraceError } from '../base/errors.ts';

/** As the dead letter of the object says it (docs/CLI.md). */
export interface Damage {
  /** Offset in the stored object: everything before it could be read. */
  readonly storedOffset: number;
  /** Offset in the (decompressed) object behind the last line that was delivered; null where all of them were. */
  readonly offset: number | null;
  /** Lines that end behind this offset were delivered and never proven by a checksum; null: every one is proven. */
  readonly unprovenFrom: number | null;
}

/** Whether a dead letter's field is what a dead letter says of damage: people edit the file. */
export function isDamage(value: unknown): value is Damage {
  if (value === null || typeof value !== 'object') return false;
  const { storedOffset, offset, unprovenFrom } = value as Record<string, unknown>;
  return (
    typeof storedOffset === 'number' &&
    [offset, unprovenFrom].every((at) => at === null || typeof at === 'number')
  );
}

/** The object cannot be read to its end, or is not what the source holds. */
export class DamagedError extends MillraceError {
  readonly damage: Damage;
  constructor(message: string, damage: Damage, options: ErrorOptions = {}) {
    super('MILLRACE_OBJECT_UNREADABLE', message, options);
    this.damage = damage;
  }
}
