/**
 * Listen: the front door that the embedded services share.
 * Takes  what answers requests, settings of the server, where to listen, a certificate where it speaks TLS.
 * Gives  where it can be reached, once it can be, and how to close it.
 * Owns   the server and its connections.
 */
import { createServer, type RequestListener, type ServerOptions } from 'node:http';
import { createServer as createTlsServer, type ServerOptions as TlsOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface ListenOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Absent: plain HTTP. */
  readonly tls: Pick<TlsOptions, 'key' | 'cert'> | undefined;
  /** Besides those that both services share. */
  readonly settings?: ServerOptions;
}

export interface Listening {
  readonly endpoint: string;
  readonly port: number;
  /** Closes the server and all its connections. A second call waits for the first. */
  close(): Promise<void>;
}

const SETTINGS = { keepAliveTimeout: 120_000, noDelay: true } as const;

/** @throws The system's error, for example when the port is taken. */
export async function listen(
  handle: RequestListener,
  { host, port, tls, settings }: ListenOptions,
): Promise<Listening> {
  const all = { ...SETTINGS, ...settings };
  const server = tls === undefined ? createServer(all, handle) : createTlsServer({ ...all, ...tls }, handle);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  let closed: Promise<void> | undefined;
  return {
    endpoint: `${tls === undefined ? 'http' : 'https'}://${host}:${bound}`,
    port: bound,
    close: () => {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closed;
    },
  };
}
