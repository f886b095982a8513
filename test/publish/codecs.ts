/** The codecs of this machine, for tests that must hold for each: always the portable one, and the native one where it is built. */
import type { Codec } from '../../src/publish/codec.ts';
import { openCodec } from '../../src/publish/open-codec.ts';

export const portable: Codec = openCodec({ portable: true });

/** Null where the addon is not built or switched off: tests then say "no addon" by name. */
export const native: Codec | null = openCodec().kind === 'native' ? openCodec() : null;

export const codecs: readonly Codec[] = native ? [portable, native] : [portable];
