/**
 * Sample: which lines belong to a share of all lines, decided by where they lie: the same ones in every run.
 * Takes  the coordinate of an object, the offset of a line. Gives  a number of 32 bits.
 * Never  looks at a line. The twin of `isSampled` in src/native/scan-shape.cc.
 */

/** FNV-1a of an object's coordinate. */
export function sampleSeed(coordinate: Uint8Array): number {
  let seed = 2166136261;
  for (const byte of coordinate) seed = Math.imul(seed ^ byte, 16777619);
  return seed >>> 0;
}

export function sampleNumber(seed: number, offset: number): number {
  const high = Math.imul(Math.floor(offset / 2 ** 32), 0x9e3779b9);
  return mix((mix((seed ^ (offset % 2 ** 32)) >>> 0) + high) >>> 0);
}

function mix(bits: number): number {
  let at = bits ^ (bits >>> 16);
  at = Math.imul(at, 0x7feb352d);
  at ^= at >>> 15;
  at = Math.imul(at, 0x846ca68b);
  return (at ^ (at >>> 16)) >>> 0;
}
