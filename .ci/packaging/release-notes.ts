/**
 * Release notes: what the changelog says of one version.
 * Takes  the changelog, whose parts begin with `## <version>, <date or "unreleased">`. Gives  that part without its head. Pure.
 */
export function notesOf(changelog: string, version: string): { notes: string; isDated: boolean } {
  const parts = changelog.split(/^## /m).slice(1);
  const part = parts.find((it) => it.split(/[,\s]/, 1)[0] === version) ?? '';
  const [head = '', ...lines] = part.split('\n');
  return { notes: lines.join('\n').trim(), isDated: /, \d{4}-\d{2}-\d{2}$/.test(head) };
}
