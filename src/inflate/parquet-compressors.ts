/**
 * Parquet compressors: what `hyparquet` is given to read compressed pages. Snappy is its own; these are the platform's.
 */
import zlib from 'node:zlib';

export const PARQUET_COMPRESSORS = {
  GZIP: (bytes: Uint8Array) => zlib.gunzipSync(bytes),
  ZSTD: (bytes: Uint8Array) => zlib.zstdDecompressSync(bytes),
  BROTLI: (bytes: Uint8Array) => zlib.brotliDecompressSync(bytes),
};
