/** The directories whose attributes are known, by preset name (docs/commands.md section 3). Pure. */
import { activeDirectory, freeipa, openldap } from './presets/general.ts';
import { iredmailLdap } from './presets/iredmail-ldap.ts';
import { kopano, postfixBook, qmailLdap } from './presets/mail-servers.ts';
import type { Question } from './presets/question.ts';
import { zimbra } from './presets/zimbra.ts';

export const PRESETS: Readonly<Record<string, Question>> = {
  'active-directory': activeDirectory,
  openldap,
  freeipa,
  'postfix-book': postfixBook,
  'qmail-ldap': qmailLdap,
  'iredmail-ldap': iredmailLdap,
  zimbra,
  kopano,
};
