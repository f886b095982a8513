/**
 * Open codec: chooses the native codec, or the portable one where there is no addon.
 * Gives  a codec; `kind` says which. Whoever opens the run says so once to the user, not this room.
 */
import { loadAddon } from '../native/load.ts';
import type { Codec } from './codec.ts';
import { createNativeCodec } from './codec-native.ts';
import { createPortableCodec } from './codec-portable.ts';

/** @param options.portable True asks for the portable codec even where the addon is there. Default false. */
export function openCodec(options: { readonly portable?: boolean } = {}): Codec {
  const { addon } = options.portable ? { addon: null } : loadAddon();
  return addon ? createNativeCodec(addon) : createPortableCodec();
}
