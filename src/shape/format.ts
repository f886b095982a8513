/**
 * Format: a stage that makes a text of each record: `[{/ts}] {/level}: {/message}`.
 * Takes  a template: JSON Pointers in braces; `{{` and `}}` are braces.
 * Gives  the stage; the same at work, whose text goes out as it is, as no JSON.
 * Owns   what stands for a value: of a text its characters, of all else what is written; for what is missing nothing.
 */
import { OptionsError } from '../base/errors.ts';
import { locate, parsePointer } from '../scan/pointer.ts';
import { specOf } from './spec-reader.ts';
import type { RunningStage, StageSpec } from './stage.ts';
import { dataStage, type Stage, textStage } from './stage-call.ts';

/** Makes a text of each record. It is the last stage of a list: what it gives is no JSON any more. */
export function format(template: string): Stage {
  const spec = specOf('format', template);
  partsOf(template);
  return dataStage(spec, openFormat);
}

/** @throws {OptionsError} When the template cannot be read. */
export function openFormat(
  { template }: Extract<StageSpec, { kind: 'format' }>,
  label: string,
): RunningStage {
  const parts = partsOf(template);
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

/** Texts, and pointers as their tokens. */
function partsOf(template: string): (string | readonly string[])[] {
  const parts: (string | readonly string[])[] = [];
  const pattern = /\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]/gy;
  for (const [part, pointer] of template.matchAll(pattern)) {
    if (pointer !== undefined) parts.push(parsePointer(pointer));
    else if (part === '{' || part === '}')
      throw new OptionsError([
        `Expected every ${part} of the template to stand in {/a/pointer}, or twice, but received ${JSON.stringify(template)}.`,
      ]);
    else parts.push(part === '{{' || part === '}}' ? part[0]! : part);
  }
  return parts;
}
