/**
 * Line count: how many lines bytes hold, by their line ends alone.
 * Takes  the bytes of an object, in runs. Gives  counts.
 * Never  shares code with the scanner, the slicer or the line cutter: it is what `verify` holds them to.
 */

/** Of a run of bytes. */
export interface LineCount {
  /** Line ends. */
  readonly newlines: number;
  /** Bytes stand behind the last line end. */
  readonly endsOpen: boolean;
}

export class LineCounter {
  newlines = 0;
  endsOpen = false;

  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = view.indexOf(10); at !== -1; at = view.indexOf(10, at + 1)) this.newlines++;
    this.endsOpen = view.at(-1) !== 10;
  }

  /** @param isWhole What stands behind the last line end is a line, too. */
  count(isWhole: boolean): LineCount {
    return { newlines: this.newlines, endsOpen: this.endsOpen && isWhole };
  }
}
