/**
 * Files like passwd(5): a name, then a colon or, in docker-mailserver, a bar, and other fields. Reads only the
 * name. Pure.
 */
import type { Entry } from '../../source-reader.ts';
import type { ReadingOptions } from '../text-options.ts';

/** System accounts have lower uids (login.defs, UID_MIN), and 65534 is nobody. */
const UID_MIN = 1000;
const NOBODY = 65534;

export async function* passwdEntries(
  options: ReadingOptions,
  batches: AsyncIterable<readonly string[]>,
): AsyncGenerator<Entry[]> {
  const { domain, left } = options;
  let number = 0;
  for await (const lines of batches) {
    const found: Entry[] = [];
    for (const line of lines) {
      number++;
      const text = line.trim();
      if (text === '' || text.startsWith('#')) continue;
      const fields = text.split(/[:|]/);
      const name = fields[0] ?? '';
      // `+::::::` and `-name::::::` are instructions to NIS (compat in nsswitch.conf).
      if (/^[+-]/.test(name) && !name.includes('@') && fields.length > 1) left.add('system', 'line');
      else if (isSystemAccount(fields)) left.add('system', 'line');
      else if (fields.length === 1 || name.includes('@') || domain === undefined) found.push({ number, text: name });
      else found.push({ number, text: `${name}@${domain}` });
    }
    yield found;
  }
}

/** In /etc/passwd the password is elsewhere. A mail server's own file has it here, and any uid. */
function isSystemAccount([name = '', password, uid = '', gid = '', ...rest]: readonly string[]): boolean {
  if (name.includes('@') || rest.length !== 3 || !/^(?:x|\*|!|!!)?$/.test(password ?? 'none') || !/^\d+$/.test(gid))
    return false;
  return /^\d+$/.test(uid) && (Number(uid) < UID_MIN || Number(uid) === NOBODY);
}
