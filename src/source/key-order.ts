/**
 * Key order: the order in which keys are listed, that of their UTF-8 bytes.
 * Takes  keys. Gives a yes or no. Pure.
 */

/** From here on the order of UTF-16 units, which is JavaScript's, is not that of UTF-8 bytes. */
const FAR = /[\ud800-\uffff]/;

/** Whether `one` is listed before `other`. */
export function isKeyBefore(one: string, other: string): boolean {
  if (!FAR.test(one) && !FAR.test(other)) return one < other;
  return Buffer.compare(Buffer.from(one), Buffer.from(other)) < 0;
}

export function isAscending(keys: readonly string[]): boolean {
  return keys.every((key, i) => i === 0 || isKeyBefore(keys[i - 1]!, key));
}
