// Real holders of keys, each in a folder of its own: OpenSSH's agent, gpg-agent, and SoftHSM behind pkcs11-tool.
// They end with the test.
import { execFileSync, spawn } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';

export interface HeldKey {
  /** PEM (SPKI) of the public half. */
  readonly publicPem: string;
  /** Where an agent listens, or the program that signs. */
  readonly socket: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

function folder(): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-agent-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Starts a program that stays in the foreground, and waits for its socket. */
async function listening(file: string, args: readonly string[], socket: string, env: Record<string, string> = {}) {
  const child = spawn(file, args, { stdio: 'ignore', env: { ...process.env, ...env } });
  onTestFinished(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  while (!existsSync(socket)) {
    if (child.exitCode !== null) throw new Error(`${file} ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** `ssh-ed25519 AAAA... comment` as PEM. */
function pemOf(line: string): string {
  const raw = Buffer.from(line.split(' ')[1] ?? '', 'base64').subarray(-32);
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
  return createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ type: 'spki', format: 'pem' }).toString();
}

/** OpenSSH's agent with an Ed25519 key, and an RSA key that is of no use. */
export async function sshAgent(): Promise<HeldKey> {
  const dir = folder();
  const socket = path.join(dir, 'agent');
  await listening('ssh-agent', ['-D', '-a', socket], socket);
  const add = (kind: string, ...more: string[]) => {
    execFileSync('ssh-keygen', ['-q', '-t', kind, ...more, '-N', '', '-C', `the ${kind}`, '-f', path.join(dir, kind)]);
    execFileSync('ssh-add', ['-q', path.join(dir, kind)], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
    rmSync(path.join(dir, kind)); // the agent alone holds it
  };
  add('rsa', '-b', '2048');
  add('ed25519');
  const publicPem = pemOf(readFileSync(path.join(dir, 'ed25519.pub'), 'utf8'));
  return { publicPem, socket, argv: [], env: { SSH_AUTH_SOCK: socket } };
}

/** gpg-agent's ssh socket with the same kind of key. */
export async function gpgAgent(): Promise<HeldKey> {
  const dir = folder();
  const env = { GNUPGHOME: dir };
  writeFileSync(path.join(dir, 'gpg-agent.conf'), 'enable-ssh-support\nallow-preset-passphrase\n');
  const socket = path.join(dir, 'S.gpg-agent.ssh');
  execFileSync('gpg-agent', ['--daemon'], { env: { ...process.env, ...env }, stdio: 'ignore' });
  onTestFinished(() => void execFileSync('gpgconf', ['--kill', 'gpg-agent'], { env: { ...process.env, ...env } }));
  const made = ['--batch', '--pinentry-mode', 'loopback', '--passphrase', '', '--quick-gen-key'];
  execFileSync('gpg', [...made, 'signer@example.org', 'ed25519', 'sign'], {
    env: { ...process.env, ...env },
    stdio: 'ignore',
  });
  const listed = execFileSync('gpg', ['--with-keygrip', '--with-colons', '-K'], { env: { ...process.env, ...env } });
  const grip = /^grp:+([0-9A-F]{40}):/m.exec(listed.toString())?.[1] ?? '';
  writeFileSync(path.join(dir, 'sshcontrol'), `${grip}\n`);
  const lines = execFileSync('ssh-add', ['-L'], { env: { ...process.env, SSH_AUTH_SOCK: socket } }).toString();
  return { publicPem: pemOf(lines), socket, argv: [], env: { SSH_AUTH_SOCK: socket } };
}

const MODULE = '/usr/lib/softhsm/libsofthsm2.so';

/** A key that SoftHSM made and does not give away. */
export function softHsm(): HeldKey {
  const dir = folder();
  const env = { SOFTHSM2_CONF: path.join(dir, 'softhsm2.conf') };
  mkdirSync(path.join(dir, 'tokens'));
  writeFileSync(env.SOFTHSM2_CONF, `directories.tokendir = ${path.join(dir, 'tokens')}\n`);
  const type = (file: string, ...args: string[]) =>
    execFileSync(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] }).toString();
  type('softhsm2-util', '--init-token', '--free', '--label', 'roots', '--pin', '1234', '--so-pin', '5678');
  const tool = ['--module', MODULE, '--login', '--pin', '1234'];
  type('pkcs11-tool', ...tool, '--keypairgen', '--key-type', 'EC:edwards25519', '--id', '01', '--label', 'root');
  type('pkcs11-tool', '--module', MODULE, '--read-object', '--type', 'pubkey', '--id', '01', '-o', path.join(dir, 'p'));
  const publicPem = readFileSync(path.join(dir, 'p'), 'utf8');
  const argv = ['/usr/bin/pkcs11-tool', ...tool, '--sign', '--mechanism', 'EDDSA', '--id', '01'];
  return { publicPem, socket: '', argv, env };
}
