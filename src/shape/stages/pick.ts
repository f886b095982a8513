/**
 * Pick: a stage that keeps the places that it names, with what leads to them, and nothing else.
 * Takes  JSON Pointers. Gives  the stage; the same at work, which keeps what it picks as it is written, in its order.
 * Owns   what is left of a record that is neither an object nor an array: {}.
 */
import { parsePointer } from '../../scan/pointer.ts';
import { behind, Container, type Line, lineOf, nameAt, spliced } from '../prefix/line-text.ts';
import { Places } from '../prefix/places.ts';
import type { RunningStage, StageSpec } from '../stage.ts';
import { specOf } from './spec-reader.ts';
import { dataStage, type Stage, textStage } from './stage-call.ts';

/** Keeps these members and elements alone. */
export function pick(...pointers: readonly string[]): Stage {
  return dataStage(specOf('pick', pointers), openPick);
}

export function openPick(spec: Extract<StageSpec, { kind: 'pick' }>, label: string): RunningStage {
  const places = new Places();
  const kept = new Set(spec.pointers.map((pointer) => places.add(parsePointer(pointer))));
  const visit = (place: number, token: number, line: Line): void => {
    const { chars } = line.tokens;
    const container = new Container(token, line);
    const isObject = chars[token] === '{';
    let at = token + 1;
    for (let position = 0; chars[at] !== '}' && chars[at] !== ']'; position++) {
      const value = isObject ? at + 2 : at;
      const child = places.child(place, isObject ? nameAt(line, at) : String(position));
      const leads = child !== null && places.list[child]!.children.length > 0;
      const opens = chars[value] === '{' || chars[value] === '[';
      if (child === null || (!kept.has(child) && !(leads && opens))) container.drop(at, value);
      else if (!kept.has(child)) visit(child, value, line);
      const next = behind(line.tokens, value);
      at = chars[next] === ',' ? next + 1 : next;
    }
  };
  return textStage(label, ({ text }) => {
    const line = lineOf(text);
    if (line.tokens.chars[0] !== '{' && line.tokens.chars[0] !== '[') return '{}';
    visit(0, 0, line);
    return spliced(line);
  });
}
