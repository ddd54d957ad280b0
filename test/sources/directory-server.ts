// A private 389 Directory Server, the directory of FreeIPA, on loopback: configuration, schema, data and logs in a
// temporary folder. A guardian process stops it and removes its folder, also when the test process dies.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { dismiss, guardServer, serverEnv } from '../support/guardian.ts';
import { freePort, until } from '../support/postfix.ts';

const run = promisify(execFile);
const SHARED = '/usr/share/dirsrv';

/** @param ldif all entries, the one of the suffix first. Everybody may read them. */
export async function startDirectoryServer(
  suffix: string,
  ldif: string,
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-389ds-'));
  chmodSync(dir, 0o755);
  const at = (...names: string[]) => path.join(dir, ...names);
  for (const name of ['etc', 'db', 'db/userroot', 'logs', 'run', 'lock', 'tmp', 'bak', 'ldif']) mkdirSync(at(name));
  cpSync(path.join(SHARED, 'schema'), at('etc', 'schema'), { recursive: true });
  const port = await freePort();
  writeFileSync(at('etc', 'dse.ldif'), `${configuration(dir, port, suffix).trimEnd()}\n\n${backend(dir, suffix)}`);
  writeFileSync(at('etc', 'slapd-collations.conf'), '');
  const access = '(targetattr="*")(version 3.0; acl "read"; allow (read, search, compare) userdn="ldap:///anyone";)';
  // The first entry is the suffix; its access rules hold for all below it.
  writeFileSync(at('ldif', 'data.ldif'), ldif.replace('\n\n', `\naci: ${access}\n\n`));
  await run('chown', ['-R', 'dirsrv', dir]);
  const load = ['ldif2db', '-D', at('etc'), '-n', 'userroot', '-i', at('ldif', 'data.ldif')];
  await run('ns-slapd', load, { env: serverEnv(), maxBuffer: 1 << 26 }).catch((error: unknown) => {
    throw new Error(logOf(dir), { cause: error });
  });
  const guardian = guardServer(dir, 'TERM', ['ns-slapd', '-D', at('etc'), '-d', '0', '-i', at('run', 'pid')]);
  try {
    await until(`the directory server answers on ${port}`, () => open(port), 120);
  } catch (error) {
    throw new Error(logOf(dir), { cause: error });
  }
  return { port, stop: () => dismiss(guardian, '389-ds') };
}

function logOf(dir: string): string {
  const file = path.join(dir, 'logs', 'errors');
  return existsSync(file) ? readFileSync(file, 'utf8').slice(-2000) : '(no log)';
}

async function open(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  const is = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  });
  socket.destroy();
  return is;
}

/** The package's own template, with folders of ours. */
function configuration(dir: string, port: number, suffix: string): string {
  const at = (name: string) => path.join(dir, name);
  const values: Readonly<Record<string, string>> = {
    schema_dir: at('etc/schema'),
    config_dir: at('etc'),
    cert_dir: at('etc'),
    lock_dir: at('lock'),
    tmp_dir: at('tmp'),
    ldif_dir: at('ldif'),
    bak_dir: at('bak'),
    run_dir: at('run'),
    inst_dir: at('etc'),
    log_dir: at('logs'),
    db_dir: at('db'),
    db_home_dir: at('db'),
    db_lib: 'bdb',
    ds_port: String(port),
    ds_user: 'dirsrv',
    // Nobody logs in as the administrator.
    ds_passwd: `{SSHA}${Buffer.concat([randomBytes(20), randomBytes(8)]).toString('base64')}`,
    ds_suffix: suffix,
    rootdn: 'cn=Directory Manager',
    fqdn: 'localhost',
    ldapi: at('run/ldapi'),
    ldapi_enabled: 'off',
    ldapi_autobind: 'off',
  };
  const template = readFileSync(path.join(SHARED, 'data', 'template-dse.ldif'), 'utf8');
  return template
    .replace(/%([a-z_]+)%/g, (_, name: string) => values[name] ?? '')
    .replace('nsslapd-port:', 'nsslapd-listenhost: 127.0.0.1\nnsslapd-port:');
}

const backend = (dir: string, suffix: string): string => `dn: cn=userroot,cn=ldbm database,cn=plugins,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsBackendInstance
cn: userroot
nsslapd-suffix: ${suffix}
nsslapd-directory: ${path.join(dir, 'db', 'userroot')}

dn: cn="${suffix}",cn=mapping tree,cn=config
objectClass: top
objectClass: extensibleObject
objectClass: nsMappingTree
cn: "${suffix}"
nsslapd-state: backend
nsslapd-backend: userroot
`;
