/**
 * Where a public key stands in a PEM text: apart from what judges it, since a health check only asks whether it has
 * changed. Pure.
 */
const BLOCK = /-----BEGIN PUBLIC KEY-----[^-]*-----END PUBLIC KEY-----/g;

/** The base64 of each block, without its white space; what stands around the blocks is no part of them. */
export const publicKeyBlocks = (pem: string): string[] =>
  [...pem.matchAll(BLOCK)].map(([block]) => block.replace(/-----[^-]*-----|[ \t\r\n]/g, ''));
