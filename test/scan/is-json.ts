/** Is JSON: what `JSON.parse` says of a text, for oracles. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
