// «In an emergency» of docs/operations.md: each line typed as it stands there, with a running Postfix to ask whether
// it helped. Only the paths are those of a temporary site.
import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { BIN_FOLDER } from '../support/bin-folder.ts';
import { clockAt } from '../support/clock.ts';
import { blocksOf, commandsOf } from '../support/pages.ts';
import { startGateway, type Postfix } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';
import type { Finished } from '../support/finished.ts';
import { answersSo, askOnce } from '../support/smtp.ts';

const PEOPLE = Array.from({ length: 40 }, (_, i) => `user${i}@example.org`);

/** The two lines below a heading. */
function linesFor(what: string): [string, string] {
  const blocks = blocksOf('docs/operations.md').filter(({ marks }) => marks[0] === 'emergency');
  const [first, second, ...more] = commandsOf(blocks.find(({ heading }) => heading.startsWith(what))?.text ?? '');
  if (first === undefined || second === undefined || more.length > 0) throw new Error(`not two lines for ${what}`);
  return [first, second];
}

class Host {
  readonly site: Site;
  readonly postfix: Postfix;

  private constructor(site: Site, postfix: Postfix) {
    this.site = site;
    this.postfix = postfix;
  }

  static async start(rows: readonly string[] = PEOPLE): Promise<Host> {
    const site = await createSite();
    onTestFinished(() => site.stop());
    const postfix = await startGateway({ mapDir: site.mapDir });
    onTestFinished(() => postfix.stop());
    Object.assign(site.env, postfix.env);
    await site.publishAndFetch(rows);
    const bin = path.join(site.dir, 'bin');
    await mkdir(bin);
    for (const [name, file, config] of [
      ['relaymap', 'relaymap.cjs', site.gatewayConfig],
      ['relaymap-publish', 'relaymap-publish.js', site.publisherConfig],
    ] as const) {
      const words = [process.execPath, path.join(BIN_FOLDER, file)].map((word) => `'${word}'`).join(' ');
      const options = `case $command in keygen) ;; *) set -- --config '${config}' "$@" ;; esac`;
      await writeFile(
        path.join(bin, name),
        `#!/bin/sh\ncommand=$1; shift\n${options}\nexec ${words} "$command" "$@"\n`,
      );
      await chmod(path.join(bin, name), 0o755);
    }
    return new Host(site, postfix);
  }

  /** Types a line of the page at this host's shell. */
  async types(line: string): Promise<Finished> {
    const { dir, mapDir, output, publisherConfig, env } = this.site;
    const places: [string, string][] = [
      ['/etc/postfix', this.postfix.configDir],
      ['/var/lib/relaymap/maps', mapDir],
      ['/media/usb/example-org', `${dir}/usb/output`],
      ['/media/usb', `${dir}/usb`],
      ['/srv/relaymap/example-org', output],
      ['/etc/relaymap/keys/example-org', `${dir}/keys`],
      ['/etc/relaymap-publish/relaymap-publish.toml', publisherConfig],
      ['/etc/relaymap-publish', `${dir}/signing`],
    ];
    const here = places.reduce((text, [theirs, ours]) => text.replaceAll(theirs, ours), line);
    expect(here).not.toMatch(/\/(etc|var|srv|media)\/(postfix|relaymap|lib|usb)/);
    const PATH = `${dir}/bin:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
    try {
      const done = await promisify(execFile)('sh', ['-c', here], {
        cwd: `${dir}/signing`,
        env: { ...process.env, ...env, PATH },
      });
      return { status: 0, ...done };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { status: code, stdout, stderr };
    }
  }

  async typesWell(line: string): Promise<string> {
    const { status, stdout, stderr } = await this.types(line);
    expect(status, stdout + stderr).toBe(0);
    return stdout;
  }

  codes = async (...recipients: string[]): Promise<number[]> =>
    (await askOnce(this.postfix.port, recipients)).map(({ code }) => code);

  /** Waits until Postfix has read its configuration again. */
  answers = (codes: readonly number[], ...recipients: string[]) => answersSo(this.postfix.port, codes, recipients);
}

test('one address must be accepted now: a local map after ours, which the next cycle leaves alone', async () => {
  const host = await Host.start();
  expect(await host.codes('new@example.org', 'user1@example.org')).toEqual([550, 250]);
  for (const line of linesFor('One address must be accepted now')) await host.typesWell(line);
  await host.answers([250, 250, 550], 'new@example.org', 'user1@example.org', 'nobody@example.org');
  await host.site.publishAndFetch([...PEOPLE, 'later@example.org']);
  expect(await host.codes('new@example.org', 'later@example.org', 'nobody@example.org')).toEqual([250, 250, 550]);
});

test('the newest list is wrong: back at once, held, and on again with the mended one', async () => {
  const host = await Host.start();
  await host.site.publishAndFetch([...PEOPLE.slice(5), 'wrong@example.org']);
  expect(await host.codes('user1@example.org', 'wrong@example.org')).toEqual([550, 250]);
  const [back, on] = linesFor('The newest list is wrong');
  expect(await host.typesWell(back)).toContain('back at version 1');
  expect(await host.codes('user1@example.org', 'wrong@example.org')).toEqual([250, 550]);
  expect((await host.site.relaymap('fetch')).status).toBe(1);
  expect(await host.codes('user1@example.org', 'wrong@example.org')).toEqual([250, 550]);
  await host.site.publish(PEOPLE);
  await host.typesWell(on);
  expect(await host.codes('user1@example.org', 'wrong@example.org')).toEqual([250, 550]);
  expect((await host.site.relaymap('health')).stdout).toMatch(/^RELAYMAP OK .*version 3/);
});

test('the list lacks someone: explained, mended, published, accepted', async () => {
  const host = await Host.start();
  const [explain, publish] = linesFor('The list lacks someone');
  const why = await host.types(explain);
  expect([why.status, why.stdout]).toEqual([
    1,
    expect.stringContaining('someone@example.org is not in the list: no source has it'),
  ]);
  await writeFile(`${host.site.dir}/recipients`, [...PEOPLE, 'someone@example.org'].join('\n'));
  await host.typesWell(publish);
  await host.site.fetch();
  expect(await host.codes('someone@example.org')).toEqual([250]);
  expect((await host.types(explain)).stdout).toContain('the published version 2 has it');
});

test('the central side is gone: mail goes on after the list has expired, and a newer one comes on a stick', async () => {
  const host = await Host.start();
  const { site } = host;
  await site.publish([...PEOPLE, 'last@example.org']);
  await site.fetch();
  Object.assign(site.env, clockAt('+8d')); // from now on, at this site
  expect((await site.relaymap('health')).stdout).toMatch(/expired/);
  expect((await site.relaymap('fetch')).status).toBe(1);
  expect((await site.relaymap('health')).status).toBe(2);
  expect(await host.codes('last@example.org', 'nobody@example.org')).toEqual([250, 550]);
  await site.publish([...PEOPLE, 'stick@example.org']);
  await mkdir(`${site.dir}/usb`);
  const asked = site.requests.length;
  for (const line of linesFor('The central side is gone')) await host.typesWell(line);
  expect(await host.codes('stick@example.org', 'last@example.org')).toEqual([250, 550]);
  expect(site.requests.length).toBe(asked);
  expect((await site.relaymap('health')).status).toBe(0);
});

test('the key is stolen: a new one is taken, the old one no longer counts, the maps never move', async () => {
  const host = await Host.start();
  const [central, gateway] = linesFor('The signing key is stolen');
  await host.typesWell(central);
  expect(await readFile(host.site.publisherConfig, 'utf8')).not.toContain('example-org.key');
  // Both have signed this once: a gateway that trusts only the old one still takes it.
  expect((await host.site.relaymap('fetch')).status).toBe(0);
  expect(await host.codes('user1@example.org', 'nobody@example.org')).toEqual([250, 550]);
  expect(await host.typesWell(gateway)).toMatch(/installed version 2|unchanged, version 2/);
  expect(await host.codes('user1@example.org', 'nobody@example.org')).toEqual([250, 550]);
  await host.site.publish([...PEOPLE, 'later@example.org']);
  await host.site.fetch();
  expect(await host.codes('later@example.org')).toEqual([250]);
  await signsInVain(host);
});

test('the key is lost: a new one goes on, the list and the maps stay', async () => {
  const host = await Host.start();
  const [central, gateway] = linesFor('The signing key is lost');
  await rename(`${host.site.dir}/signing/example-org.key`, `${host.site.dir}/lost.key`);
  await host.typesWell(central);
  // Not trusted yet: refused, and the list stays.
  expect((await host.site.relaymap('fetch')).stderr).toContain('BAD_SIGNATURE');
  expect(await host.codes('user1@example.org', 'nobody@example.org')).toEqual([250, 550]);
  expect(await host.typesWell(gateway)).toMatch(/installed version \d{10}/);
  expect(await host.codes('user1@example.org', 'nobody@example.org')).toEqual([250, 550]);
  await host.site.publish([...PEOPLE, 'later@example.org']);
  await host.site.fetch();
  expect(await host.codes('later@example.org')).toEqual([250]);
  await rename(`${host.site.dir}/lost.key`, `${host.site.dir}/signing/example-org.key`);
  await signsInVain(host);
});

/** Whoever has the old key publishes with it, under a version that nobody has reached. */
async function signsInVain({ site, codes }: Host): Promise<void> {
  const config = await readFile(site.publisherConfig, 'utf8');
  await writeFile(site.publisherConfig, config.replace(/"[^"]*new.key"/, `"${site.dir}/signing/example-org.key"`));
  await rm(`${site.output}/manifest.json`);
  await site.publish([...PEOPLE, 'thief@example.org'], '--next-version', '9000000000');
  expect((await site.relaymap('fetch')).stderr).toContain('BAD_SIGNATURE');
  expect(await codes('thief@example.org')).toEqual([550]);
}
