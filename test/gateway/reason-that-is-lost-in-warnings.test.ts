// Postfix's commands warn of each oddity of main.cf before they say why they ended: the reason alone goes into a
// message.
import { expect, test } from 'vitest';
import { reasonOf } from '../../src/gateway/mta/postfix/commands.ts';

test.each([
  [
    'postconf: warning: /etc/postfix/main.cf: multiple entries for "relay_domains"\npostconf: fatal: close main.cf.tmp: no',
    'close main.cf.tmp: no',
  ],
  [
    'postmap: warning: main.cf: unused parameter\npostmap: fatal: open database x.db: gone\n',
    'open database x.db: gone',
  ],
  ['postmap: warning: tcp: connect: refused', 'tcp: connect: refused'],
  ['spawn ENOENT', 'spawn ENOENT'],
  ['', ''],
])('%j', (stderr, reason) => expect(reasonOf(stderr)).toBe(reason));
