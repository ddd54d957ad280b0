// Says in words which programs the benchmark needs and does not find. Installs nothing.
import { spawnSync } from 'node:child_process';

/** Program and the Debian package that has it. */
const PROGRAMS = [
  ['bash', 'bash'],
  ['curl', 'curl'],
  ['openssl', 'openssl'],
  ['/usr/bin/time', 'time'],
  ['flock', 'util-linux'],
  ['gunzip', 'gzip'],
  ['awk', 'mawk'],
  ['postmap', 'postfix'],
  ['rsync', 'rsync'],
  ['strace', 'strace'],
];

/** Packages to install; empty where all is there. */
export function missingPackages() {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  const succeeds = (command) => spawnSync('sh', ['-c', command], { env, stdio: 'ignore' }).status === 0;
  const missing = PROGRAMS.filter(([program]) => !succeeds(`command -v ${program}`)).map(([, name]) => name);
  // The table types of all packages are listed there, whatever the configuration says.
  if (!succeeds('test -e /usr/lib/postfix/postfix-cdb.so || postconf -m | grep -qx cdb')) missing.push('postfix-cdb');
  return missing;
}
