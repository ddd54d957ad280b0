// The bill of materials of the whole project, CycloneDX as `npm sbom` makes it from the lock file, without what
// changes at each run: time, serial number, the version of npm, addresses of a registry.
import { createHash } from 'node:crypto';

export function bom(version, seconds, run) {
  const made = JSON.parse(
    run(
      'npm',
      ['sbom', '--package-lock-only', '--offline', '--sbom-format', 'cyclonedx', '--sbom-type', 'application'],
      {
        asked: true,
      },
    ),
  );
  made.metadata.timestamp = new Date(seconds * 1000).toISOString();
  made.metadata.component.version = version;
  delete made.metadata.tools;
  const own = made.metadata.component['bom-ref'];
  const ref = `relaymap@${version}`;
  made.metadata.component['bom-ref'] = ref;
  for (const each of made.dependencies) if (each.ref === own) each.ref = ref;
  for (const each of [made.metadata.component, ...made.components]) {
    delete each.externalReferences;
    delete each.properties;
  }
  made.components.sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
  const id = createHash('sha256')
    .update(JSON.stringify({ ...made, serialNumber: '' }))
    .digest('hex');
  made.serialNumber = `urn:uuid:${id.slice(0, 8)}-${id.slice(8, 12)}-5${id.slice(13, 16)}-8${id.slice(17, 20)}-${id.slice(20, 32)}`;
  return `${JSON.stringify(made, null, 2)}\n`;
}
