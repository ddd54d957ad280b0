// npm run package: builds both Debian packages from dist/ and this folder into packaging/out/, without the network.
// Two builds of one commit give the same bytes: times are the commit's (or SOURCE_DATE_EPOCH), the owner is root,
// names are sorted.
//
//   npm run package [-- --version V] [--out DIR] [--keys DIR]
//
// An organisation that adds its own keys gives the package its own version, such as 0.1.0+example1.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root, builtFiles, bundledPackages } from './deb/bundled.mjs';
import { commandModel } from './deb/command-model.mjs';
import * as completion from './deb/completion.mjs';
import { anchors } from './deb/anchors.mjs';
import { changelog, copyright, sbom } from './deb/notices.mjs';
import { gzipped, Tree } from './deb/tree.mjs';

const { values } = parseArgs({
  options: {
    version: { type: 'string' },
    out: { type: 'string', default: path.join(root, 'packaging/out') },
    keys: { type: 'string', default: path.join(root, 'keys') },
  },
});
const version = values.version ?? JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version;
if (!/^[0-9][A-Za-z0-9.+~]*$/.test(version)) fail(`--version ${version} is no version of a Debian package`);
const maintainer = `${process.env.DEBFULLNAME ?? 'relaymap'} <${process.env.DEBEMAIL ?? 'relaymap@localhost.localdomain'}>`;
const commit = git('rev-parse', '--short=12', 'HEAD') ?? 'a source tree without history';
const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? git('log', '-1', '--format=%ct'));
if (!Number.isSafeInteger(seconds) || seconds <= 0)
  fail('here is no git history to take the time from: set SOURCE_DATE_EPOCH to seconds since 1970');

/** What each package contains besides the common files. */
const PACKAGES = [
  {
    name: 'relaymap',
    library: '/usr/lib/relaymap',
    command: 'relaymap',
    entry: 'bin/relaymap.cjs',
    built: ['bin/relaymap.cjs', 'bin/fetch-entry.cjs', 'bin/cycle-child.cjs', 'bundle/ed25519.js'],
    source: ['bin/relaymap.ts', 'bin/cycle-child.ts'],
    units: [
      'relaymap.service',
      'relaymap-reload.service',
      'relaymap-reload.path',
      'relaymap-stale.service',
      'relaymap-stale.timer',
    ],
    manual: ['relaymap.1', 'relaymap.toml.5'],
    pages: ['operations.md', 'mtas.md', 'commands.md', 'SECURITY.md'],
    more(tree) {
      tree.add('/usr/lib/relaymap/reload-postfix', own('relaymap', 'reload-postfix'), 0o755);
      for (const file of ['prometheus/relaymap.rules.yml', 'grafana/relaymap.json']) {
        tree.add(
          `/usr/share/doc/relaymap/examples/${path.basename(file)}`,
          readFileSync(path.join(root, 'packaging', file), 'utf8'),
        );
      }
      tree.add('/usr/lib/tmpfiles.d/relaymap.conf', own('relaymap', 'tmpfiles.conf'));
      for (const { where, pem } of anchors(values.keys)) tree.add(`/etc/relaymap/keys/${where}`, pem);
    },
  },
  {
    name: 'relaymap-publisher',
    library: '/usr/lib/relaymap-publish',
    command: 'relaymap-publish',
    entry: 'bin/relaymap-publish.js',
    built: ['bin/relaymap-publish.js', 'bin/relaymap-sign.cjs'],
    source: ['bin/relaymap-publish.ts', 'bin/relaymap-sign.ts'],
    units: [
      'relaymap-publish.service',
      'relaymap-publish.timer',
      'relaymap-publish@.service',
      'relaymap-publish@.timer',
      'relaymap-publish-hide-keys.service',
      'relaymap-publish-serve.service',
      'relaymap-publish-watch.service',
      'relaymap-publish-watch@.service',
      'relaymap-publish-cosign.service',
    ],
    manual: ['relaymap-publish.1', 'relaymap-publish.toml.5'],
    pages: ['operations.md', 'sources.md', 'commands.md', 'SECURITY.md'],
    more(tree) {
      tree.add('/usr/lib/relaymap-publish/hide-keys', own('relaymap-publisher', 'hide-keys'), 0o755);
      tree.add('/etc/logrotate.d/relaymap-publisher', own('relaymap-publisher', 'logrotate'));
      tree.add('/usr/share/doc/relaymap-publisher/examples/cosign.toml', own('relaymap-publisher', 'cosign.toml'));
      const rules = 'relaymap-publish.rules.yml';
      tree.add(
        `/usr/share/doc/relaymap-publisher/examples/${rules}`,
        readFileSync(path.join(root, 'packaging/prometheus', rules), 'utf8'),
      );
    },
  },
];

function own(name, file) {
  return readFileSync(path.join(root, 'packaging/debian', name, file), 'utf8');
}

function git(...args) {
  const { status, stdout } = spawnSync('git', ['-C', root, '-c', `safe.directory=${root}`, ...args], {
    encoding: 'utf8',
  });
  return status === 0 ? stdout.trim() : undefined;
}

function fail(message) {
  console.error(`package: ${message}`);
  process.exit(2);
}

async function build(each) {
  const { name, library, command } = each;
  const tree = new Tree(path.join(values.out, `.${name}`), seconds);
  for (const file of await builtFiles(each.built)) {
    const content = readFileSync(path.join(root, 'dist', file), 'utf8');
    // Debian's own Node, whatever an administrator's PATH finds first.
    tree.add(
      `${library}/${file}`,
      content.replace(/^#!.*/, '#!/usr/bin/node'),
      content.startsWith('#!') ? 0o755 : 0o644,
    );
  }
  tree.add(
    `${library}/package.json`,
    `${JSON.stringify({ name: 'relaymap', version, type: 'module', private: true })}\n`,
  );
  tree.link(`/usr/bin/${command}`, `../${library.slice('/usr/'.length)}/${each.entry}`);
  for (const unit of each.units) tree.add(`/usr/lib/systemd/system/${unit}`, own(name, unit));
  for (const page of each.manual) {
    const section = page.slice(-1);
    tree.add(`/usr/share/man/man${section}/${page}.gz`, gzipped(readFileSync(path.join(root, 'packaging/man', page))));
  }
  const model = await commandModel(command);
  tree.add(`/usr/share/bash-completion/completions/${command}`, completion.bash(model));
  tree.add(`/usr/share/zsh/vendor-completions/_${command}`, completion.zsh(model));
  tree.add(`/usr/share/fish/vendor_completions.d/${command}.fish`, completion.fish(model));
  each.more(tree);

  const bundled = await bundledPackages(each.source);
  const doc = `/usr/share/doc/${name}`;
  for (const page of each.pages) tree.add(`${doc}/${page}`, readFileSync(path.join(root, 'docs', page), 'utf8'));
  tree.add(`${doc}/copyright`, copyright(bundled));
  tree.add(`${doc}/changelog.gz`, gzipped(changelog(name, version, maintainer, seconds, commit)));
  tree.add(`${doc}/sbom.cdx.json`, sbom(name, version, bundled, seconds));
  tree.add(`${doc}/examples/${command}.toml`, own(name, `${command}.toml`));
  tree.add(`/usr/share/lintian/overrides/${name}`, own(name, 'lintian-overrides'));

  const conffiles = tree.files().filter((file) => file.startsWith('/etc/'));
  if (conffiles.length > 0) tree.add('/DEBIAN/conffiles', `${conffiles.join('\n')}\n`);
  for (const script of ['postinst', 'prerm', 'postrm']) tree.add(`/DEBIAN/${script}`, own(name, script), 0o755);
  if (name === 'relaymap') tree.add('/DEBIAN/triggers', own(name, 'triggers'));
  tree.add('/DEBIAN/md5sums', tree.md5sums());
  const size = tree.installedSize();
  const control = own(name, 'control')
    .replace('@VERSION@', version)
    .replace('@SIZE@', String(size))
    .replace('@MAINTAINER@', maintainer);
  tree.add('/DEBIAN/control', control);
  const target = path.join(values.out, `${name}_${version}_all.deb`);
  tree.build(target);
  rmSync(tree.folder, { recursive: true });
  console.log(`${target}  ${size} KiB installed, without Node`);
}

mkdirSync(values.out, { recursive: true });
for (const file of readdirSync(values.out)) if (file.endsWith('.deb')) rmSync(path.join(values.out, file));
for (const each of PACKAGES) await build(each);
