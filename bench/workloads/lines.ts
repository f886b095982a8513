/**
 * Lines: joins generated lines to one JSONL buffer.
 * Takes  a line count and a function that writes line number i, without its line end.
 * Gives  UTF-8 bytes, each line ended by `\n`.
 */
export interface WorkloadOptions {
  readonly seed: number;
  readonly lineCount: number;
}

export function joinLines(lineCount: number, line: (index: number) => string): Buffer {
  const parts: Buffer[] = [];
  let text = '';
  for (let i = 0; i < lineCount; i++) {
    text += `${line(i)}\n`;
    // Encoded piece by piece: one string over 512 MiB cannot exist.
    if (text.length > 4 << 20) {
      parts.push(Buffer.from(text));
      text = '';
    }
  }
  parts.push(Buffer.from(text));
  return Buffer.concat(parts);
}
