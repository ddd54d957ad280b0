/** Whether a map's value says that its key takes no mail. Pure. */

/** Actions of access(5) that do not deliver, reply codes, and the transports and mailers that refuse. */
const REFUSING = new RegExp(
  [
    String.raw`^"?(?:reject|discard|defer|defer_if_reject|defer_if_permit)(?:\s|"|$)`,
    String.raw`^"?[45](?:\d\d(?:\D|$)|\.\d{1,3}\.\d{1,3}(?:\s|"|$))`,
    String.raw`^"?(?:error|retry|discard):`,
    // cPanel writes it in quotes.
    String.raw`^"?:(?:fail|defer|unknown|blackhole):`,
  ].join('|'),
  'i',
);

export const refusesMail = (value: string): boolean => REFUSING.test(value);
