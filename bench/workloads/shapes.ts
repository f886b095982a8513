/**
 * Workloads of one hard property each: wide lines, deep lines, text beyond ASCII, numbers, and a few invalid lines.
 * Partition key of all of them: /id.
 */
import { clicks } from './clicks.ts';
import { joinLines, type WorkloadOptions } from './lines.ts';
import { Random } from './random.ts';

export const SHAPES_KEY = '/id';

/** 4 KiB a line: a flat object of 140 members. */
export function wide({ seed, lineCount }: WorkloadOptions): Buffer {
  const random = new Random(seed);
  return joinLines(lineCount, (index) => {
    const members = Array.from({ length: 139 }, (_, column) => {
      const value = column % 4 === 0 ? random.integer(0, 1e9) : `"${random.hex(random.integer(10, 26))}"`;
      return `"field_${column}":${value}`;
    });
    return `{"id":"wide-${index}",${members.join(',')}}`;
  });
}

/** About 350 bytes a line, up to 60 containers open at once. */
export function deep({ seed, lineCount }: WorkloadOptions): Buffer {
  const random = new Random(seed);
  return joinLines(lineCount, (index) => {
    let value = `${random.integer(0, 99)}`;
    const depth = random.integer(30, 59);
    for (let i = 0; i < depth; i++) value = random.chance(50) ? `[${value},${i}]` : `{"k${i}": ${value}}`;
    return `{"id":"deep-${index}","tree":${value},"after":[[],{},[[{}]]]}`;
  });
}

const SCRIPTS = [
  '東京の天気は晴れです',
  'Привет, как дела',
  'مرحبا بالعالم',
  'Größe über Maß',
  '👩‍🚀🚀🌍',
  'नमस्ते दुनिया',
] as const;

/** About 600 bytes a line, most of them beyond ASCII; one text in five is written with \u escapes. */
export function unicode({ seed, lineCount }: WorkloadOptions): Buffer {
  const random = new Random(seed);
  return joinLines(lineCount, (index) => {
    const texts = Array.from({ length: 8 }, () => {
      const text = `${random.pick(SCRIPTS)} ${random.pick(SCRIPTS)}`;
      if (!random.chance(20)) return `"${text}"`;
      return `"${text.replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;
    });
    return `{"id":"${random.pick(SCRIPTS).slice(0, 5)}${index}","texts":[${texts.join(', ')}]}`;
  });
}

/** About 430 bytes a line: integers, decimals and exponents, as sensors and feature stores write them. */
export function numbers({ seed, lineCount }: WorkloadOptions): Buffer {
  const random = new Random(seed);
  return joinLines(lineCount, (index) => {
    const values = Array.from({ length: 40 }, () => {
      const dice = random.integer(0, 9);
      if (dice < 4) return `${random.integer(-99_999, 99_999)}`;
      if (dice < 9) return `${random.integer(-999, 999)}.${random.integer(0, 99_999_999)}`;
      return `${random.integer(1, 9)}.${random.integer(0, 9_999)}e${random.integer(-30, 30)}`;
    });
    return `{"id":${index},"values":[${values.join(',')}]}`;
  });
}

/** The clicks, with one line in a hundred broken: cut off, a raw control character, bytes that are no UTF-8, a misrouted quote. */
export function invalidOnePercent({ seed, lineCount }: WorkloadOptions): Buffer {
  const bytes = clicks({ seed, lineCount });
  const random = new Random(seed + 1);
  let at = 0;
  for (let i = 0; i < lineCount; i++) {
    const end = bytes.indexOf(10, at);
    // Damage never adds or removes a line end, so that the line count stays what was asked for.
    if (random.chance(1))
      bytes[random.integer(at + 8, end - 8)] = random.pick([0x22, 0x01, 0xff, 0x7d, 0x5c]);
    at = end + 1;
  }
  return bytes;
}
