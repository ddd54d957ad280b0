// The same surroundings for every test, whoever starts it and where: what a host's own environment would change of
// the commands is taken out of it before any test runs, and files get the modes that most hosts give them. Named in
// the `setupFiles` of every suite.

/** Variables that mean something to the commands, or to what they and the tests start. */
const FOREIGN: readonly RegExp[] = [
  /^(https?|no|all)_proxy$/i,
  /^(NOTIFY_SOCKET|WATCHDOG_(USEC|PID)|JOURNAL_STREAM|LISTEN_\w+|MAIL_CONFIG)$/,
  /^NODE_(OPTIONS|DEBUG|EXTRA_CA_CERTS|TLS_REJECT_UNAUTHORIZED|USE_ENV_PROXY)$/,
  /^(SSL_CERT_(FILE|DIR)|OPENSSL_CONF|LD_PRELOAD|FAKETIME\w*|FORCE_COLOR|UV_THREADPOOL_SIZE)$/,
  /^(LANG|LANGUAGE|LC_\w+|PG[A-Z]+|MYSQL_\w+|MARIADB_\w+|LDAP\w+)$/,
];
const PROXY = FOREIGN[0] ?? /^$/;
const KEPT = 'RELAYMAP_TEST_HOST_';

for (const [name, value] of Object.entries(process.env)) {
  if (!FOREIGN.some((pattern) => pattern.test(name))) continue;
  delete process.env[name];
  if (PROXY.test(name) && value !== undefined) process.env[KEPT + name] = value;
}
process.env['LC_ALL'] = 'C.UTF-8';
process.umask(0o022);

/** How this host reaches its mirror of Debian, for what has to. */
export const hostProxies = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      name.startsWith(KEPT) && value !== undefined ? [[name.slice(KEPT.length), value]] : [],
    ),
  );
