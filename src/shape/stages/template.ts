/**
 * Template: a text with places of a record in it: `[{/ts}] {/level}: {/message}`.
 * Takes  JSON Pointers in braces; `{{` and `}}` are braces. Gives  its parts: texts as they are, and pointers as their tokens.
 */
import { parsePointer } from '../../scan/pointer.ts';

export type TemplatePart = string | readonly string[];

/** @throws {Error} When it cannot be read, with the reason. */
export function readTemplate(template: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  for (const [part, pointer] of template.matchAll(/\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]/gy)) {
    if (pointer !== undefined) parts.push(parsePointer(pointer));
    else if (part === '{' || part === '}') throw new RangeError(`a lone ${part}, which is written twice`);
    else parts.push(part === '{{' || part === '}}' ? part[0]! : part);
  }
  return parts;
}
