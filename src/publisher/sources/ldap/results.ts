/** What a directory's result codes mean for a reader, in words (RFC 4511, appendix A). */

export const NO_SUCH_METHOD = 7;
export const RESULT: Readonly<Record<number, string>> = {
  3: 'gave only a part, up to its time limit',
  4: 'gave only a part, up to its size limit; let this reader have all (OpenLDAP: limits ... size=unlimited)',
  8: 'wants TLS or another way to log in',
  7: 'does not know this way to log in',
  10: 'refers to another server; name that one',
  11: 'gave only a part, up to a limit of its own; let this reader have all (OpenLDAP: limits ... size.prtotal=unlimited)',
  12: 'cannot give its entries in pages (RFC 2696), and so nobody could tell a part from the whole; name a server that can',
  32: 'has no such base_dn',
  49: 'refused bind_dn and password',
  51: 'is too busy',
  52: 'is not available',
};
