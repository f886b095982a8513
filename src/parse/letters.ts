/**
 * Letters: what becomes of the data of a dead letter that is sent again.
 * Takes  its bytes, and what the letter says of them; the framing that `redrive` was given.
 * Gives  lines or values to the slicer. What it cannot tell is a dead letter again, with the reason.
 * Owns   the rule which part of an object a letter holds: one record; values side by side; elements of an array, with what may follow them up
 *        to the object's end; or a document around one.
 */
import { REJECT_MESSAGES } from '../scan/scanner.ts';
import { ValueLines } from '../scan/values.ts';
import { OVERSIZE_HEAD_BYTES } from '../source/line-cutter.ts';
import { type FramingParts, openFraming } from './framing.ts';
import { JsonWalk } from './json-walk.ts';
import type { PlainPiece, RejectedLine } from './setup.ts';
import type { LineRun, LineSource } from './slice-cut.ts';
import type { Slicer } from './slicer.ts';

export interface LetterParts {
  readonly setup: FramingParts['setup'];
  readonly slicer: Pick<Slicer, 'scan' | 'scanValues' | 'rejectOversize' | 'passOver'>;
}

type Letter = PlainPiece & LineRun;

/** Why a letter is not sent. */
type Refusal = Pick<RejectedLine, 'code' | 'message'> & Partial<Pick<RejectedLine, 'length'>>;

/** Of a document: it begins the object, with a byte order mark or without one. */
const DOCUMENT_OFFSETS: readonly number[] = [0, 3];

/** @throws {StoppedError} When the run is being stopped. */
export async function sendLetter(parts: LetterParts, source: LineSource, letter: Letter): Promise<void> {
  const { slicer, setup } = parts;
  const refusal = source.shaped ? null : refusalOf(setup.framing ?? null, letter);
  if (refusal !== null) slicer.rejectOversize(lostAgain(letter, refusal), letter.rangeStart, letter.rangeEnd);
  else if (setup.framing && !source.shaped) await cutLetter(parts, source, letter);
  else await sendRecord(slicer, source, letter);
}

/** One record, which may have line ends of its own. */
async function sendRecord(slicer: LetterParts['slicer'], source: LineSource, letter: Letter): Promise<void> {
  const lines = valueOfLines(letter.bytes, letter.objectOffset);
  if (lines === null) await slicer.scan(source, letter);
  else if ((await slicer.scanValues(source, { ...letter, lines, first: 0, end: 1 })) === 0)
    slicer.rejectOversize(lostAgain(letter, INVALID), letter.rangeStart, letter.rangeEnd);
}

async function cutLetter({ setup, slicer }: LetterParts, source: LineSource, letter: Letter): Promise<void> {
  const isInArray = setup.framing!.tokens !== null && !isDocument(letter);
  const cutter = openFraming({
    setup,
    slicer,
    delivered: { done: [], left: [] },
    current: () => source,
    part: { offset: letter.objectOffset, isInArray },
  });
  await cutter.write(letter.bytes);
  await cutter.end();
  if (cutter.reached < letter.rangeEnd)
    slicer.passOver(letter.piece, Math.max(cutter.reached, letter.rangeStart), letter.rangeEnd);
}

function isDocument({ letter, objectOffset }: Letter): boolean {
  const isDamage = letter!.code === 'INVALID_JSON' && DOCUMENT_OFFSETS.includes(objectOffset);
  return letter!.code === 'FRAMING' || isDamage;
}

const INVALID: Refusal = { code: 'INVALID_JSON', message: REJECT_MESSAGES.INVALID_JSON };

function refusalOf(framing: LetterParts['setup']['framing'] | null, piece: Letter): Refusal | null {
  const { bytes, letter } = piece;
  const { code, length, isEdited } = letter!;
  if (code !== 'INVALID_JSON' && code !== 'FRAMING') return null;
  if (length !== null && length > bytes.length && bytes.length === OVERSIZE_HEAD_BYTES) {
    const what = `holds only the first ${bytes.length} bytes of ${length}`;
    return { code, message: `The letter ${what}: put all of it there`, length };
  }
  if (code === 'FRAMING' && !framing && !isEdited)
    return {
      code,
      message: 'The document has no array where --framing pointed; redrive has no --framing now',
    };
  if (code === 'FRAMING' || !framing?.tokens || isDocument(piece) || !hasArray(bytes, framing.tokens))
    return null;
  const cure = 'put its elements there alone, or leave --framing out to send it as one record';
  return { code, message: `Nobody knows whether this is a document around an array or an element: ${cure}` };
}

function hasArray(bytes: Uint8Array, tokens: readonly string[]): boolean {
  return new JsonWalk({ depthMax: bytes.length, tokens }).walk(bytes, 0, bytes.length).state === 'array';
}

/** As before. */
function lostAgain({ piece, objectOffset, bytes }: Letter, refusal: Refusal): RejectedLine {
  return { piece, length: bytes.length, ...refusal, objectOffset, data: bytes.slice() };
}

/** What stands on several lines and is to be one value, or null. */
function valueOfLines(bytes: Uint8Array, objectOffset: number): ValueLines | null {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const value = text.trim();
  if (!value.includes('\n')) return null;
  const start = text.indexOf(value);
  return ValueLines.ofOne(bytes.subarray(start, start + value.length), objectOffset + start);
}
