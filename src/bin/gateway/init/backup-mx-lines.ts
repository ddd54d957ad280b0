/** What `init --backup-mx` says of names, routes and what only a person can set: words, and only what was seen. */
import { shell } from '../../../gateway/mta/postfix/shell-lines.ts';
import type { PostfixConfig } from '../../../gateway/mta/postfix/main-cf.ts';
import { paragraph } from '../../../gateway/say/wrap.ts';
import type { Outlook } from './backup-mx.ts';

/** What remains to be done by hand. */
export function outlookLines(outlook: Outlook, { main }: PostfixConfig): string[] {
  const tls = !['', 'none'].includes(main.get('smtpd_tls_security_level') ?? '') || main.get('smtpd_use_tls') === 'yes';
  const size = main.get('message_size_limit') ?? '10240000';
  return [
    ...routes(outlook),
    'What this host cannot set itself:',
    ...[
      ...helo(outlook),
      ...pointers(outlook),
      ...mx(outlook),
      ...behindNat(outlook),
      'Port 25 must be open to the Internet, both ways.',
      `The primary must take messages of ${size} bytes (message_size_limit here), or this host has to return them: postconf -e message_size_limit=N.`,
      ...(tls ? [] : ['There is no certificate for TLS: apt-get install ssl-cert, and type this again.']),
    ].flatMap((text) => paragraph(`- ${text}`)),
  ];
}

function routes({ routes: all, unasked }: Outlook): string[] {
  const lines = all.flatMap(({ domain, is, to }) => {
    if (is === 'primary') return [`Mail for ${domain} goes to ${to ?? ''}, its best MX.`];
    if (is === 'none')
      return [`DNS knows neither an MX nor an address of ${domain}: its mail would be returned. Use --primary HOST.`];
    return [
      `Where mail for ${domain} goes DNS could not say now. It goes to its MX; if this host is to be the only one, use --primary HOST.`,
    ];
  });
  const rest = unasked === 0 ? [] : [`${unasked} more domains go to their MX, and were not looked up.`];
  return [...lines, ...rest].flatMap(paragraph);
}

function helo({ self, own }: Outlook): string[] {
  const { name } = self;
  if (!/\.[a-z]/i.test(name) || /\.(localdomain|local|lan|internal)$/i.test(name))
    return [
      `HELO: this host calls itself ${name}, which is no name that the Internet knows. Type this again with --hostname NAME.`,
    ];
  if (own.addresses === null)
    return [`HELO: ${name} must have an A or AAAA record with this host's address; DNS could not be asked.`];
  if (own.addresses.length === 0)
    return [`HELO: DNS has no address of ${name}. Add an A or AAAA record with this host's address.`];
  return [];
}

function pointers({ self, own }: Outlook): string[] {
  if (own.addresses === null || own.addresses.length === 0)
    return [`PTR: the name of this host's address must be ${self.name}; who gave you the address sets it.`];
  return own.pointers.map(({ address, names }) => {
    const now =
      names === null
        ? 'DNS could not be asked'
        : names.length === 0
          ? 'now there is none'
          : `now it is ${names.join(', ')}`;
    return `PTR: the name of ${address} must be ${self.name} (${now}); who gave you the address sets it.`;
  });
}

function mx({ self, routes: all }: Outlook): string[] {
  const missing = all.filter(({ isNamed }) => isNamed === false).map(({ domain }) => domain);
  if (missing.length > 0)
    return [
      `MX: ${missing.join(', ')} does not name this host yet. Beside the primary, with a higher number: ${missing[0] ?? ''}. IN MX 20 ${self.name}.`,
    ];
  if (all.length > 0 && all.every(({ isNamed }) => isNamed === true)) return [];
  return [
    `MX: each domain of the list must name this host beside the primary, with a higher number: MX 20 ${self.name}.`,
  ];
}

function behindNat({ own }: Outlook): string[] {
  if (own.elsewhere.length === 0) return [];
  const line = `postconf -e ${shell(`proxy_interfaces = ${own.elsewhere.join(', ')}`)}`;
  return [
    `NAT: ${own.elsewhere.join(', ')} is on no interface of this host. If it is its address outside, Postfix must know, or mail may come back to it: ${line}`,
  ];
}
