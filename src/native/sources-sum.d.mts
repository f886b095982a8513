/** Types of sources-sum.mjs, which the build runs as it is. */
export function sumOfSources(folder: string): string | null;
