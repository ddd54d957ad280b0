// Makes a package's documents from what is bundled into it: Debian's copyright file with every licence text, the
// SBOM, the changelog.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './bundled.mjs';

const DEBIAN_NAMES = { MIT: 'Expat', 'BSD-3-Clause': 'BSD-3-clause' };

const APACHE = ' On Debian systems the full text is in /usr/share/common-licenses/Apache-2.0.';

/** Foreign code inside a bundled package or our own source, and its licence. */
const WITHIN = {
  undici: {
    Files: 'llhttp (within undici)',
    Copyright: 'Fedor Indutny, 2018, and Node.js contributors',
  },
};

function licenceText(folder) {
  const file = readdirSync(path.join(root, folder)).find((name) => /^(licen[cs]e|copying)(\.(md|txt))?$/i.test(name));
  if (file !== undefined) return readFileSync(path.join(root, folder, file), 'utf8');
  const readme = readdirSync(path.join(root, folder)).find((name) => /^readme/i.test(name));
  const part = /(?:^|\n)#* *Licen[cs]e[^\n]*\n(?:[-=]+\n)?([\s\S]+?)(?=\n#|$)/i.exec(
    readme === undefined ? '' : readFileSync(path.join(root, folder, readme), 'utf8'),
  );
  if (part === null) throw new Error(`${folder} comes without the text of its licence`);
  return part[1];
}

/** A deb822 field of several lines: each line begins with a space, and a dot stands for an empty line. */
const folded = (text) =>
  text
    .replace(/\r/g, '')
    .replace(/\t/g, '    ')
    .trim()
    .split('\n')
    .map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`))
    .join('\n');

function holders(text, { name, folder, license }) {
  const lines = text
    .split('\n')
    .map((line) => /^\W*(?:Copyright(?:\s*:|\s+\([cC]\)|\s+©)?|\([cC]\)|©)\s+(.*\S)/i.exec(line)?.[1]);
  const found = lines.filter((line) => line !== undefined && !/^(notice|holder)/i.test(line));
  // The Apache licence mentions copyright in its own text. A real copyright line has a year.
  if (license === 'Apache-2.0') found.splice(0, found.length, ...found.filter((line) => /\d{4}/.test(line)));
  if (found.length > 0) return found;
  const { author } = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8'));
  const who = typeof author === 'string' ? author : author?.name;
  return [who === undefined ? `the authors of ${name}` : who];
}

/** debian/copyright (machine-readable format 1.0) for a package that bundles these npm packages. */
export function copyright(packages) {
  const own = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: relaymap
Comment: The commands are bundled: each file below /usr/lib holds code of relaymap and of the npm packages
 named here, whose stanzas stand for their part of it. The SBOM beside this file has their exact versions.

Files: *
Copyright: 2026 the relaymap authors
License: Apache-2.0
${APACHE}

Files: case-folding-data (within relaymap)
Copyright: 1991-2022 Unicode, Inc.
License: Unicode-DFS-2016
${folded(readFileSync(path.join(root, 'packaging/deb/unicode-licence.txt'), 'utf8'))}`;
  const bundled = packages.flatMap((each) => {
    const text = licenceText(each.folder);
    const label = DEBIAN_NAMES[each.license] ?? each.license;
    // Every Debian host has this text; Debian wants no second copy.
    const terms = label === 'Apache-2.0' ? APACHE : folded(text);
    const stanza = (files, copyright) => `Files: ${files}\nCopyright: ${copyright}\nLicense: ${label}\n${terms}`;
    const within = WITHIN[each.name];
    return [
      stanza(`${each.name}-${each.version}`, holders(text, each).join('\n           ')),
      ...(within === undefined ? [] : [stanza(within.Files, within.Copyright)]),
    ];
  });
  return `${[own, ...bundled].join('\n\n')}\n`;
}

/** A CycloneDX 1.5 bill of materials, from the lock file's entries of the bundled packages. */
export function sbom(name, version, packages, seconds) {
  const ref = (each) => `pkg:npm/${each.name.replace('@', '%40')}@${each.version}`;
  const bom = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      timestamp: new Date(seconds * 1000).toISOString(),
      component: {
        type: 'application',
        'bom-ref': `pkg:deb/${name}@${version}`,
        name,
        version,
        purl: `pkg:deb/${name}@${version}`,
        licenses: [{ license: { id: 'Apache-2.0' } }],
      },
    },
    components: packages.map((each) => ({
      type: 'library',
      'bom-ref': ref(each),
      name: each.name,
      version: each.version,
      purl: ref(each),
      hashes: [
        { alg: 'SHA-512', content: Buffer.from(each.integrity.replace(/^sha512-/, ''), 'base64').toString('hex') },
      ],
      licenses: [{ license: { id: each.license } }],
    })),
    dependencies: [{ ref: `pkg:deb/${name}@${version}`, dependsOn: packages.map(ref) }],
  };
  const id = createHash('sha256').update(JSON.stringify(bom)).digest('hex');
  const uuid = `${id.slice(0, 8)}-${id.slice(8, 12)}-5${id.slice(13, 16)}-8${id.slice(17, 20)}-${id.slice(20, 32)}`;
  return `${JSON.stringify({ $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json', serialNumber: `urn:uuid:${uuid}`, ...bom }, null, 2)}\n`;
}

/**
 * Debian requires the file. It has one entry, with the commit that the package was built from; the history is in
 * the repository.
 */
export function changelog(name, version, maintainer, seconds, commit) {
  const date = new Date(seconds * 1000).toUTCString().replace('GMT', '+0000');
  return `${name} (${version}) unstable; urgency=medium\n\n  * Built from ${commit}.\n\n -- ${maintainer}  ${date}\n`;
}
