import { expect, it } from 'vitest';
import { loadAddon } from '../../src/native/load.ts';
import { openCodec } from '../../src/publish/open-codec.ts';

it('opens the native codec exactly where the addon is', () => {
  expect(openCodec().kind).toBe(loadAddon().addon ? 'native' : 'portable');
});

it('opens the portable codec when asked to', () => {
  expect(openCodec({ portable: true }).kind).toBe('portable');
});
