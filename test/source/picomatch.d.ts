/** Types of the part of picomatch that glob.test.ts uses; the package brings none. */
declare module 'picomatch' {
  export default function picomatch(
    glob: string,
    options?: { readonly dot?: boolean },
  ): (text: string) => boolean;
}
