// What strangers try to have a mail server send to somebody that it has nothing to do with: forms of RCPT that one
// server or another has once taken. `own` is a domain that it relays, `victim` an address elsewhere.
export function relayAttempts(own: string, victim = 'victim@foreign.invalid'): readonly string[] {
  const [local = '', foreign = ''] = victim.split('@');
  return [
    victim,
    victim.toUpperCase(),
    `${victim}.`, // trailing dot
    `@${own}:${victim}`, // source route
    `@${own},@localhost:${victim}`,
    `${local}%${foreign}@${own}`, // percent hack
    `${local}%${foreign}@[127.0.0.1]`,
    `${local}%${foreign}`,
    `${foreign}!${local}`, // bang path
    `${foreign}!${local}@${own}`,
    `${own}!${foreign}!${local}`,
    `"${victim}"`, // quoted
    `"${victim}"@${own}`,
    `"${local}%${foreign}"@${own}`,
    `${victim}@${own}`, // two at signs
    `${local}@${own}@${foreign}`,
    `${local}@nobody.${own}`, // below a domain that is relayed
    `${local}@.${own}`,
    `${local}@${own}.${foreign}`, // ends like a stranger, begins like ours
    `${local}@[192.0.2.99]`, // address literals
    `${local}@[IPv6:2001:db8::99]`,
    `postmaster@${foreign}`,
    `postmaster@[192.0.2.99]`,
    `${local}+${own}@${foreign}`,
  ];
}

/** Whom a message may claim to come from: nobody, one of ours, the host itself. */
export const relaySenders = (own: string): readonly string[] => [
  '',
  `postmaster@${own}`,
  'root@localhost',
  'a@stranger.invalid',
];
