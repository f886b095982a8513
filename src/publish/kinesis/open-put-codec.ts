/**
 * Open put codec: chooses the native put codec, or the portable one where there is no addon.
 * Gives  a put codec; `kind` says which. Whoever opens the run says so once to the user, not this room.
 */
import { loadAddon } from '../../native/load.ts';
import type { PutCodec } from './put-codec.ts';
import { createNativePutCodec } from './put-codec-native.ts';
import { createPortablePutCodec } from './put-codec-portable.ts';

/** @param options.portable True asks for the portable codec even where the addon is there. Default false. */
export function openPutCodec(options: { readonly portable?: boolean } = {}): PutCodec {
  const { addon } = options.portable ? { addon: null } : loadAddon();
  return addon ? createNativePutCodec(addon) : createPortablePutCodec();
}
