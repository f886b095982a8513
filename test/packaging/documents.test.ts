/** What lies beside a packed file: notes, SBOM, provenance. And the image that is built from it. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { notesOf } from '../../.ci/packaging/release-notes.ts';
import { provenanceOf, sbomOf } from '../../.ci/packaging/sbom.ts';
import { NODE_FLAGS } from '../../bench/node-flags.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const built = {
  ...{ name: 'millrace', version: '1.2.3', fileName: 'millrace-1.2.3.tgz', sha256: 'ab'.repeat(32) },
  ...{ repository: 'https://example.org/millrace', commit: 'cd'.repeat(20) },
  ...{ startedAt: '2026-01-01T00:00:00Z', finishedAt: '2026-01-01T00:01:00Z', tools: { node: 'v24.0.0' } },
};

describe('the notes of a release', () => {
  const changelog = '# Changelog\n\n## 1.2.3, 2026-01-01\n- New.\n\n## 1.2, unreleased\n- Old.\n';

  it('are the part of the changelog that is about it', () => {
    expect(notesOf(changelog, '1.2.3')).toEqual({ notes: '- New.', isDated: true });
    expect(notesOf(changelog, '1.2')).toEqual({ notes: '- Old.', isDated: false });
    expect(notesOf(changelog, '1')).toEqual({ notes: '', isDated: false });
  });

  it('are there for the version that package.json names', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(notesOf(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'), version).notes).toContain('- ');
  });
});

it('the SBOM names each bundled package with its version, licence and checksum', () => {
  const packages = [
    { name: '@a/b', version: '1.0.0', license: 'MIT' },
    { name: 'c', version: '2.0.0', license: '(MIT OR Apache-2.0)' },
  ];
  const lock = {
    packages: { 'node_modules/@a/b': { integrity: `sha512-${Buffer.alloc(64, 1).toString('base64')}` } },
  };
  expect(sbomOf(built, packages, lock)).toMatchObject({
    bomFormat: 'CycloneDX',
    metadata: {
      component: { purl: 'pkg:npm/millrace@1.2.3', hashes: [{ alg: 'SHA-256', content: built.sha256 }] },
    },
    components: [
      {
        ...{
          name: '@a/b',
          version: '1.0.0',
          purl: 'pkg:npm/%40a/b@1.0.0',
          licenses: [{ license: { id: 'MIT' } }],
        },
        hashes: [{ alg: 'SHA-512', content: '01'.repeat(64) }],
      },
      { name: 'c', licenses: [{ expression: '(MIT OR Apache-2.0)' }], hashes: [] },
    ],
    dependencies: [{ ref: 'pkg:npm/millrace@1.2.3', dependsOn: ['pkg:npm/%40a/b@1.0.0', 'pkg:npm/c@2.0.0'] }],
  });
});

it('the provenance statement binds the checksum of the file to the commit', () => {
  expect(provenanceOf(built)).toMatchObject({
    subject: [{ digest: { sha256: built.sha256 } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: { buildDefinition: { resolvedDependencies: [{ digest: { gitCommit: built.commit } }] } },
  });
});

describe('the image', () => {
  const path = join(ROOT, '.ci', 'packaging', 'Dockerfile');
  const text = readFileSync(path, 'utf8');

  it('has the Node that the tests run on, no root, and no shell before the program', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const bases = [...text.matchAll(/^FROM (\S+)/gm)].map((match) => match[1]);
    expect(new Set(bases)).toEqual(new Set([`node:${devDependencies.node}-bookworm-slim`]));
    expect(text).toMatch(/^USER [1-9]\d*:/m);
    const start = ['node', ...NODE_FLAGS].map((word) => `"${word}", `).join('');
    expect(text).toContain(`\nENTRYPOINT [${start}"/opt/`);
  });

  const near = join(ROOT, 'test', 'services', '.installed', 'python', 'bin', 'hadolint');
  const hadolint = existsSync(near) ? near : 'hadolint';
  const canLint = spawnSync(hadolint, ['--version']).status === 0;
  it.skipIf(!canLint)(
    `has nothing that a linter objects to${canLint ? '' : ' (not run: no hadolint)'}`,
    () => {
      const { status, stdout } = spawnSync(hadolint, ['--no-color', path], { encoding: 'utf8' });
      expect([status, stdout]).toEqual([0, '']);
    },
  );
});
