/** References that Active Directory gives for a search from the root of a domain. Pure. */
const WITHOUT_RECIPIENTS = /^(DC=(DomainDnsZones|ForestDnsZones)|CN=(Configuration|Schema)),/i;

/** Whether a reference leads to a part of the directory that has no recipients: zones of DNS, the configuration. */
export const hasNoRecipients = (reference: string): boolean => WITHOUT_RECIPIENTS.test(dnOf(reference));

/** The DN of an LDAP URL; empty if it cannot be read. */
function dnOf(url: string): string {
  try {
    return decodeURIComponent(/^ldaps?:\/\/[^/]*\/([^?]*)/i.exec(url)?.[1] ?? '');
  } catch {
    return ''; // a DN that cannot be read matches none
  }
}
