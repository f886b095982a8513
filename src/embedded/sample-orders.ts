/**
 * Sample orders: lifelike JSONL for the demo, and the bad lines that real archives have.
 * Takes  a seed and a count. Gives  lines of web shop orders, always the same ones.
 * Pure.
 */
import { createRandom } from '../base/random.ts';

const CITIES = [
  'São Paulo',
  'Zürich',
  'Nairobi',
  'Osaka',
  'Québec',
  'Kraków',
  'Austin',
  'Hải Phòng',
] as const;
const ITEMS = [
  'espresso cups',
  'bike bell',
  'wool socks',
  'desk lamp',
  'tin of paint',
  'chess set "classic"',
] as const;
const STATES = ['placed', 'paid', 'packed', 'shipped', 'returned'] as const;
const FIRST_ORDER_MS = Date.UTC(2025, 2, 1);

/** `count` orders, one a line, each with a newline at its end; 200 to 400 bytes each. `/customer/id` is their partition key. */
export function sampleOrders(seed: number, count: number): Buffer {
  const random = createRandom(seed);
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)]!;
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    const items = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
      name: pick(ITEMS),
      quantity: 1 + Math.floor(random() * 4),
      price: Math.round(random() * 10_000) / 100,
    }));
    const order = {
      orderId: `${seed}-${String(i).padStart(7, '0')}`,
      at: new Date(FIRST_ORDER_MS + i * 1300).toISOString(),
      customer: { id: `c-${Math.floor(random() * 50_000)}`, city: pick(CITIES) },
      state: pick(STATES),
      items,
      note: random() < 0.1 ? 'leave at the door,\nplease 🚪' : null,
    };
    lines.push(JSON.stringify(order));
  }
  return Buffer.from(`${lines.join('\n')}\n`);
}

/** Lines that no run may deliver, one of each kind, and how they are rejected. */
export const BAD_LINES = [
  { bytes: Buffer.from('{"orderId":"cut-off","customer":{"id":"c-1"'), code: 'INVALID_JSON' },
  { bytes: Buffer.from('orderId,customer,state'), code: 'INVALID_JSON' },
  {
    bytes: Buffer.from('{"orderId":"latin-1","customer":{"id":"c-2"},"city":"Z\xfcrich"}', 'latin1'),
    code: 'INVALID_UTF8',
  },
  {
    bytes: Buffer.from(
      `{"orderId":"deep","customer":{"id":"c-3"},"items":${'['.repeat(2000)}${']'.repeat(2000)}}`,
    ),
    code: 'TOO_DEEP',
  },
  { bytes: Buffer.from('{"orderId":"no-customer","state":"placed"}'), code: 'MISSING_KEY' },
] as const;
