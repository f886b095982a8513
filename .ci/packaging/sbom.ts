/**
 * SBOM and provenance: what a packed file is made of, and how it came to be, for those who check before they install.
 * Takes  the list of bundled packages (dist/packages.json), package-lock.json, the packed file's checksum, the commit.
 * Gives  a CycloneDX 1.6 document, and an in-toto statement with SLSA provenance 1.0. Both are plain data. Neither is signed: who
 *        publishes signs.
 */

export interface PackageEntry {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

export interface Built {
  readonly name: string;
  readonly version: string;
  readonly fileName: string;
  readonly sha256: string;
  readonly repository: string;
  readonly commit: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Compilers and Node, with their versions. */
  readonly tools: Readonly<Record<string, string>>;
}

type Lock = { readonly packages: Readonly<Record<string, { readonly integrity?: string }>> };

function purl(name: string, version: string): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

/** Its checksum as the lock file fixes it: SHA-512 in hexadecimal digits. */
function hashesOf(name: string, lock: Lock): { alg: string; content: string }[] {
  const integrity = lock.packages[`node_modules/${name}`]?.integrity;
  if (!integrity?.startsWith('sha512-')) return [];
  return [
    { alg: 'SHA-512', content: Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex') },
  ];
}

/** Whether a licence is one identifier, and not an expression or a text. */
function licenceEntry(license: string): object {
  return /^[\w.-]+$/.test(license) ? { license: { id: license } } : { expression: license };
}

/** What is inside the file. */
export function sbomOf(built: Built, packages: readonly PackageEntry[], lock: Lock): object {
  const own = purl(built.name, built.version);
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: built.finishedAt,
      component: {
        ...{ 'bom-ref': own, type: 'application', name: built.name, version: built.version, purl: own },
        hashes: [{ alg: 'SHA-256', content: built.sha256 }],
      },
    },
    components: packages.map(({ name, version, license }) => ({
      ...{ 'bom-ref': purl(name, version), type: 'library', name, version, purl: purl(name, version) },
      licenses: [licenceEntry(license)],
      hashes: hashesOf(name, lock),
    })),
    dependencies: [{ ref: own, dependsOn: packages.map(({ name, version }) => purl(name, version)) }],
  };
}

/** How the file came to be. */
export function provenanceOf(built: Built): object {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: purl(built.name, built.version), digest: { sha256: built.sha256 } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'npm run release',
        externalParameters: { repository: built.repository, version: built.version },
        internalParameters: built.tools,
        resolvedDependencies: [{ uri: `git+${built.repository}`, digest: { gitCommit: built.commit } }],
      },
      runDetails: {
        builder: { id: '.ci/packaging/release.ts' },
        metadata: { startedOn: built.startedAt, finishedOn: built.finishedAt },
      },
    },
  };
}
