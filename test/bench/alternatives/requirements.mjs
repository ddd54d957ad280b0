// Says in words what this benchmark needs and does not find. Installs nothing.
import { existsSync } from 'node:fs';

/** A file of each package of Debian. */
const PACKAGES = {
  postfix: ['/usr/sbin/postmap'],
  'postfix-cdb': ['/usr/lib/postfix/postfix-cdb.so'],
  'postfix-lmdb': ['/usr/lib/postfix/postfix-lmdb.so'],
  'postfix-ldap': ['/usr/lib/postfix/postfix-ldap.so'],
  'postfix-pgsql': ['/usr/lib/postfix/postfix-pgsql.so'],
  'postfix-mysql': ['/usr/lib/postfix/postfix-mysql.so'],
  slapd: ['/usr/sbin/slapd'],
  postgresql: ['/usr/lib/postgresql'],
  'mariadb-server': ['/usr/sbin/mariadbd'],
  openssl: ['/usr/bin/openssl'],
};

/** @returns why it cannot run here, or undefined. */
export function obstacle() {
  const missing = Object.entries(PACKAGES).filter(([, files]) => !files.every((file) => existsSync(file)));
  if (missing.length > 0) {
    const names = missing.map(([name]) => name).join(' ');
    return `packages of Debian are missing: apt-get install --no-install-recommends ${names}`;
  }
  return process.getuid() === 0 ? undefined : 'needs root: Postfix starts its processes as other users';
}
