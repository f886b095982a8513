/** The put codecs of this machine, for tests that must hold for each: always the portable one, and the native one where it is built. */
import { openPutCodec } from '../../../src/publish/kinesis/open-put-codec.ts';
import type { PutCodec } from '../../../src/publish/kinesis/put-codec.ts';

export const portablePut: PutCodec = openPutCodec({ portable: true });

/** Null where the addon is not built or switched off: tests then say "no addon" by name. */
export const nativePut: PutCodec | null = openPutCodec().kind === 'native' ? openPutCodec() : null;

export const putCodecs: readonly PutCodec[] = nativePut ? [portablePut, nativePut] : [portablePut];
