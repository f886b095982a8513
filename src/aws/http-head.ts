/**
 * HTTP heads: what stands in front of a body in HTTP/1.1 (RFC 9112).
 * Takes  a request's parts; the bytes of an answer's head.
 * Gives  the bytes of a request's head; an answer's status, headers and how its body is framed.
 * Owns   what we accept: a head that two readers could read in two ways is refused.
 * Never  touches a socket.
 */

export interface HttpRequestHead {
  readonly method: 'GET' | 'HEAD' | 'POST';
  /** Escaped, starts with `/`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Bytes to come after the head: so many, in chunks that say how many, or all until the connection ends. */
export type Framing =
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' | 'close' };

export interface HttpHead {
  readonly status: number;
  /** Names in lower case; values of one name are joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly framing: Framing;
  /** Whether the connection may carry another request. */
  readonly isKept: boolean;
}

/** Whitespace and control characters would end a line of the head early. */
const UNSAFE_PATH = /[^\x21-\x7e]/;
const UNSAFE_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: |$)/;

/** @returns latin1 text. @throws {TypeError} For a part that would not arrive as it is. */
export function formatRequestHead({ method, path, headers }: HttpRequestHead): string {
  if (UNSAFE_PATH.test(path)) throw new TypeError('the path of a request holds an unescaped character');
  let text = `${method} ${path} HTTP/1.1\r\n`;
  for (const [name, value] of Object.entries(headers)) {
    if (!TOKEN.test(name) || UNSAFE_VALUE.test(value)) {
      const why = `the header ${JSON.stringify(name)} holds a character that HTTP does not allow`;
      throw Object.assign(new TypeError(why), { code: 'ERR_INVALID_CHAR' }); // as Node's own
    }
    text += `${name}: ${value}\r\n`;
  }
  return `${text}\r\n`;
}

/**
 * @param text The head without its last empty line, latin1. @param isBodiless The answer to a HEAD, whose length is that of a body that does not come.
 * @throws {Error} For what is not an HTTP/1.x head.
 */
export function parseHead(text: string, isBodiless = false): HttpHead {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const match = STATUS_LINE.exec(statusLine);
  if (match === null) throw new Error('the answer does not start with an HTTP/1.1 status line');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (colon < 1 || !TOKEN.test(name) || UNSAFE_VALUE.test(value)) {
      throw new Error('the answer has a header line that cannot be read');
    }
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  const status = Number(match[2]);
  const framed = framingOf(status, headers);
  const framing: Framing = isBodiless ? { kind: 'length', bytes: 0 } : framed;
  const connection = (headers.connection ?? '').toLowerCase();
  const isKept =
    framing.kind !== 'close' &&
    (match[1] === '1' ? !/\bclose\b/.test(connection) : /\bkeep-alive\b/.test(connection));
  return { status, headers, framing, isKept };
}

/** RFC 9112, section 6.3. */
function framingOf(status: number, headers: Readonly<Record<string, string>>): Framing {
  if (status < 200 || status === 204 || status === 304) return { kind: 'length', bytes: 0 };
  const coding = headers['transfer-encoding'];
  const length = headers['content-length'];
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked' || length !== undefined) {
      throw new Error('the answer frames its body in a way that cannot be trusted');
    }
    return { kind: 'chunked' };
  }
  if (length === undefined) return { kind: 'close' };
  if (!/^\d{1,15}$/.test(length)) throw new Error('the answer has a Content-Length that cannot be read');
  return { kind: 'length', bytes: Number(length) };
}
