/**
 * Coerce: a stage that gives a value another type.
 * Takes  a JSON Pointer and the type. Gives  the stage; the same at work.
 * Owns   what becomes of what: see TO. What is missing or null stays so; what has no such form is a failure, so a dead letter.
 */
import { parseTimeMs } from '../../base/quantity.ts';
import { Editor } from '../prefix/edit.ts';
import type { RunningStage, StageSpec } from '../stage.ts';
import { StageFailure } from '../stage-failure.ts';
import { specOf } from './spec-reader.ts';
import { dataStage, type Stage, textStage } from './stage-call.ts';

type CoerceSpec = Extract<StageSpec, { kind: 'coerce' }>;

/** Gives a value another type. */
export function coerce(pointer: string, to: CoerceSpec['to']): Stage {
  return dataStage(specOf('coerce', { [pointer]: to }), openCoerce);
}

export function openCoerce({ pointer, to }: CoerceSpec, label: string): RunningStage {
  const by = (written: string): string => {
    if (written === 'null') return written;
    const result = TO[to](written, written.startsWith('"') ? (JSON.parse(written) as string).trim() : null);
    if (result === null) throw new StageFailure(`Cannot coerce ${pointer}: it reads as no ${to}`);
    return result;
  };
  const editor = new Editor({ edits: [{ kind: 'replace', pointer, by }], hashKey: null });
  return textStage(label, (record) => editor.apply(record.text));
}

const NUMBER = /^([+-]?)0*(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;
/** Seconds since 1970 from here on would lie behind the year 5138: they are milliseconds. */
const SECONDS_MAX = 1e11;

/** What is written as JSON in place of a value, or null. `text` are the characters of a text, without spaces around them. */
const TO: Readonly<Record<CoerceSpec['to'], (written: string, text: string | null) => string | null>> = {
  /** Of a text with digits the number, all its digits as they are. */
  number(written, text) {
    if (text === null) return /^[-\d]/.test(written) ? written : null;
    const [, sign, digits] = NUMBER.exec(text) ?? [];
    return digits === undefined ? null : `${sign === '-' ? '-' : ''}${digits}`;
  },
  /** Whatever is no text as a text, as it is written. */
  string: (written, text) => (text === null ? JSON.stringify(written) : written),
  /** true and false in any case, 1 and 0. */
  boolean(written, text) {
    const word = (text ?? written).toLowerCase();
    if (word === 'true' || word === '1') return 'true';
    return word === 'false' || word === '0' ? 'false' : null;
  },
  /** Of a date and time, or seconds or milliseconds since 1970, a text in UTC with milliseconds. Without a zone it is UTC. */
  timestamp(written, text) {
    const timeMs = text === null || NUMBER.test(text) ? epochMs(text ?? written) : parseTimeMs(text);
    return timeMs === null || Number.isNaN(new Date(timeMs).valueOf())
      ? null
      : JSON.stringify(new Date(timeMs));
  },
};

function epochMs(digits: string): number | null {
  const number = NUMBER.test(digits) ? Number(digits) : Number.NaN;
  if (Number.isNaN(number)) return null;
  return Math.abs(number) < SECONDS_MAX ? Math.round(number * 1000) : Math.round(number);
}
