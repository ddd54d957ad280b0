// Private directories in temporary folders, on loopback: OpenLDAP's slapd, and a domain controller of Samba's on an
// address of its own. A guardian process stops each when the test ends, and just as well when the test process dies
// in any other way.
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { authority } from '../support/endpoint.ts';
import { dismiss, guardServer } from '../support/guardian.ts';
import { freePort, until } from '../support/postfix.ts';

const run = promisify(execFile);
export const PASSWORD = 'Pa55 word.';

export interface RunningDirectory {
  readonly dir: string;
  readonly base: string;
  /** A DN whose password is PASSWORD. */
  readonly admin: string;
  /** Keys of a source that say who asks and how it is secured. */
  readonly tls: Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
}

/** A folder with the test authority, a certificate of its for these names, and the password. */
function folder(kind: string, names: string): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), `relaymap-${kind}-`));
  const { key, cert } = authority();
  writeFileSync(path.join(dir, 'ca.pem'), cert);
  writeFileSync(path.join(dir, 'ca.key'), key, { mode: 0o600 });
  writeFileSync(path.join(dir, 'names'), `subjectAltName=${names}\n`);
  const make = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'tls.key', '-out', 'csr'];
  const sign = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names', '-days', '2'];
  execFileSync('openssl', ['req', ...make, '-subj', '/CN=directory'], { cwd: dir, stdio: 'pipe' });
  execFileSync('openssl', ['x509', '-req', '-in', 'csr', ...sign, '-out', 'tls.pem'], { cwd: dir, stdio: 'pipe' });
  chmodSync(path.join(dir, 'tls.key'), 0o600);
  writeFileSync(path.join(dir, 'password'), `${PASSWORD}\n`, { mode: 0o600 });
  return dir;
}

async function listening(dir: string, port: number, host: string): Promise<void> {
  const { connect } = await import('node:net');
  const tried = async () => {
    const socket = connect({ port, host });
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    return open;
  };
  try {
    await until(`${host}:${port} listens`, tried, 300);
  } catch (error) {
    throw new Error(readFileSync(path.join(dir, 'log'), 'utf8').slice(-2000), { cause: error });
  }
}

export interface Slapd extends RunningDirectory {
  readonly ldap: string;
  readonly ldaps: string;
  /** Through a socket. */
  readonly ldapi: string;
  readonly port: number;
}

export interface SlapdOptions {
  /** Attributes and classes beside those of the package. */
  readonly schema?: string;
  readonly suffix?: string;
  /** Everybody may read everything, as a Postfix of the test's own does. */
  readonly open?: boolean;
}

/** What is above the entries of a test. */
const TOP = 'dn: dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n';

/**
 * An OpenLDAP that lets nobody have more than 500 entries of a search, in pages or not; but for `cn=reader`, who
 * may have all, 500 at a time.
 * @param entries in LDIF, below `dc=example,dc=org`, which is there.
 */
export async function startSlapd(entries: string, options: SlapdOptions = {}): Promise<Slapd> {
  const dir = folder('slapd', 'DNS:localhost,IP:127.0.0.1');
  const base = options.suffix ?? 'dc=example,dc=org';
  const [port, securePort] = [await freePort(), await freePort()];
  mkdirSync(path.join(dir, 'data'));
  writeFileSync(
    path.join(dir, 'slapd.conf'),
    `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/misc.schema
include ${dir}/own.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile ${dir}/pid
TLSCACertificateFile ${dir}/ca.pem
TLSCertificateFile ${dir}/tls.pem
TLSCertificateKeyFile ${dir}/tls.key
sizelimit ${options.open === true ? 'unlimited' : 500}
database mdb
maxsize 268435456
suffix "${base}"
directory ${dir}/data
rootdn "cn=admin${base === '' ? '' : `,${base}`}"
index objectClass,mail eq
rootpw ${JSON.stringify(PASSWORD)}
${options.open === true ? '' : `limits dn.exact="cn=reader,${base}" size.pr=500 size.prtotal=unlimited`}
access to attrs=userPassword by anonymous auth by * none
${options.open === true ? 'access to * by * read' : ''}
${options.open === true ? '' : `access to * by dn.exact="cn=reader,${base}" read by dn.exact="cn=limited,${base}" read by * none`}
`,
  );
  // qmail-ldap's and another's, as far as the tests need them.
  writeFileSync(
    path.join(dir, 'own.schema'),
    options.schema ??
      `attributetype ( 1.3.6.1.4.1.7914.1.2.1.2 NAME 'mailAlternateAddress' EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26{256} )
attributetype ( 1.3.6.1.4.1.7914.1.2.1.14 NAME 'accountStatus' EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26{256} )
objectclass ( 1.3.6.1.4.1.7914.1.2.2.1 NAME 'qmailUser' SUP top AUXILIARY MAY ( mailAlternateAddress $ accountStatus ) )
`,
  );
  const reader = (name: string) =>
    `dn: cn=${name},${base}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: ${name}\nuserPassword: ${PASSWORD}\n\n`;
  const whole = options.open === true ? entries : `${TOP}${reader('reader')}${reader('limited')}${entries}`;
  writeFileSync(path.join(dir, 'data.ldif'), whole);
  const conf = path.join(dir, 'slapd.conf');
  await run('slapadd', ['-q', '-f', conf, '-l', path.join(dir, 'data.ldif')], {
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
  });
  const socket = path.join(dir, 'ldapi');
  const urls = `ldapi://${encodeURIComponent(socket)} ldap://127.0.0.1:${port}/ ldaps://127.0.0.1:${securePort}/ ldaps://127.0.0.2:${securePort}/ ldap://127.0.0.2:${port}/`;
  const guardian = guardServer(dir, 'TERM', ['slapd', '-d', '0', '-f', conf, '-h', urls]);
  await listening(dir, port, '127.0.0.1');
  return {
    dir,
    base,
    port,
    ldapi: `ldapi://${encodeURIComponent(socket)}`,
    ldap: `ldap://localhost:${port}`,
    ldaps: `ldaps://localhost:${securePort}`,
    admin: `cn=admin,${base}`,
    tls: { ca_file: path.join(dir, 'ca.pem'), password_file: path.join(dir, 'password'), bind_dn: `cn=reader,${base}` },
    stop: () => dismiss(guardian, 'a directory'),
  };
}

export interface DomainController extends RunningDirectory {
  /** An address of 127.0.0.0/8 with the ports of LDAP. */
  readonly address: string;
}

/** A new domain `example.test` on a Samba that answers LDAP and nothing else. */
export async function startSamba(): Promise<DomainController> {
  // Its ports are fixed, so that it gets an address of its own.
  const address = `127.77.${process.pid % 250}.${Math.floor(process.pid / 250) % 250 || 1}`;
  const dir = folder('samba', `IP:${address}`);
  chmodSync(dir, 0o755);
  const own = path.join(dir, 'dc');
  mkdirSync(own);
  const options = [
    `posix:eadb = ${dir}/eadb.tdb`, // a temporary folder may have no extended attributes
    'ldb:nosync = true', // nothing here outlives the test
    'bind interfaces only = yes',
    `interfaces = ${address}/8`,
    `log file = ${dir}/samba.log`,
    `tls keyfile = ${dir}/tls.key`,
    `tls certfile = ${dir}/tls.pem`,
    `tls cafile = ${dir}/ca.pem`,
  ].map((each) => `--option=${each}`);
  const domain = ['--realm=EXAMPLE.TEST', '--domain=EXAMPLE', '--server-role=dc', '--dns-backend=NONE'];
  const host = [`--host-ip=${address}`, '--host-name=dc1', `--adminpass=${PASSWORD}`, `--targetdir=${own}`];
  await run('samba-tool', ['domain', 'provision', ...domain, ...host, ...options], { maxBuffer: 1 << 24 });
  const conf = path.join(own, 'etc', 'smb.conf');
  // options given at provisioning are partly left out of what it writes.
  const all = [
    ...options,
    '--option=server services = ldap',
    `--option=ncalrpc dir = ${dir}/ncalrpc`,
    `--option=pid directory = ${dir}`,
  ];
  const guardian = guardServer(dir, 'TERM', ['samba', '-F', '-M', 'single', '--debug-stdout', '-s', conf, ...all]);
  await listening(dir, 636, address);
  const base = 'DC=example,DC=test';
  const admin = `CN=Administrator,CN=Users,${base}`;
  return {
    dir,
    base,
    address,
    admin,
    tls: { ca_file: path.join(dir, 'ca.pem'), password_file: path.join(dir, 'password'), bind_dn: admin },
    stop: () => dismiss(guardian, 'a directory'),
  };
}
