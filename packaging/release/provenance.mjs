// An in-toto statement (v1) with a SLSA provenance predicate (v1): which files were made, of which commit and lock
// file, with which tools, by whom. It is what can be had offline: the builder's own word, signed by the builder's key.
import path from 'node:path';
import { root } from '../deb/bundled.mjs';
import { sha256Of } from './sums.mjs';

export function provenance({ version, seconds, commit, builder, tools, subjects }) {
  const at = new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
  const inputs = ['package-lock.json', 'package.json', 'packaging/release.mjs', 'packaging/package.mjs'];
  const source = commit === null ? [] : [{ name: 'source', digest: { gitCommit: commit.id, gitTree: commit.tree } }];
  return `${JSON.stringify(
    {
      _type: 'https://in-toto.io/Statement/v1',
      subject: subjects,
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {
        buildDefinition: {
          buildType: 'urn:relaymap:npm-run-release:1',
          externalParameters: { version, sourceDateEpoch: seconds },
          internalParameters: { changedFiles: commit?.changed ?? null, tools },
          resolvedDependencies: [
            ...source,
            ...inputs.map((name) => ({ name, digest: { sha256: sha256Of(path.join(root, name)) } })),
          ],
        },
        // The time is that of the commit, so that two builds are equal.
        runDetails: { builder: { id: builder }, metadata: { startedOn: at, finishedOn: at } },
      },
    },
    null,
    2,
  )}\n`;
}
