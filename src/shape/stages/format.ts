/**
 * Format: a stage that makes a text of each record: `[{/ts}] {/level}: {/message}`.
 * Takes  a template (template.ts). Gives  the stage; the same at work, whose text goes out as it is, as no JSON.
 * Owns   what stands for a value: of a text its characters, of all else what is written; for what is missing nothing.
 */
import { locate } from '../../scan/pointer.ts';
import type { RunningStage, StageSpec } from '../stage.ts';
import { specOf } from './spec-reader.ts';
import { dataStage, type Stage, textStage } from './stage-call.ts';
import { readTemplate } from './template.ts';

/** Makes a text of each record. It is the last stage of a list: what it gives is no JSON any more. */
export function format(template: string): Stage {
  return dataStage(specOf('format', template), openFormat);
}

export function openFormat(
  { template }: Extract<StageSpec, { kind: 'format' }>,
  label: string,
): RunningStage {
  const parts = readTemplate(template);
  const encoder = new TextEncoder();
  return textStage(label, ({ text }) => {
    const made = parts.map((part) => (typeof part === 'string' ? part : written(text, part)));
    return encoder.encode(made.join(''));
  });
}

/** What stands at a place. */
function written(text: string, tokens: readonly string[]): string {
  const range = locate(text, tokens);
  if (range === undefined) return '';
  const value = text.slice(range.start, range.end);
  return value.startsWith('"') ? (JSON.parse(value) as string) : value;
}
