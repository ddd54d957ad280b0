// A publishing host with root keys beside it, and the file that signs, copied alone into a folder of its own: where the
// tests of key ring steps begin.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { Central, people, type Setup } from '../publisher/central.ts';
import { BIN_FOLDER } from './bin-folder.ts';
import type { Finished } from './finished.ts';
import { sha256, SigningKey } from './forger.ts';

export class Ceremony {
  readonly central: Central;
  /** The key directory of the gateways. */
  readonly keys: string;
  readonly signer: string;

  constructor(setup: Setup = {}, first = 1) {
    this.central = new Central(setup);
    this.keys = this.at('gateway');
    mkdirSync(path.join(this.keys, 'root'), { recursive: true });
    this.central.keys.forEach((key, i) => writeFileSync(this.at(`${i}.pub`), key.publicPem));
    for (let i = 0; i < first; i++) copyFileSync(this.at(`${i}.pub`), path.join(this.keys, `${i}.pub`));
    mkdirSync(this.at('alone'));
    this.signer = this.at('alone', 'relaymap-sign.cjs');
    copyFileSync(path.join(BIN_FOLDER, 'relaymap-sign.cjs'), this.signer);
    this.sign('keyring', 'init', '--out', this.at('roots'));
    for (const i of [1, 2, 3])
      copyFileSync(this.at('roots', `root-${i}.pub`), path.join(this.keys, 'root', `root-${i}.pub`));
    this.central.rows(people(30));
  }

  at = (...names: string[]): string => this.central.at(...names);

  keyid = (i: number): string => this.central.keys[i]?.keyid ?? '';

  /** Another key of the publishing host. */
  key(name: string): SigningKey {
    const key = new SigningKey();
    writeFileSync(this.at(`${name}.key`), key.privatePem, { mode: 0o600 });
    writeFileSync(this.at(`${name}.pub`), key.publicPem);
    return key;
  }

  /** Types a command of the file that signs, in an empty folder with an empty environment; it must end well. */
  sign(...args: string[]): string {
    const done = this.tries(...args);
    expect(done.status, done.stdout + done.stderr).toBe(0);
    return done.stdout;
  }

  tries(...args: string[]): Finished {
    return this.types('', ...args);
  }

  types(input: string, ...args: string[]): Finished {
    const file = this.signer ?? path.join(BIN_FOLDER, 'relaymap-sign.cjs');
    const done = spawnSync(process.execPath, [file, ...args], {
      cwd: path.dirname(file),
      env: {},
      input,
      encoding: 'utf8',
    });
    return { status: done.status ?? -1, stdout: done.stdout, stderr: done.stderr };
  }

  /** Proposes a step after those that are out. */
  propose(name: string, ...change: string[]): string {
    const file = this.at(`${name}.json`);
    this.sign('keyring', 'propose', '--keys', this.keys, '--published', this.central.output, '--out', file, ...change);
    return file;
  }

  /** Has these root keys sign it. */
  signedBy(file: string, ...roots: number[]): string {
    for (const root of roots) {
      this.sign('sign', file, '--key', this.at('roots', `root-${root}.key`), '--yes', digestOf(file));
    }
    return file;
  }

  publishes = (...args: string[]): Promise<Finished> => this.central.run(['keyring', 'publish', ...args]);

  step = (number: number): Buffer => readFileSync(path.join(this.central.output, 'keyring', `${number}.json`));

  /** The signing keys of the configuration. */
  configure(...files: string[]): void {
    this.central.configure({ top: `keys = [${files.map((file) => JSON.stringify(file)).join(', ')}]` });
  }
}

export function payloadOf(file: string): Buffer {
  const { payload } = JSON.parse(readFileSync(file, 'utf8')) as { payload: string };
  return Buffer.from(payload, 'base64');
}

export const digestOf = (file: string): string => sha256(payloadOf(file));
