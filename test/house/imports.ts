/**
 * Imports: who imports whom, as TypeScript's own compiler reads it.
 * Takes  the root of a checkout with a tsconfig.json: its files in src/ and workers/.
 * Gives  one entry a statement, paths relative to the root. `import()` and `export ... from` count; packages do not.
 * Never  reads a file as text: a comment that looks like an import is none.
 */
import { join, relative } from 'node:path';
import {
  isExportDeclaration,
  isImportDeclaration,
  isNamedImports,
  isStringLiteral,
  type Node,
  SyntaxKind,
} from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';

export interface Import {
  readonly from: string;
  readonly to: string;
  /** Nothing of it is left when the program runs. */
  readonly isTypeOnly: boolean;
}

function isTypeOnly(statement: Node): boolean {
  if (isExportDeclaration(statement)) return statement.isTypeOnly;
  if (!isImportDeclaration(statement)) return false;
  const clause = statement.importClause;
  if (clause?.phaseModifier === SyntaxKind.TypeKeyword) return true;
  const names = clause?.namedBindings;
  if (clause === undefined || clause.name !== undefined || names === undefined) return false;
  return isNamedImports(names) && names.elements.every((name) => name.isTypeOnly);
}

/** Every import between files of the project, in the order of the files. */
export function readImports(root: string): readonly Import[] {
  const api = new API({ cwd: root });
  try {
    const config = join(root, 'tsconfig.json');
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config);
    if (project === undefined) throw new Error(`Cannot read the imports: ${config} opens no project`);
    const nameOf = (path: string) => relative(root, path).replaceAll('\\', '/');
    const files = project.rootFiles.filter((path) => /^(src|workers)\//.test(nameOf(path)));
    return files.toSorted().flatMap((path) => {
      const specifiers = project.program.getSourceFile(path)?.imports ?? [];
      return specifiers.flatMap((specifier) => {
        if (!isStringLiteral(specifier) || !specifier.text.startsWith('.')) return [];
        const to = nameOf(join(path, '..', specifier.text));
        return [{ from: nameOf(path), to, isTypeOnly: isTypeOnly(specifier.parent) }];
      });
    });
  } finally {
    api.close();
  }
}
