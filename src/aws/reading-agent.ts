/**
 * Reading agent: keep-alive connections that receive into one buffer each, used again and again.
 * Takes  what http.Agent and https.Agent take.
 * Gives  agents for the SDK's HTTP handler.
 * Owns   the rule when a received chunk may be a view of that buffer: only when it is consumed before the call returns, that is by
 *        a response that is flowing and has nothing buffered. In every other case the chunk is a copy, as Node would have made it.
 * Why    A buffer per read of a socket is memory outside of the JavaScript heap: at a gigabyte per second the collector, driven by
 *        it, took 40 % of the engine's CPU time (docs/PERFORMANCE.md).
 */
import {
  type AgentOptions,
  type ClientRequestArgs,
  Agent as HttpAgent,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, type AgentOptions as HttpsAgentOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

const RECEIVE_BYTES = 256 * 1024;

/** What Node keeps beside its documented members; looked at, never changed. */
interface ClientSocket extends Socket {
  readonly _httpMessage?: {
    readonly res?: (IncomingMessage & { readonly _readableState?: { readonly sync?: boolean } }) | null;
  } | null;
}

/** A response that takes a chunk at once: Readable emits instead of buffering under exactly these conditions. */
function isConsumedAtOnce(socket: ClientSocket): boolean {
  const response = socket._httpMessage?.res;
  return (
    response != null &&
    response.readableFlowing === true &&
    response.readableLength === 0 &&
    response._readableState?.sync === false &&
    response.listenerCount('data') > 0
  );
}

/** The option of net.connect and tls.connect that receives into a buffer of ours, and the way to name the socket afterwards. */
function receiver() {
  let socket: ClientSocket | null = null;
  const buffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
  const callback = (byteCount: number, filled: Uint8Array): boolean => {
    const view = filled.subarray(0, byteCount);
    socket!.emit('data', isConsumedAtOnce(socket!) ? view : Buffer.from(view));
    return true;
  };
  const attach = (made: Duplex | null | undefined) => {
    socket = made as ClientSocket;
    return made;
  };
  return { onread: { buffer, callback }, attach };
}

class ReadingHttpAgent extends HttpAgent {
  override createConnection(
    options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ) {
    const { onread, attach } = receiver();
    return attach(super.createConnection({ ...options, onread } as ClientRequestArgs, callback));
  }
}

class ReadingHttpsAgent extends HttpsAgent {
  override createConnection(
    options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ) {
    const { onread, attach } = receiver();
    return attach(super.createConnection({ ...options, onread } as ClientRequestArgs, callback));
  }
}

/** Agents for `NodeHttpHandler`: for bodies that are consumed as they come. */
export function createReadingAgents(options: AgentOptions & HttpsAgentOptions) {
  return { httpAgent: new ReadingHttpAgent(options), httpsAgent: new ReadingHttpsAgent(options) };
}
