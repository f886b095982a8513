/**
 * Patience: how long this process waits for others, who are not to blame while it stands still itself: a laptop that sleeps, a container without
 * processor, SIGSTOP. What has come meanwhile is seen when it goes on, and timers that are due then are called before that.
 * Takes  how long something may take. Gives  a call when it has taken longer; the time that has passed, as far as it counts.
 * Owns   the rule: time is looked at in steps, and one that took much longer than it should counts as the half of one.
 */

const STEPS = 10;

/** Time that passes between looks which come every so often. */
export class AwakeTime {
  readonly #stepMs: number;
  #lookedAtMs: number;
  passedMs = 0;

  /** @param stepMs Looks come as often at least, unless the process stands still. */
  constructor(stepMs: number, nowMs: number) {
    this.#stepMs = stepMs;
    this.#lookedAtMs = nowMs;
  }

  /** @param workedMs CPU time of the thread since the last look, where it is known: in that it did not stand still. @returns What has passed. */
  look(nowMs: number, workedMs = 0): number {
    const gapMs = nowMs - this.#lookedAtMs;
    this.#lookedAtMs = nowMs;
    this.passedMs +=
      gapMs <= 2 * this.#stepMs ? gapMs : Math.max(this.#stepMs / 2, Math.min(gapMs, workedMs));
    return this.passedMs;
  }
}

export interface PatienceOptions {
  /** The wait alone does not keep the process alive. Default false. */
  readonly isUnref?: boolean;
}

/** Calls back once, when that much time has passed. @returns Takes it back. */
export function whenLate(
  timeoutMs: number,
  onLate: () => void,
  { isUnref = false }: PatienceOptions = {},
): () => void {
  const stepMs = timeoutMs / STEPS;
  const time = new AwakeTime(stepMs, performance.now());
  let timer: NodeJS.Timeout;
  const arm = () => {
    timer = setTimeout(look, Math.min(stepMs, timeoutMs - time.passedMs));
    if (isUnref) timer.unref();
  };
  const look = () => {
    if (time.look(performance.now()) >= timeoutMs) onLate();
    else arm();
  };
  arm();
  return () => clearTimeout(timer);
}

/** A signal that is aborted with a TimeoutError, as `AbortSignal.timeout` gives it. */
export function lateSignal(timeoutMs: number): AbortSignal {
  const controller = new AbortController();
  const onLate = () => controller.abort(new DOMException(`no answer within ${timeoutMs} ms`, 'TimeoutError'));
  whenLate(timeoutMs, onLate, { isUnref: true });
  return controller.signal;
}

/** More between two failures says nothing about who fails: others are asked again sooner, unless the process stands still. */
const GAP_MS_MAX = 60_000;

/** For how long something has gone wrong without an end. */
export class Trouble {
  #atMs: number | null = null;
  #lastedMs = 0;

  /** It goes wrong now. @returns How long it has lasted. */
  add(nowMs: number): number {
    // A clock that people set may go back.
    this.#lastedMs += Math.max(0, Math.min(nowMs - (this.#atMs ?? nowMs), GAP_MS_MAX));
    this.#atMs = nowMs;
    return this.#lastedMs;
  }

  end(): void {
    this.#atMs = null;
    this.#lastedMs = 0;
  }
}
