/**
 * JSON text: whether bytes are JSON, whatever their strings hold.
 * Takes  bytes as latin1: each beyond ASCII is some character, good in any string and nowhere else. UTF-8 is a matter of its own.
 * Gives  yes or no.
 */

export function isJsonText(latin1: string): boolean {
  try {
    JSON.parse(latin1);
    return true;
  } catch {
    return false;
  }
}
