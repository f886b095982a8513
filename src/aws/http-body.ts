/**
 * Answer body: the bytes of one HTTP answer, taken in steps by whoever has room for them.
 * Takes  a consumer that says how much it took.
 * Gives  views of memory that is filled again afterwards: what a consumer keeps, it copies.
 * Owns   nothing; src/aws/http-exchange.ts gives bodies that come straight from a socket, `bodyOf` those of Node's streams.
 */
import type { Readable } from 'node:stream';

export interface AnswerBody {
  /**
   * Starts the flow. To be called once.
   * @param take Given the next bytes, valid during the call only; returns how many it took. Fewer than it was given: the rest
   * is offered again after `resume()`. What it throws ends the body.
   * @param place Where the next bytes should be received, or null: anywhere. Asked between two calls of `take`; until the next one
   * that memory belongs to the body, and `take` is given a view of it. Only a wish: bytes may come from elsewhere.
   * @returns Resolves at the end of the body or at `discard()`. Rejects when the body is cut off or aborted.
   */
  read(take: (bytes: Uint8Array) => number, place?: () => Uint8Array | null): Promise<void>;
  /** There is room again. Not to be called from within `take`. */
  resume(): void;
  /** No more bytes are wanted. What is left is dropped if it is short; else the connection is. */
  discard(): void;
}

/** A remainder no longer than this is read to its end: that is cheaper than a new connection. */
export const DRAIN_BYTES_MAX = 256 * 1024;

/** The whole body. @param bytesMax What lies beyond is left out. */
export async function readWhole(body: AnswerBody, bytesMax = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  await body.read((part) => {
    parts.push(Buffer.from(part.subarray(0, bytesMax - bytes)));
    bytes += part.length;
    if (bytes > bytesMax) body.discard();
    return part.length;
  });
  return Buffer.concat(parts);
}

/** A body that comes through one of Node's streams, as the SDK hands it out. */
export function bodyOf(stream: Readable): AnswerBody {
  let rest: Uint8Array | null = null;
  let offer: ((bytes: Uint8Array) => void) | null = null;
  let end: (() => void) | null = null;
  return {
    read(take) {
      return new Promise((resolve, reject) => {
        let hasEnded = false;
        let isSettled = false;
        const settle = (error?: unknown) => {
          if (isSettled) return;
          isSettled = true;
          offer = () => {};
          if (error === undefined) return resolve();
          stream.destroy();
          reject(error);
        };
        end = settle;
        offer = (bytes) => {
          try {
            const taken = take(bytes);
            rest = taken < bytes.length ? Uint8Array.from(bytes.subarray(taken)) : null;
          } catch (error) {
            return settle(error);
          }
          if (rest !== null) stream.pause();
          else if (hasEnded) settle();
          else if (stream.isPaused()) stream.resume();
        };
        stream.on('data', (bytes: Uint8Array) => offer!(bytes));
        stream.on('end', () => {
          hasEnded = true;
          if (rest === null) settle();
        });
        stream.on('error', settle);
        stream.on('close', () => {
          const code = 'ECONNRESET';
          if (!hasEnded)
            settle(Object.assign(new Error('the connection was closed within the body'), { code }));
        });
      });
    },
    resume() {
      const bytes = rest;
      rest = null;
      if (bytes !== null) offer?.(bytes);
    },
    discard() {
      end?.();
      stream.on('error', () => {}).destroy();
    },
  };
}
