/**
 * Fault points: named places where a test can make a process fail.
 * Takes  the environment variable MILLRACE_FAULT=`<name>:<count>:<action>`: at the count-th passage of the named point,
 *        `kill` (SIGKILL), `exit` (code 70, at once), `throw`, `hang` (this thread never goes on) or `oom` (this thread's memory
 *        runs out). MILLRACE_FAULT_LOG=`<file>` receives one line when it happens; it then happens once in all processes and
 *        threads that share the file.
 * Gives  nothing when the variable is not set: one comparison with a constant.
 * Owns   the list of names. Each is used at exactly one place; a test keeps list and code in step.
 * Never  is part of normal work.
 */
import { writeFileSync } from 'node:fs';
import { EXIT } from './exit-code.ts';

export const FAULT_POINTS = [
  'journal.before-dead-letters',
  'journal.before-write',
  'journal.before-sync',
  'journal.after-sync',
  'journal.before-rename',
  'journal.compacting',
  'journal.before-compact-rename',
  'journal.after-compact-rename',
  'dead-letters.before-write',
  'dead-letters.before-sync',
  'dead-letters.before-rename',
  'parser.task',
  'parser.given',
  'publisher.before-put',
  'publisher.after-put',
  'reader.task',
  'engine.settled',
] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

export const FAULT_ACTIONS = ['kill', 'exit', 'throw', 'hang', 'oom'] as const;
export type FaultAction = (typeof FAULT_ACTIONS)[number];

interface Fault {
  readonly name: FaultPoint;
  readonly action: FaultAction;
  /** Passages still to come before it happens. */
  left: number;
}

/** @throws {Error} When the text names no fault point or action: a test that injects nothing must not pass. */
export function parseFault(text: string): Fault {
  const [name, count, action, ...rest] = text.split(':');
  const isKnown =
    (FAULT_POINTS as readonly string[]).includes(name!) &&
    /^[1-9][0-9]*$/.test(count ?? '') &&
    (FAULT_ACTIONS as readonly string[]).includes(action!) &&
    rest.length === 0;
  if (!isKnown)
    throw new Error(`Expected MILLRACE_FAULT to be <name>:<count>:<action>, but received "${text}"`);
  return { name: name as FaultPoint, action: action as FaultAction, left: Number(count) };
}

const text = process.env.MILLRACE_FAULT ?? '';
const fault: Fault | null = text === '' ? null : parseFault(text);

/** A place where the process may be made to fail. Costs nothing when no fault is asked for. */
export function faultPoint(name: FaultPoint): void {
  if (fault !== null && fault.name === name) pass(fault);
}

function pass(due: Fault): void {
  due.left -= 1;
  if (due.left !== 0) return;
  const log = process.env.MILLRACE_FAULT_LOG;
  if (log !== undefined) {
    try {
      writeFileSync(log, `${due.name} ${due.action} ${process.pid}\n`, { flag: 'wx' });
    } catch {
      return; // it has happened already, in another thread or process
    }
  }
  act(due);
}

function act(due: Fault): void {
  if (due.action === 'throw') throw new Error(`Fault point ${due.name}`);
  if (due.action === 'exit') process.exit(EXIT.faultPoint);
  if (due.action === 'oom') exhaustMemory();
  if (due.action === 'kill') process.kill(process.pid, 'SIGKILL');
  // A killed process is taken at the next return to the kernel at the latest: until then it must not go on either.
  hang();
}

function hang(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** With fractions, because the collector does not scan arrays of them: memory runs out before the thread is taken for a hanging one. */
function exhaustMemory(): void {
  const held: unknown[] = [];
  for (;;) held.push(new Array(1 << 16).fill(held.length + 0.5));
}
